/** Speech through rate control, link and playout together; `npm run bench -- voice` measures more of the same. */
import { afterAll, describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import { RUNGS } from '../../src/net/media/rungs.ts';
import { otherSpeech, speech } from '../support/speech.ts';
import { SpokenTalk } from '../support/spoken-talk.ts';

const codecs = [openOpus(), openOpus()] as const;
afterAll(() => {
  for (const codec of codecs) codec.close();
});
const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
const said = Int16Array.from([...samples, ...otherSpeech().samples]);

describe('speech through a whole call', () => {
  it('comes out nearly as it went in where nothing is lost, as soon as the network allows', () => {
    const talk = new SpokenTalk({ codecs, said });
    talk.runs(12_000);
    const heard = talk.likeness(4_000, 10_000);
    expect(heard.stoi).toBeGreaterThan(0.985);
    expect(heard.lsdDb).toBeLessThan(5);
    // A frame, 20 ms of network, the codec's look-ahead, and a buffer of less than two frames.
    for (const delayMs of heard.delaysMs) expect(delayMs).toBeLessThan(100);
    expect(talk.stream.counts).toMatchObject({ concealed: 0, refused: 0 });
  });

  it('at 10 % loss keeps more than the same bytes without copies do', () => {
    const toB = { loss: 0.1 };
    const ours = new SpokenTalk({ codecs, said, toB });
    const plain = new SpokenTalk({ codecs, said, toB, fixed: RUNGS.H });
    for (const talk of [ours, plain]) talk.runs(16_000);
    const [copies, none] = [ours, plain].map((talk) => talk.likeness(5_000, 14_000).stoi);
    expect(copies).toBeGreaterThan(0.95);
    expect(none).toBeLessThan(copies! - 0.01);
  });
});
