import { beforeEach, describe, expect, it } from 'vitest';
import type { ToVoice } from '../../src/audio/port.ts';
import { LegTalkers } from '../../src/store/agent-legs.ts';

let told: ToVoice[] = [];
let talkers: LegTalkers;
beforeEach(() => {
  told = [];
  talkers = new LegTalkers((message) => told.push(message));
});
/** What was told since this was asked last. */
const since = (): ToVoice[] => told.splice(0);
const rung = { name: 'E', frameMs: 60, frameBytes: 45, copies: 0, distance: 1 } as never;
const words = { frameMs: 60, frameBytes: 45, copies: 0, distance: 1 };

describe('the legs of a conference, as the voice end knows them', () => {
  it('get a talker each, with all that is said of them', () => {
    for (const seat of [1, 2]) talkers.open({ leg: `leg${seat}`, node: `node${seat}`, mixes: true });
    talkers.rung('leg2', rung);
    talkers.path('leg2', 'tcp');
    talkers.hold('leg1', true);
    talkers.hold('leg1', true);
    talkers.mute('leg2', true);
    expect(since()).toEqual([
      { type: 'leg', talker: 0, on: true, mix: 0 },
      { type: 'leg', talker: 1, on: true, mix: 0 },
      { type: 'rung', talker: 1, ...words },
      { type: 'way', stream: true, talker: 1 },
      { type: 'hold', on: true, talker: 0 },
      { type: 'mute', on: true, talker: 1 },
    ]);
    expect([talkers.talkerOf('leg2'), talkers.legOf(1), talkers.legOf(5), talkers.talkerOf('leg9')]).toEqual([
      1,
      'leg2',
      undefined,
      undefined,
    ]);
    const levels = [0, 1].map((talker) => ({ talker, db: -20, speaking: talker === 1 }));
    expect(talkers.speaking(levels)).toEqual(['node2']);
  });

  it('are on hold when their person is, and only then', () => {
    for (const seat of [1, 2]) talkers.open({ leg: `leg${seat}`, node: `node${seat}`, mixes: true });
    since();
    const people = (held: boolean) => [
      { node: 'node1', held: false },
      { node: 'node2', held },
      { node: 'node3', held: true },
    ];
    talkers.holds(people(true));
    talkers.holds(people(true));
    expect(since()).toEqual([{ type: 'hold', on: true, talker: 1 }]);
    talkers.holds(people(false));
    expect(since()).toEqual([{ type: 'hold', on: false, talker: 1 }]);
  });

  it('begin with the call of two that runs, without a word', () => {
    talkers.adopt('call', { rung: undefined, path: 'direct' });
    talkers.open({ leg: 'call', node: 'node1', mixes: true });
    expect(since()).toEqual([]);
    talkers.open({ leg: 'leg2', node: 'node2', mixes: true });
    expect(since()).toEqual([{ type: 'leg', talker: 1, on: true, mix: 0 }]);
    talkers.close('call');
    expect(since()).toEqual([{ type: 'leg', talker: 0, on: false }]);
  });

  it('belong to another mix when another machine mixes, or we, or the same one anew', () => {
    const mixOf = (leg: string, node: string, mixes: boolean): unknown => {
      talkers.open({ leg, node, mixes });
      return since().at(-1);
    };
    expect(mixOf('a', 'node1', false)).toMatchObject({ mix: 0, talker: 0 });
    expect(mixOf('b', 'node2', false)).toMatchObject({ mix: 1, talker: 1 });
    expect(mixOf('c1', 'node1', true)).toMatchObject({ mix: 2, talker: 2 });
    expect(mixOf('c2', 'node2', true)).toMatchObject({ mix: 2, talker: 3 });
    expect(mixOf('d1', 'node1', true)).toMatchObject({ mix: 3, talker: 4 });
    expect(mixOf('d2', 'node2', true)).toMatchObject({ mix: 3, talker: 5 });
    for (const leg of ['a', 'b', 'c1', 'c2', 'd1', 'd2']) talkers.close(leg);
    since();
    // Nobody is left of the last one: no need to tell them apart.
    expect(mixOf('e', 'node3', false)).toMatchObject({ mix: 3, talker: 0 });
  });

  it('are eight at most: those of an older mix make room', () => {
    for (let seat = 1; seat <= 7; seat++) talkers.open({ leg: `old${seat}`, node: `node${seat}`, mixes: true });
    since();
    for (let seat = 1; seat <= 7; seat++) talkers.open({ leg: `new${seat}`, node: `node${seat}`, mixes: true });
    expect(since().slice(0, 3)).toEqual([
      { type: 'leg', talker: 7, on: true, mix: 1 },
      { type: 'leg', talker: 0, on: false },
      { type: 'leg', talker: 0, on: true, mix: 1 },
    ]);
    for (let seat = 1; seat <= 7; seat++) expect(talkers.talkerOf(`new${seat}`)).toBeDefined();
    expect(talkers.talkerOf('old1')).toBeUndefined();
    talkers.close('old1');
    talkers.rung('old1', rung);
    expect(since()).not.toContainEqual(expect.objectContaining({ type: 'rung' }));
    for (let more = 0; more < 4; more++) talkers.open({ leg: `more${more}`, node: `more${more}`, mixes: true });
    expect(talkers.talkerOf('more0')).toBeDefined();
    expect(talkers.talkerOf('more3')).toBeUndefined();
  });

  it('are told anew to a voice end that starts anew, talker 0 too when it is nobody', () => {
    talkers.open({ leg: 'a', node: 'node1', mixes: true });
    talkers.open({ leg: 'b', node: 'node2', mixes: true });
    talkers.rung('b', rung);
    talkers.path('b', 'relay');
    talkers.hold('b', true);
    talkers.mute('b', true);
    talkers.close('a');
    since();
    talkers.repeat();
    expect(since()).toEqual([
      { type: 'leg', talker: 0, on: false },
      { type: 'leg', talker: 1, on: true, mix: 0 },
      { type: 'rung', talker: 1, ...words },
      { type: 'way', stream: false, talker: 1 },
      { type: 'hold', on: true, talker: 1 },
      { type: 'mute', on: true, talker: 1 },
    ]);
  });
});
