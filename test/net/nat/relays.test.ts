/** Which supernodes forward for a call, and which of them is chosen. */
import { describe, expect, it } from 'vitest';
import { Relays } from '../../../src/net/nat/relays.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';

const through = (supernode: string): Route => ({ via: 'forward', node: 'b', through: supernode });
const ANY: Route = { via: 'forward', node: 'b' };

describe('the relays of a call', () => {
  it('are those that both ends have; without one, whatever supernode is our first', () => {
    expect(new Relays('b', { ours: ['one', 'two'], theirs: ['two', 'three'] }).all()).toEqual([through('two')]);
    expect(new Relays('b', { ours: ['one'], theirs: ['two'] }).all()).toEqual([ANY]);
    expect(new Relays('b', { ours: [], theirs: [] }).all()).toEqual([ANY]);
  });

  it('are ranked alike by both ends, even when each has another for its first', () => {
    const lists = { ours: ['one', 'two', 'three'], theirs: ['three', 'two', 'one'] };
    const there = new Relays('b', { ours: lists.theirs, theirs: lists.ours });
    expect(new Relays('b', lists).all()).toEqual(there.all());
  });

  it('are all used while they are in doubt; then the chosen one alone, if it is heard', () => {
    const relays = new Relays('b', { ours: ['one', 'two'], theirs: ['one', 'two'] });
    expect(relays.routes()).toEqual([through('one')]);
    relays.doubt(400);
    expect(relays.routes()).toEqual([through('one'), through('two')]);
    relays.heard(350, through('two'));
    relays.heard(300, through('one'));
    expect(relays.wakeAt()).toBe(400);
    expect(relays.wake(400)).toBe(false);
    expect(relays.routes()).toEqual([through('one')]);
  });

  it('are changed when only another was heard in the doubt; not when none was', () => {
    const relays = new Relays('b', { ours: ['one', 'two'], theirs: ['one', 'two'] });
    relays.heard(0, through('one'));
    relays.doubt(400);
    relays.wake(400);
    expect(relays.chosen).toEqual(through('one'));
    relays.doubt(1_000);
    relays.heard(900, through('two'));
    expect(relays.wake(1_000)).toBe(true);
    expect(relays.routes()).toEqual([through('two')]);
  });

  it('keep the chosen one while it is common, and take the next when it is no more', () => {
    const relays = new Relays('b', { ours: ['one', 'two'], theirs: ['one', 'two'] });
    relays.know({ theirs: ['two', 'one'] });
    expect(relays.chosen).toEqual(through('one'));
    relays.know({ ours: ['two'] });
    expect(relays.chosen).toEqual(through('two'));
    relays.know({ ours: ['one', 'two'] });
    expect(relays.all()).toEqual([through('two'), through('one')]);
    relays.know({ theirs: [] });
    expect(relays.all()).toEqual([ANY]);
  });
});
