/** The table between roster, presence, messenger and calls: whose news is whose input. */
import { describe, expect, it } from 'vitest';
import { type GroupState, wireGroup } from '../../../src/net/chat/group-state.ts';
import type { RosterEntry } from '../../../src/net/chat/roster-entry.ts';
import { People, type PeopleCommand, type PeopleOutput } from '../../../src/net/node/people.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { GROUP_LETTER_MS } from '../../../src/net/protocol/mail-params.ts';
import { END_REPEAT_MS } from '../../../src/net/protocol/params.ts';
import { message } from '../../../src/net/wire/messages.ts';
import type { PeerInput } from '../../../src/net/wire/peers.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { HOME, id, ONLINE, said, seen, WALL_MS } from '../chat/vocabulary.ts';

const entry = (name: string, relation: RosterEntry['relation'] = 'both'): RosterEntry => ({
  name,
  displayName: name,
  relation,
  message: '',
  lastSeenAtMs: WALL_MS,
  changedAtMs: WALL_MS,
  removed: false,
});

class Scene {
  now = 1_000;
  readonly people: People;
  out: PeopleOutput[] = [];

  constructor(options: { roster?: RosterEntry[]; isService?: boolean } = {}) {
    const { roster = [], isService = false } = options;
    this.people = new People({
      name: 'alice1',
      nodeId: 'a1'.repeat(16),
      rttMs: () => undefined,
      ownFacts: () => ({ uplinkKbps: 0, idleCenticores: 0, reach: 0 }),
      displayName: 'Alice',
      roster,
      presence: 'online',
      random: seededRandom('people'),
      wallClock: () => WALL_MS + this.now,
      isService,
    });
    this.tell(ONLINE);
    this.out = [];
  }

  tell(...inputs: PeerInput[]): this {
    for (const input of inputs) this.people.tell(this.now, input);
    this.out.push(...this.people.drain());
    return this;
  }

  does(command: PeopleCommand): this {
    this.people.command(this.now, command);
    this.out.push(...this.people.drain());
    return this;
  }

  /** Kinds of the messages that went to somebody since the last look. */
  sentTo(name: string): string[] {
    const sends = this.out.filter((output) => output.type === 'send' && output.to === name);
    this.out = this.out.filter((output) => !sends.includes(output));
    return sends.map((output) => (output.type === 'send' ? output.message.kind : ''));
  }

  /** News to the agent, as words. */
  get news(): string[] {
    const told = this.out.flatMap((output) => ('news' in output ? [`${output.type} ${output.news.type}`] : []));
    this.out = [];
    return told;
  }
}

const request = (from: string): PeerInput => said(from, 'buddyRequest', { message: 'hi', askedAtMs: WALL_MS });

