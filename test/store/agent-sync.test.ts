/**
 * Devices of one account that keep one another up to date: real histories, and between them a pipe that delays, keeps the
 * order of a session, and breaks. Times and breaks come from seeds.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { GroupState, OwnDeviceNews, SyncMessage } from '../../src/net/index.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../src/net/wire/messages.ts';
import { AgentChat } from '../../src/store/agent-chat.ts';
import { AgentSync } from '../../src/store/agent-sync.ts';
import { AgentSyncBesides } from '../../src/store/agent-sync-besides.ts';
import type { SafetyMark } from '../../src/store/safety-file.ts';
import { AgentScene, WALL_MS } from '../support/agent-scene.ts';
import { seededRandom } from '../support/seeded-random.ts';

const HOUR_MS = 3_600_000;
const BUDDY = { relation: 'both', presence: 'offline', lastSeenAtMs: 0, message: '', unread: 0 } as const;
const id = (n: number) => n.toString(16).padStart(32, '0');

class Device {
  readonly node: string;
  readonly scene: AgentScene;
  readonly sync: AgentSync;
  readonly chat: AgentChat;
  list = '<buddies/>';
  readonly merged: string[] = [];
  readonly besides: AgentSyncBesides;
  readonly marks: SafetyMark[] = [];

  constructor(n: number) {
    this.node = id(0xd000 + n);
    const random = seededRandom(`device ${n}`);
    this.scene = new AgentScene({ change: (options) => ({ ...options, random }) }).signedIn('alice1');
    this.chat = new AgentChat(this.scene.core, () => {});
    this.besides = new AgentSyncBesides(this.scene.core, {
      marks: () => this.marks,
      marked: (mark) => this.marks.push(mark),
    });
    this.sync = new AgentSync(this.scene.core, {
      onUnread: () => {},
      groups: this.chat.groups,
      onMissed: () => this.chat.tellMissed(),
      onHello: (node) => this.besides.hello(node),
      onGone: (node) => this.besides.gone(node),
      onBesides: (message) => this.besides.heard(message),
      buddies: () => this.list,
      mergeBuddies: (xml) => {
        this.merged.push(xml.toString());
        this.list = xml.toString();
      },
    });
    this.chat.onRead = (name) => this.sync.read(name);
    this.chat.groups.onState = (group) => this.sync.groupChanged(group);
    this.chat.groups.begin();
  }

  hears(n: number, text = `line ${n}`): void {
    const news = {
      type: 'received',
      from: 'bobby1',
      node: id(0xb),
      id: id(n),
      sequence: n,
      text,
      sentAtMs: 1,
    } as const;
    this.chat.fromMessenger(news);
  }

  texts(): string[] {
    return this.scene.core.history.history({ with: 'bobby1', limit: 200 }).map(({ text }) => text);
  }

  get unread(): number {
    return this.scene.core.history.unread().get('bobby1') ?? 0;
  }
}

class Pipe {
  readonly devices: Device[] = [];
  readonly random;
  now = WALL_MS;
  #way: { at: number; from: Device; to: Device; session: number; value: Message }[] = [];
  readonly #sessions = new Map<string, number>();
  carried = 0;

  constructor(seed = 'pipe') {
    this.random = seededRandom(seed);
  }

  device(): Device {
    const device = new Device(this.devices.length);
    this.devices.push(device);
    device.scene.nowMs = this.now;
    device.scene.onCommand = (command) => {
      if (command.type === 'own-device') this.#post(device, command.node, command.message);
    };
    return device;
  }

  #key(a: Device, b: Device): string {
    return [a.node, b.node].sort().join();
  }

  #post(from: Device, node: string, value: Message): void {
    const to = this.devices.find((one) => one.node === node);
    const session = to && this.#sessions.get(this.#key(from, to));
    if (!to || session === undefined) return;
    const before = this.#way.filter((one) => one.from === from && one.to === to).map(({ at }) => at);
    const at = Math.max(this.now + this.random.fraction() * 300, ...before);
    this.#way.push({ at, from, to, session, value });
  }

  join(a: Device, b: Device): void {
    this.#sessions.set(this.#key(a, b), this.random.fraction());
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      this.#tell(one, { type: 'here', node: other.node });
  }

  part(a: Device, b: Device): void {
    this.#sessions.delete(this.#key(a, b));
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      this.#tell(one, { type: 'gone', node: other.node });
  }

  #tell(device: Device, news: OwnDeviceNews): void {
    device.sync.fromNode(news);
  }

  run(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.#way.toSorted((x, y) => x.at - y.at)[0];
      if (!next || next.at > until) break;
      this.#way.splice(this.#way.indexOf(next), 1);
      this.#setNow(Math.max(this.now, next.at));
      if (this.#sessions.get(this.#key(next.from, next.to)) !== next.session) continue;
      const value = decodeMessage(encodeMessage(next.value)) as SyncMessage;
      this.carried += 1;
      this.#tell(next.to, { type: 'said', node: next.from.node, message: value });
    }
    this.#setNow(until);
  }

  #setNow(now: number): void {
    this.now = now;
    for (const { scene } of this.devices) scene.nowMs = now;
  }
}

let pipe: Pipe;
afterEach(() => {
  for (const { scene } of pipe.devices) scene.end();
});

describe('the lines of an account', () => {
  it('come to a device that is new: those of 72 hours, once, in order, read where they were read', () => {
    pipe = new Pipe();
    const old = pipe.device();
    old.hears(1, 'long ago');
    pipe.run(73 * HOUR_MS);
    for (let n = 2; n < 70; n++) {
      old.hears(n);
      pipe.run(1_000);
    }
    old.chat.markRead('bobby1');
    old.hears(70);
    const fresh = pipe.device();
    pipe.join(old, fresh);
    pipe.run(5_000);
    expect(fresh.texts()).toEqual(old.texts().slice(1));
    expect([old.unread, fresh.unread]).toEqual([1, 1]);
    const carried = pipe.carried;
    pipe.part(old, fresh);
    pipe.join(old, fresh);
    pipe.run(5_000);
    expect(fresh.texts()).toEqual(old.texts().slice(1));
    // Two hellos, and what is read.
    expect(pipe.carried - carried).toBeLessThanOrEqual(4);
  });

  it('of a group come once and in its order, with who wrote them, whatever the group is called on each device', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    for (const { scene } of [one, two]) {
      for (const name of ['bobby1', 'carol1']) {
        scene.core.emit({ type: 'buddy.changed', buddy: { ...BUDDY, name, displayName: name } });
      }
    }
    // The other device has another group of that title.
    two.chat.groups.make('lunch', ['carol1']);
    pipe.run(1_000);
    one.chat.groups.make('lunch', ['bobby1']);
    const group = one.chat.groups.states()[0] as GroupState;
    pipe.join(one, two);
    pipe.run(1_000);
    expect(one.chat.groups.list().map(({ label, members }) => [label, members[1]])).toEqual([
      ['#lunch', 'bobby1'],
      ['#lunch-2', 'carol1'],
    ]);
    const said = one.chat.send('#lunch', 'at one?');
    const news = { type: 'received', from: 'bobby1', node: id(0xb), group } as const;
    const line = (n: number, placeMs: number) => ({
      ...news,
      id: id(n),
      sequence: n,
      text: `line ${n}`,
      sentAtMs: 1,
      placeMs,
    });
    // Both hear the second, and one only hears the third, which was said before.
    for (const { chat } of [one, two]) chat.fromMessenger(line(2, pipe.now + 2_000));
    one.chat.fromMessenger(line(3, pipe.now + 1_000));
    pipe.run(1_000);
    const shown = (device: Device, label: string) =>
      device.scene.core.history
        .history({ with: label, limit: 9 })
        .map(({ author = 'alice1', text, mark }) => `${author}: ${text} ${mark}`);
    expect(shown(two, '#lunch-2')).toEqual([
      'alice1: made the group lunch waiting',
      'alice1: at one? waiting',
      'bobby1: line 3 delivered',
      'bobby1: line 2 delivered',
    ]);
    expect(shown(one, '#lunch')).toEqual(shown(two, '#lunch-2'));
    one.chat.fromMessenger({ type: 'delivered', to: 'bobby1', id: said.id });
    one.chat.markRead('#lunch');
    pipe.run(1_000);
    expect(shown(two, '#lunch-2')[1]).toBe('alice1: at one? delivered');
    expect(two.chat.groups.list()[1]).toMatchObject({ label: '#lunch-2', unread: 0 });
    // The other device may speak there too, and leave for both.
    two.chat.groups.leave('#lunch-2');
    pipe.run(1_000);
    expect(one.chat.groups.list()[0]).toMatchObject({ label: '#lunch', left: true });
    expect(shown(one, '#lunch').at(-1)).toBe('alice1: left waiting');
  });

  it('of a group come also where they stand an hour ahead, on a device whose clock is somewhat behind', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    one.scene.core.emit({ type: 'buddy.changed', buddy: { ...BUDDY, name: 'bobby1', displayName: 'bobby1' } });
    one.chat.groups.make('lunch', ['bobby1']);
    const group = one.chat.groups.states()[0] as GroupState;
    pipe.join(one, two);
    pipe.run(1_000);
    two.scene.nowMs = pipe.now - 60_000;
    const news = { type: 'received', from: 'bobby1', node: id(0xb), group, id: id(2), sequence: 2 } as const;
    // His clock is wrong, and everybody else's lines stand behind his.
    one.chat.fromMessenger({ ...news, text: 'too early', sentAtMs: 1, placeMs: pipe.now + 5 * HOUR_MS });
    one.chat.send('#lunch', 'our own');
    const posted = one.scene.told('own-device').slice(-2);
    for (const { message: value } of posted) {
      two.sync.fromNode({ type: 'said', node: one.node, message: value as SyncMessage });
    }
    const shown = ({ scene }: Device) =>
      scene.core.history.history({ with: '#lunch', limit: 9 }).map(({ text }) => text);
    expect(shown(one)).toHaveLength(3);
    expect(shown(two)).toEqual(shown(one));
    expect(two.sync.dropped).toBe(0);
  });

  it('keep groups within their size, whatever each of two devices heard of one', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    const members = (from: number, count: number, removed: boolean) =>
      Array.from({ length: count }, (_, n) => ({ name: `person-${from + n}`, removed, atMs: 1 }));
    const own = { name: 'alice1', removed: false, atMs: 1 };
    const group = { id: id(7), title: 'lunch', titleAtMs: 1 };
    one.chat.groups.fromOwn({ ...group, members: [own, ...members(0, 120, true)] });
    two.chat.groups.fromOwn({ ...group, members: [own, ...members(200, 120, true)] });
    pipe.join(one, two);
    pipe.run(1_000);
    for (const { chat } of [one, two]) expect(chat.groups.states()[0]?.members.length).toBeLessThanOrEqual(128);
  });

  it('are there at once on both, with what was sent, delivered and read', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    pipe.join(one, two);
    pipe.run(1_000);
    const sent = one.chat.send('bobby1', 'from one');
    pipe.run(400);
    const shown = () => two.scene.core.history.history({ with: 'bobby1', limit: 9 });
    expect(shown().map(({ text, direction, mark }) => [text, direction, mark])).toEqual([
      ['from one', 'out', 'waiting'],
    ]);
    // It is not this device's to send.
    expect(two.scene.core.history.outbox()).toEqual([]);
    one.chat.fromMessenger({ type: 'delivered', to: 'bobby1', id: sent.id });
    pipe.run(400);
    expect(shown()[0]?.mark).toBe('delivered');
    two.hears(7);
    pipe.run(400);
    expect([one.unread, two.unread]).toEqual([1, 1]);
    one.chat.markRead('bobby1');
    pipe.run(400);
    expect([one.unread, two.unread]).toEqual([0, 0]);
  });

  it('are the same everywhere, once and in order, whatever breaks', () => {
    for (let seed = 1; seed <= 4; seed++) {
      pipe = new Pipe(`sync ${seed}`);
      const devices = [pipe.device(), pipe.device(), pipe.device()];
      const pairs = [
        [0, 1],
        [1, 2],
        [0, 2],
      ].map(([a, b]) => [devices[a ?? 0], devices[b ?? 0]] as [Device, Device]);
      const joined = new Set<number>();
      for (let n = 1; n <= 24; n++) {
        const chance = pipe.random.fraction();
        const pair = Math.floor(pipe.random.fraction() * 3);
        const [a, b] = pairs[pair] as [Device, Device];
        const one = devices[Math.floor(pipe.random.fraction() * 3)] as Device;
        if (chance < 0.3) {
          if (joined.delete(pair)) pipe.part(a, b);
          else if (joined.add(pair)) pipe.join(a, b);
        } else if (chance < 0.6) one.chat.send('bobby1', `sent ${n}`);
        // The sender's line comes to some of the devices by itself.
        else for (const device of devices) if (device === one || pipe.random.fraction() < 0.4) device.hears(n);
        pipe.run(pipe.random.fraction() * 2_000);
      }
      for (const [index, [a, b]] of pairs.entries()) if (!joined.has(index)) pipe.join(a, b);
      pipe.run(10_000);
      const [first, ...others] = devices.map((device) => device.texts().sort());
      for (const texts of others) expect([seed, texts]).toEqual([seed, first]);
      expect(new Set(first).size).toBe(first?.length);
      for (const { scene } of pipe.devices.splice(0)) scene.end();
    }
  });

  it('of other times, names and ids are dropped, and what was erased stays away', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    pipe.join(one, two);
    pipe.run(1_000);
    two.hears(1, 'erased');
    pipe.run(400);
    one.scene.core.history.erase({ with: 'bobby1' }, pipe.now);
    const line = {
      messageId: Buffer.from(id(9), 'hex'),
      with: 'bobby1',
      outgoing: false,
      text: 'x',
      sentAtMs: 1,
      storedAtMs: pipe.now,
      waiting: false,
    };
    const lines = [
      { ...line, storedAtMs: pipe.now - 80 * HOUR_MS },
      { ...line, storedAtMs: pipe.now + 2 * HOUR_MS },
      { ...line, with: '../x' },
      { ...line, messageId: Buffer.alloc(3) },
      { ...line, text: 'y'.repeat(40_000) },
      { ...line, messageId: Buffer.from(id(1), 'hex'), text: 'erased' },
    ];
    const value = message('syncLines', { lines, reads: [], delivered: [], position: 3 } as never);
    one.sync.fromNode({ type: 'said', node: two.node, message: value as SyncMessage });
    expect(one.texts()).toEqual([]);
    expect(one.sync.dropped).toBe(5);
  });

  it('come anew from a device whose file was lost', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    two.scene.core.history.setSyncedTo(one.node, 1_000);
    one.hears(1);
    pipe.join(one, two);
    pipe.run(1_000);
    expect(two.texts()).toEqual(['line 1']);
  });
});

describe('the buddy list', () => {
  it('is sent when it differs, and not again when both are one', () => {
    pipe = new Pipe();
    const [one, two] = [pipe.device(), pipe.device()];
    one.list = '<buddies version="1"/>';
    two.list = one.list;
    pipe.join(one, two);
    pipe.run(1_000);
    expect([one.merged, two.merged]).toEqual([[], []]);
    pipe.part(one, two);
    one.list = '<buddies version="1" owner="alice1"/>';
    two.list = one.list.replace('alice1', 'ALICE1');
    pipe.join(one, two);
    pipe.run(1_000);
    expect(one.merged.length + two.merged.length).toBeGreaterThan(0);
  });
});

describe('calls and what was missed', () => {
  const call = (n: number) => id(0xca00 + n);

  it('are in the log of all devices once, told by whoever had the call', () => {
    pipe = new Pipe('calls');
    const [a, b] = [pipe.device(), pipe.device()];
    const times = { startedAtMs: WALL_MS, endedAtMs: WALL_MS + 9_000 };
    const rang = { ...times, call: call(1), peer: 'bobby1', direction: 'in', path: null } as const;
    a.scene.core.history.logCall({ ...rang, answeredAtMs: WALL_MS + 2_000, reason: 'hangup', path: 'direct' });
    b.scene.core.history.logCall({ ...rang, answeredAtMs: null, reason: 'answered-elsewhere' });
    a.scene.core.history.logCall({ ...rang, call: call(2), direction: 'out', answeredAtMs: null, reason: 'busy' });
    pipe.join(a, b);
    pipe.run(5_000);
    for (const device of [a, b])
      expect(device.scene.core.history.calls({ limit: 9 }).map((one) => [one.call, one.reason, one.path])).toEqual([
        [call(1), 'hangup', 'direct'],
        [call(2), 'busy', null],
      ]);
    // And one that ends while both are here.
    b.scene.core.history.logCall({
      ...rang,
      call: call(3),
      startedAtMs: WALL_MS + 1,
      answeredAtMs: null,
      reason: 'declined',
    });
    const totals = { peer: 'bobby1', at: WALL_MS, reason: 'declined', durationMs: 0 };
    b.scene.core.emit({ type: 'call.event', event: { event: 'ended', call: call(3), ...totals } as never });
    pipe.run(1_000);
    expect(a.scene.core.history.calls({ limit: 1 })).toMatchObject([{ call: call(3), reason: 'declined' }]);
  });

  it('while one device was asleep stand there when it wakes, until they were looked at anywhere', () => {
    pipe = new Pipe('missed');
    const [a, b] = [pipe.device(), pipe.device()];
    a.chat.missed('bobby1', call(1), WALL_MS);
    pipe.join(a, b);
    pipe.run(5_000);
    const line = { kind: 'missed-call', id: call(1) };
    expect(b.scene.core.history.history({ with: 'bobby1', limit: 9 })).toMatchObject([line]);
    expect(b.scene.core.state.missedCalls).toMatchObject([{ call: call(1), peer: 'bobby1' }]);
    // The same by a letter.
    b.chat.fromMail({ type: 'missed-call', from: 'bobby1', call: call(1), atMs: WALL_MS });
    expect(b.scene.core.history.history({ with: 'bobby1', limit: 9 })).toHaveLength(1);
    b.chat.markRead('bobby1');
    pipe.run(1_000);
    expect([a, b].map(({ scene }) => scene.core.state.missedCalls)).toEqual([[], []]);
  });

  it('of other times, names, ids and words are dropped', () => {
    pipe = new Pipe('forged');
    const [a, b] = [pipe.device(), pipe.device()];
    pipe.join(a, b);
    pipe.run(1_000);
    const good = { callId: Buffer.from(call(1), 'hex'), with: 'bobby1', startedAtMs: WALL_MS, endedAtMs: WALL_MS + 1 };
    const bad = [
      { with: '!' },
      { callId: Buffer.alloc(3) },
      { startedAtMs: 1 },
      { endedAtMs: 1 },
      { reason: 'because' },
    ];
    const calls = bad.map((change) => ({ ...good, reason: 'hangup', ...change }));
    const marks = [
      { with: 'bobby1', key: Buffer.alloc(3), atMs: WALL_MS },
      { with: 'bobby1', key: Buffer.alloc(32) },
    ];
    b.besides.heard(message('syncCalls', { calls } as never));
    b.besides.heard(message('syncMarks', { marks } as never));
    expect([b.besides.dropped, b.scene.core.history.calls({ limit: 9 }), b.marks]).toEqual([7, [], []]);
  });
});
