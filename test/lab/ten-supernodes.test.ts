/**
 * Ten supernodes and thirty people as real programs, over cables that lose two packets in a hundred: what one of them
 * finds all find, whatever dies, is cut off and comes back (figures N2, N6, N9, N11). One scene after the other.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CROWD } from './crowd.ts';
import { CrowdScenes } from './crowd-scenes.ts';
import { labSupport } from './keeper.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED ten supernodes and thirty people in the network lab: ${support.why}`);

describe.skipIf(!support.ok)('ten supernodes and thirty people', { retry: 0, timeout: 120_000 }, () => {
  let scenes: CrowdScenes;
  beforeAll(async () => {
    scenes = await CrowdScenes.start(CROWD, (line) => console.log(`ten supernodes: ${line}`));
  }, 180_000);
  afterAll(() => scenes?.stop(), 30_000);

  it('everybody finds everybody, and the lists are the same bytes from six places', async () => {
    expect(await scenes.everybodyIsFound()).toEqual([]);
  });

  it('three are killed at once: all people are back, are found, and call one another', async () => {
    expect(await scenes.threeDie()).toEqual([]);
  });

  it('the killed come back and serve: whoever arrives by them is found, and finds all', async () => {
    expect(await scenes.theyComeBack()).toEqual([]);
  });

  it('five are cut off from five: each half answers, and afterwards all know what happened meanwhile', async () => {
    expect(await scenes.cutInHalves()).toEqual([]);
  });
});