describe('people', () => {
  it('who become buddies are told our presence in the same breath', () => {
    const scene = new Scene().tell(seen('bobby1'), request('bobby1'));
    expect(scene.news).toContain('roster changed');
    scene.does({ type: 'roster', command: { type: 'accept', name: 'bobby1' } });
    expect(scene.sentTo('bobby1')).toEqual(['buddyAnswer', 'presence']);
    expect(scene.people.watched).toEqual(['bobby1']);
    expect(scene.out.some((output) => output.type === 'details-changed')).toBe(true);
  });

  it('who are blocked are hidden from, and whatever they say is not heard', () => {
    const scene = new Scene({ roster: [entry('bobby1')] });
    scene.does({ type: 'roster', command: { type: 'block', name: 'bobby1' } });
    expect(scene.people.hidden).toEqual(['bobby1']);
    expect(scene.people.watched).toEqual([]);
    scene.out = [];
    scene.tell(
      said('bobby1', 'chatMessage', { messageId: bytesOf(id(1)), sequence: 1, text: 'let me in' }),
      said('Bobby1', 'callInvite', { callId: bytesOf(id(2)) }),
      request('bobby1'),
    );
    expect(scene.out).toEqual([]);
  });

  it('whose presence is heard are remembered as seen', () => {
    const scene = new Scene({ roster: [entry('bobby1')] });
    scene.tell(seen('bobby1'), said('bobby1', 'presence', { status: 1, displayName: 'Bob' }));
    expect(scene.news).toEqual(expect.arrayContaining(['presence presence', 'roster changed']));
    const [bobby] = scene.people.roster.entries();
    expect(bobby).toMatchObject({ displayName: 'Bob', lastSeenAtMs: WALL_MS + scene.now });
  });

  it('hear our change of presence, and the supernode whether we want to be found', () => {
    const scene = new Scene({ roster: [entry('bobby1')] }).tell(seen('bobby1'));
    scene.out = [];
    scene.does({ type: 'presence', status: 'invisible' });
    expect(scene.people.status).toBe('invisible');
    expect(scene.out.map((output) => output.type)).toEqual(expect.arrayContaining(['send', 'details-changed']));
  });

  it('may chat when they are buddies, and nobody else', () => {
    const scene = new Scene({ roster: [entry('bobby1'), entry('carol1', 'outgoing')] });
    expect(scene.people.admits('bobby1', 'hello')).toBeUndefined();
    expect(scene.people.admits('carol1', 'hello')).toBe('not-a-buddy');
    expect(new Scene({ isService: true }).people.admits('anybody', 'hello')).toBeUndefined();
  });

  it('call, and the call’s news come out; voice for a call that is over brings its end up again at once', () => {
    const scene = new Scene({ roster: [entry('bobby1')] }).tell(seen('bobby1'));
    scene.tell(said('bobby1', 'callInvite', { callId: bytesOf(id(7)) }));
    expect(scene.news).toContain('call ringing');
    scene.does({ type: 'calls', command: { type: 'answer', call: id(7) } });
    scene.does({ type: 'calls', command: { type: 'hang-up', call: id(7) } });
    scene.out = [];
    scene.now += END_REPEAT_MS;
    scene.people.mediaAlive(scene.now, { type: 'media-alive', call: id(7) });
    scene.out.push(...scene.people.drain());
    expect(scene.out).toMatchObject([
      { type: 'send', to: 'bobby1', node: HOME, message: message('callEnd', { reason: 'hangup' }) },
    ]);
  });

  it('of a service are welcome without being asked', () => {
    const scene = new Scene({ isService: true }).tell(seen('bobby1'), request('bobby1'));
    expect(scene.sentTo('bobby1')).toEqual(['buddyAnswer', 'presence']);
    expect(scene.people.roster.relationOf('bobby1')).toBe('both');
  });

  it('ask for no waking when nothing is under way', () => {
    expect(new Scene({ roster: [entry('bobby1')] }).people.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a letter on a group from somebody whom we hear in another one', () => {
  const groupOf = (number: number, names: readonly string[]): GroupState => ({
    id: number.toString(16).padStart(32, '0'),
    title: 'lunch',
    titleAtMs: WALL_MS,
    members: names.map((name) => ({ name, removed: false, atMs: WALL_MS })),
  });

  it('is left for another letter to tell of that group, for ten minutes, and then thrown away', () => {
    const scene = new Scene();
    const ours = groupOf(1, ['alice1', 'bobby1']);
    scene.does({ type: 'messenger', command: { type: 'groups', groups: [ours], own: 'alice1' } });
    const said = (group: GroupState) =>
      message('chatMessage', {
        ...{ messageId: bytesOf(id(7)), sequence: 1, text: 'hello', placeMs: WALL_MS },
        group: wireGroup(group) as never,
      });
    const hear = (group: GroupState) => scene.people.heardInLetter(scene.now, 'bobby1', HOME, said(group));
    const other = groupOf(2, ['bobby1', 'carol1']);
    expect(hear(other)).toBe(id(7));
    scene.now += GROUP_LETTER_MS - 1;
    expect(hear(other)).toBe(id(7));
    scene.now += 1;
    expect(hear(other)).toBeUndefined();
    expect(hear(ours)).toBe(id(7));
  });
});
