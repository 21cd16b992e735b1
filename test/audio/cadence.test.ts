/**
 * What an observer of a whole call sees: sizes and times of all packets, with rate control, copies and reports at work.
 * Speech, silence and a muted microphone must look alike (figure V10).
 */
import { afterAll, describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import type { LinkSettings } from '../sim/link.ts';
import { sameKind } from '../support/same-kind.ts';
import { speech } from '../support/speech.ts';
import { SpokenTalk } from '../support/spoken-talk.ts';

const codecs = [openOpus(), openOpus()] as const;
afterAll(() => {
  for (const codec of codecs) codec.close();
});
const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
const silence = new Int16Array(samples.length);

const NETWORKS: readonly { readonly name: string; readonly toB: Partial<LinkSettings> }[] = [
  { name: 'calm', toB: {} },
  { name: 'lossy', toB: { loss: 0.1, jitterMs: 10 } },
  { name: 'narrow', toB: { bytesPerSecond: 2_000, queueBytes: 16_000 } },
];

function observed(said: Int16Array, toB: Partial<LinkSettings>, muted = false) {
  const talk = new SpokenTalk({ codecs, said, toB, muted });
  const { sent } = talk.runs(12_000).a;
  return { sizes: sent.map(({ bytes }) => bytes), gaps: sent.slice(1).map(({ at }, n) => at - sent[n]!.at) };
}

describe('the packets of a call', () => {
  it.each(NETWORKS)('tell nothing of what is said in a $name network', ({ toB }) => {
    const spoken = observed(samples, toB);
    for (const quiet of [observed(silence, toB), observed(samples, toB, true)]) {
      expect(sameKind(spoken.sizes, quiet.sizes)).toBeGreaterThan(0.05);
      expect(sameKind(spoken.gaps, quiet.gaps)).toBeGreaterThan(0.05);
      expect(quiet.sizes.length).toBe(spoken.sizes.length);
    }
  });
});
