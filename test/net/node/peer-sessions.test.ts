/** From names to sessions: looking up, queueing, connecting, choosing a session, and forgetting. */
import { describe, expect, it } from 'vitest';
import { PeerSessions, type PeerSessionsOutput } from '../../../src/net/node/peer-sessions.ts';
import {
  ATTACHED_FIRST_WORD_MS,
  LOOKUP_RETRY_MS,
  NODES_PER_PERSON_MAX,
  PEER_QUEUE_MESSAGES_MAX,
  PEERS_MAX,
  SESSION_FRESH_MS,
  SESSION_IDLE_MS,
  SESSION_TRIAL_MS,
  SESSIONS_PER_NODE_MAX,
} from '../../../src/net/protocol/params.ts';
import { type Message, message } from '../../../src/net/wire/messages.ts';

const node = (number: number): string => number.toString(16).padStart(32, '0');
const HOME = node(0xa);
const LAPTOP = node(0xb);
const line = (sequence: number): Message => message('chatMessage', { sequence });

class Scene {
  now = 1_000;
  readonly heard = new Map<number, number>();
  readonly peers = new PeerSessions((session) => this.heard.get(session));
  lookups: string[] = [];
  connects: string[] = [];
  /** `session:sequence` of every line that went out. */
  sent: string[] = [];
  closed: number[] = [];
  retired: number[] = [];
  /** What the service cores were told, as words. */
  told: string[] = [];

  constructor(online = true) {
    if (online) this.does((peers) => peers.setOnline(true));
    this.told = [];
  }

  does(act: (peers: PeerSessions) => void): this {
    act(this.peers);
    for (const output of this.peers.drain()) this.#note(output);
    return this;
  }

  says(to: string, sequence: number, nodeId?: string): this {
    return this.does((peers) => peers.send(this.now, to, line(sequence), nodeId));
  }

  found(name: string, ...nodes: string[]): this {
    return this.does((peers) => peers.whereabouts(this.now, name, nodes));
  }

  established(session: number, name: string, nodeId: string): this {
    this.heard.set(session, this.now);
    return this.does((peers) => peers.established(this.now, session, name, nodeId));
  }

  /** So much later, and woken as asked for. */
  later(ms: number): this {
    for (const end = this.now + ms; ; ) {
      this.now = Math.min(end, Math.max(this.now, this.peers.wakeAt()));
      this.does((peers) => peers.wake(this.now));
      if (this.now >= end) return this;
    }
  }

  #note(output: PeerSessionsOutput): void {
    if (output.type === 'lookup') this.lookups.push(output.name);
    else if (output.type === 'connect') this.connects.push(output.node);
    else if (output.type === 'close') this.closed.push(output.session);
    else if (output.type === 'retire') this.retired.push(output.session);
    else if (output.type === 'transmit') {
      const { message: value } = output;
      this.sent.push(`${output.session}:${value.kind === 'chatMessage' ? value.body.sequence : value.kind}`);
    } else {
      const { input } = output;
      this.told.push('name' in input ? `${input.type} ${input.name}` : input.type);
    }
  }
}

