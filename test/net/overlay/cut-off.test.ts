/** When a supernode doubts that it knows all: it lost half of the others at once, or they have just come back. */
import { describe, expect, test } from 'vitest';
import { CutOff } from '../../../src/net/overlay/cut-off.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { CUT_OFF_MS } from '../../../src/net/protocol/overlay-params.ts';
import { nodeIdFor } from './index-scenes.ts';

const OTHERS = Array.from({ length: 9 }, (_, index) => nodeIdFor(2_000 + index));

/** Ten with ourselves. */
function ten(): CutOff {
  const cutOff = new CutOff();
  cutOff.setMembers(0, OTHERS);
  return cutOff;
}

describe('a supernode of ten', () => {
  test('is not cut off when three die, and is when five are gone', () => {
    const cutOff = ten();
    cutOff.setMembers(1_000, OTHERS.slice(3));
    expect(cutOff.inDoubt).toBe(false);
    cutOff.setMembers(2_000, OTHERS.slice(4));
    expect(cutOff.inDoubt).toBe(false);
    cutOff.setMembers(3_000, OTHERS.slice(5));
    expect(cutOff.inDoubt).toBe(true);
    cutOff.setMembers(4_000, []);
    expect(cutOff.inDoubt).toBe(true);
  });

  test('takes those that are gone for an hour for dead', () => {
    const cutOff = ten();
    cutOff.setMembers(1_000, OTHERS.slice(5));
    cutOff.wake(1_000 + CUT_OFF_MS - 1);
    expect(cutOff.isCutOff).toBe(true);
    cutOff.wake(1_000 + CUT_OFF_MS);
    expect(cutOff.isCutOff).toBe(false);
  });

  test('doubts until it has compared with each that came back', () => {
    const cutOff = ten();
    const back = OTHERS.slice(0, 5);
    cutOff.setMembers(1_000, OTHERS.slice(5));
    cutOff.setMembers(9_000, OTHERS);
    expect([cutOff.isCutOff, cutOff.inDoubt]).toEqual([false, true]);
    const asked = Array.from({ length: 5 }, () => cutOff.next());
    expect(asked).toEqual(back);
    // One that goes again is not waited for.
    cutOff.setMembers(9_500, OTHERS.slice(1));
    for (const id of back.slice(1)) cutOff.compared(id);
    expect([cutOff.inDoubt, cutOff.next()]).toEqual([false, undefined]);
  });

  test('does not doubt when they say good-bye one by one', () => {
    const cutOff = ten();
    for (let gone = 1; gone <= 9; gone += 1) cutOff.setMembers(gone, OTHERS.slice(gone), OTHERS[gone - 1]);
    expect(cutOff.inDoubt).toBe(false);
  });
});

test('one of three who is alone for a while doubts nothing: a death is likelier', () => {
  const cutOff = new CutOff();
  const others = OTHERS.slice(0, 2) as NodeId[];
  cutOff.setMembers(0, others);
  cutOff.setMembers(1, []);
  expect(cutOff.inDoubt).toBe(false);
  cutOff.setMembers(2, others);
  expect(cutOff.inDoubt).toBe(false);
});
