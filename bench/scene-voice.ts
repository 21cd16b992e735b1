/**
 * The voice engine: what is left of speech on bad networks (virtual time: the machine does not matter), then mouth to
 * ear over a real sound server, beside the same devices without us and beside another program. `--write` draws the
 * curves anew too.
 */
import { openOpus } from '../src/audio/opus.ts';
import { otherSpeech, speech } from '../test/support/speech.ts';
import type { Scene } from './scene.ts';
import { deviceFigures } from './voice-devices.ts';
import { lossFigures } from './voice-loss.ts';
import { stepFigures } from './voice-steps.ts';

export const voice: Scene = {
  name: 'voice',
  title: 'Voice',
  seconds: 170,
  play: async (say) => {
    const { samples, source } = speech();
    say(`speech: ${source}`);
    const codecs = [openOpus(), openOpus()] as const;
    try {
      const spoken = { codecs, said: Int16Array.from([...samples, ...otherSpeech().samples]) };
      const loss = lossFigures(spoken, say);
      const steps = stepFigures(spoken, say);
      const devices = await deviceFigures(say);
      return {
        figures: [...devices, ...loss.figures, ...steps.figures],
        pictures: {
          'voice-loss.svg': loss.curve,
          'voice-rate.svg': steps.rates,
          'voice-delay.svg': steps.delays,
        },
      };
    } finally {
      for (const codec of codecs) codec.close();
    }
  },
};