describe('a message to somebody', () => {
  it('unknown is kept while the person is looked up and a session is opened, then goes out in order', () => {
    const scene = new Scene().says('bobby1', 1).says('bobby1', 2);
    expect(scene.lookups).toEqual(['bobby1']);
    scene.found('bobby1', HOME).says('bobby1', 3);
    expect(scene.connects).toEqual([HOME]);
    scene.established(7, 'bobby1', HOME);
    expect(scene.sent).toEqual(['7:1', '7:2', '7:3']);
    expect(scene.told).toEqual(['peer-seen bobby1']);
  });

  it('goes to every device of theirs, or to the one that is named', () => {
    const scene = new Scene().says('bobby1', 1).found('bobby1', HOME, LAPTOP);
    scene.established(7, 'bobby1', HOME).established(8, 'bobby1', LAPTOP).says('bobby1', 2).says('bobby1', 3, LAPTOP);
    expect(scene.sent).toEqual(['7:1', '8:1', '7:2', '8:2', '8:3']);
  });

  it('who is nowhere cannot be sent, and is not looked up again and again', () => {
    const scene = new Scene().says('bobby1', 1).found('bobby1');
    expect(scene.told).toEqual(['unreachable bobby1']);
    scene.says('bobby1', 2);
    expect(scene.told).toEqual(['unreachable bobby1', 'unreachable bobby1']);
    expect(scene.lookups).toHaveLength(1);
    scene.now += LOOKUP_RETRY_MS;
    scene.says('bobby1', 3);
    expect(scene.lookups).toHaveLength(2);
  });

  it('names the person in any case', () => {
    const scene = new Scene().established(7, 'Bobby1', HOME).says('BOBBY1', 1);
    expect(scene.sent).toEqual(['7:1']);
  });

  it('is dropped when too many wait already', () => {
    const scene = new Scene();
    for (let i = 0; i < PEER_QUEUE_MESSAGES_MAX + 5; i++) scene.says('bobby1', i);
    scene.found('bobby1', HOME).established(7, 'bobby1', HOME);
    expect(scene.sent).toHaveLength(PEER_QUEUE_MESSAGES_MAX);
    expect(scene.sent[0]).toBe('7:0');
  });

  it('while we are away from the network goes only where a session still lives', () => {
    const scene = new Scene().established(7, 'bobby1', HOME);
    scene.does((peers) => peers.setOnline(false)).says('bobby1', 1);
    scene.says('carol1', 2);
    expect(scene.sent).toEqual(['7:1']);
    expect(scene.told).toContain('unreachable carol1');
    scene.now += SESSION_FRESH_MS;
    scene.says('bobby1', 3);
    expect(scene.sent).toHaveLength(1);
    expect(scene.told.at(-1)).toBe('unreachable bobby1');
  });
});

describe('a session', () => {
  it('is used while it is fresh; after a long silence a new one is opened first', () => {
    const scene = new Scene().established(7, 'bobby1', HOME);
    scene.now += SESSION_FRESH_MS;
    scene.says('bobby1', 1);
    expect(scene.sent).toEqual([]);
    expect(scene.connects).toEqual([HOME]);
    scene.established(8, 'bobby1', HOME);
    expect(scene.sent).toEqual(['8:1']);
  });

  it('that was silent for hours is used on trial while our supernode sees the other end; an answer ends the trial', () => {
    const scene = new Scene().does((peers) => peers.met(1_000, 'bobby1', HOME)).established(7, 'bobby1', HOME);
    scene.connects = [];
    scene.later(10 * SESSION_FRESH_MS).says('bobby1', 1);
    expect(scene.sent).toEqual(['7:1']);
    scene.heard.set(7, scene.now);
    expect(scene.later(SESSION_TRIAL_MS).says('bobby1', 2).sent).toEqual(['7:1', '7:2']);
    expect(scene.connects).toEqual([]);
  });

  it('on trial that does not answer gives way to a new one, in which all is said again', () => {
    const scene = new Scene().does((peers) => peers.met(1_000, 'bobby1', HOME)).established(7, 'bobby1', HOME);
    scene.connects = [];
    scene
      .later(10 * SESSION_FRESH_MS)
      .says('bobby1', 1)
      .says('bobby1', 2)
      .later(SESSION_TRIAL_MS)
      .says('bobby1', 3);
    expect([scene.sent, scene.connects]).toEqual([['7:1', '7:2'], [HOME]]);
    scene.established(8, 'bobby1', HOME);
    expect(scene.sent).toEqual(['7:1', '7:2', '8:1', '8:2', '8:3']);
  });

  it('set up later is the one to use; too many are closed, the oldest first', () => {
    const scene = new Scene();
    for (let session = 1; session <= SESSIONS_PER_NODE_MAX + 2; session++) scene.established(session, 'bobby1', HOME);
    scene.says('bobby1', 1);
    expect(scene.sent).toEqual([`${SESSIONS_PER_NODE_MAX + 2}:1`]);
    expect(scene.closed).toEqual([1, 2]);
    expect(scene.peers.sessionTo(HOME)).toBe(SESSIONS_PER_NODE_MAX + 2);
  });

  it('that ended gives way to an older one', () => {
    const scene = new Scene().established(7, 'bobby1', HOME).established(8, 'bobby1', HOME);
    scene.does((peers) => peers.closed(8));
    expect(scene.peers.sessionTo(HOME)).toBe(7);
    scene.does((peers) => peers.closed(7));
    expect(scene.peers.sessionTo(HOME)).toBeUndefined();
  });

  it('that cannot be set up is told once, and what waited for it is dropped', () => {
    const scene = new Scene().says('bobby1', 1).found('bobby1', HOME);
    scene.does((peers) => peers.connectFailed(HOME));
    expect(scene.told).toEqual(['unreachable bobby1']);
    scene.established(7, 'bobby1', HOME);
    expect(scene.sent).toEqual([]);
  });

  it('fails at once when the supernode knows no such node', () => {
    const scene = new Scene().says('bobby1', 1).found('bobby1', HOME);
    scene.does((peers) => peers.forwardFailed(HOME));
    expect(scene.told).toEqual(['unreachable bobby1']);
    scene.does((peers) => peers.forwardFailed(LAPTOP));
    expect(scene.told).toHaveLength(1);
  });

  it('proves whose a node is, whatever the supernode said of it', () => {
    const scene = new Scene().does((peers) => peers.met(1_000, 'bobby1', HOME)).says('bobby1', 1);
    scene.established(7, 'mallory', HOME);
    expect(scene.told).toEqual(['unreachable bobby1', 'peer-seen mallory']);
    expect(scene.sent).toEqual([]);
    scene.says('bobby1', 2);
    expect(scene.sent).toEqual([]);
    expect(scene.lookups).toEqual(['bobby1']);
  });
});

describe('somebody who is watched', () => {
  it('and was here when we came is connected to at once, even if there was a session', () => {
    const scene = new Scene().established(7, 'bobby1', HOME).does((peers) => peers.met(1_000, 'bobby1', HOME));
    expect(scene.connects).toEqual([HOME]);
    scene.does((peers) => peers.met(1_000, 'bobby1', HOME));
    expect(scene.connects).toEqual([HOME]);
  });

  it('and comes is given the first word; when none is said, we begin', () => {
    const scene = new Scene().does((peers) => peers.seen(1_000, 'bobby1', HOME)).later(ATTACHED_FIRST_WORD_MS - 1);
    expect(scene.connects).toEqual([]);
    scene.later(1);
    expect(scene.connects).toEqual([HOME]);
    const polite = new Scene().does((peers) => peers.seen(1_000, 'bobby1', HOME)).established(7, 'bobby1', HOME);
    expect(polite.later(60_000).connects).toEqual([]);
  });

  it('and comes is not waited for by anybody who has something to say; the old session may be of a program that is gone', () => {
    const scene = new Scene().established(7, 'bobby1', HOME);
    scene
      .later(10)
      .does((peers) => peers.seen(scene.now, 'bobby1', HOME))
      .says('bobby1', 1);
    expect([scene.sent, scene.connects]).toEqual([[], [HOME]]);
    scene.established(8, 'bobby1', HOME);
    expect([scene.sent, scene.retired]).toEqual([['8:1'], [7]]);
  });

  it('and was heard in the old session since has not begun anew: it is used', () => {
    const scene = new Scene().established(7, 'bobby1', HOME).does((peers) => peers.seen(1_000, 'bobby1', HOME));
    scene.now += 10;
    scene.heard.set(7, scene.now);
    expect(scene.says('bobby1', 1).sent).toEqual(['7:1']);
  });

  it('and is still here when the list is told again is left in peace', () => {
    const scene = new Scene().does((peers) => peers.met(1_000, 'bobby1', HOME)).established(7, 'bobby1', HOME);
    scene.does((peers) => peers.present(1_000, 'bobby1', HOME));
    expect(scene.connects).toEqual([HOME]);
    scene.does((peers) => peers.present(1_000, 'bobby1', LAPTOP));
    expect(scene.connects).toEqual([HOME, LAPTOP]);
  });

  it('and leaves is told to be gone; what waited is dropped', () => {
    const scene = new Scene().does((peers) => peers.met(1_000, 'bobby1', HOME)).says('bobby1', 1);
    scene.does((peers) => peers.gone('bobby1', HOME));
    expect(scene.told).toEqual(['peer-gone bobby1']);
    scene.established(7, 'bobby1', HOME);
    expect(scene.sent).toEqual([]);
  });

  it('and left while nobody could tell us is gone as soon as the list is told again', () => {
    const scene = new Scene();
    for (const name of ['bobby1', 'carol1', 'stranger1']) {
      scene.does((peers) => peers.met(1_000, name, node(name.length + name.charCodeAt(0))));
    }
    const here = new Set([node(6 + 'b'.charCodeAt(0))]);
    scene.told = [];
    scene.does((peers) => peers.onlyPresent(['Bobby1', 'Carol1', 'david1'], here));
    expect(scene.told).toEqual(['peer-gone carol1']);
  });
});

describe('our own coming and going', () => {
  it('is told once', () => {
    const scene = new Scene(false);
    for (const online of [true, true, false, false]) scene.does((peers) => peers.setOnline(online));
    expect(scene.told).toEqual(['online', 'online']);
  });

  it('makes everybody to be sought anew, but keeps sessions and what waits', () => {
    const scene = new Scene().says('bobby1', 1).found('bobby1', HOME);
    scene.does((peers) => peers.setOnline(false)).does((peers) => peers.setOnline(true));
    scene.says('bobby1', 2);
    expect(scene.lookups).toHaveLength(2);
    scene.found('bobby1', HOME).established(7, 'bobby1', HOME);
    expect(scene.sent.toSorted()).toEqual(['7:1', '7:2']);
  });

  it('as somebody else begins with nothing: no word of one account is said by the next', () => {
    const scene = new Scene()
      .established(7, 'carol1', LAPTOP)
      .says('bobby1', 1)
      .says('david1', 2)
      .found('bobby1', HOME);
    scene.does((peers) => peers.leave());
    expect(scene.closed).toEqual([7]);
    expect(scene.told.at(-1)).toBe('online');
    scene.sent = [];
    scene.does((peers) => peers.setOnline(true));
    scene.established(8, 'bobby1', HOME).established(9, 'carol1', LAPTOP).found('david1', node(0xd));
    scene.established(10, 'david1', node(0xd));
    expect(scene.sent).toEqual([]);
    expect(scene.peers.sessionTo(LAPTOP)).toBe(9);
  });
});

describe('bounds', () => {
  it('keep as many devices of a person as one may have; the one known longest goes, with its sessions', () => {
    const scene = new Scene();
    for (let i = 1; i <= NODES_PER_PERSON_MAX + 1; i++) scene.established(i, 'bobby1', node(i));
    expect(scene.closed).toEqual([1]);
    scene.says('bobby1', 1);
    expect(scene.sent).toHaveLength(NODES_PER_PERSON_MAX);
  });

  it('spare the devices that are here when others are not', () => {
    const scene = new Scene();
    for (let i = 1; i <= NODES_PER_PERSON_MAX; i++) scene.established(i, 'bobby1', node(i));
    scene.does((peers) => peers.closed(5)).does((peers) => peers.forwardFailed(node(5)));
    scene.established(99, 'bobby1', node(99));
    expect(scene.closed).toEqual([]);
  });

  it('forget people to whom nothing is open, so that newcomers find a place', () => {
    const scene = new Scene();
    for (let i = 0; i < PEERS_MAX; i++) scene.does((peers) => peers.met(1_000, `person${i}`, node(i)));
    for (let i = 0; i < PEERS_MAX; i++) scene.does((peers) => peers.connectFailed(node(i)));
    scene.established(7, 'bobby1', node(PEERS_MAX + 1)).says('bobby1', 1);
    expect(scene.sent).toEqual(['7:1']);
  });

  it('forget whoever was unheard for longest when all are connected', () => {
    const scene = new Scene();
    for (let i = 0; i < PEERS_MAX; i++) scene.established(i + 1, `person${i}`, node(i));
    scene.now += SESSION_IDLE_MS;
    scene.heard.set(1, scene.now);
    scene.established(9_999, 'bobby1', node(PEERS_MAX + 1)).says('bobby1', 1);
    expect(scene.closed).toEqual([2]);
    expect(scene.sent).toEqual(['9999:1']);
  });

  it('turn away who comes when all places are taken by people who are connected', () => {
    const scene = new Scene();
    for (let i = 0; i < PEERS_MAX; i++) scene.established(i + 1, `person${i}`, node(i));
    scene.established(9_999, 'bobby1', node(PEERS_MAX + 1));
    expect(scene.closed).toEqual([9_999]);
    scene.says('bobby1', 1);
    expect(scene.told.at(-1)).toBe('unreachable bobby1');
  });
});
