/**
 * What the agent says of far ends, carried out. Words that come before there is an engine are kept for it: a call that
 * begins muted, or with six people at once, is so from its first frame on. `voice-io.ts` owns one.
 */
import type { ToVoice } from './port.ts';
import type { VoiceEngine } from './voice-engine.ts';

export type LegWord = Extract<ToVoice, { type: 'leg' | 'away' | 'mute' | 'hold' | 'way' | 'rung' }>;

/** Four of each leg and a few of all. */
const EARLY_WORDS_MAX = 32;

export class LegWords {
  #engine: VoiceEngine | undefined;
  readonly #early: LegWord[] = [];

  take(word: LegWord): void {
    if (this.#engine) carryOut(this.#engine, word);
    else if (this.#early.length < EARLY_WORDS_MAX) this.#early.push(word);
  }

  /** There is an engine: what was said is true of it now. */
  begin(engine: VoiceEngine): void {
    this.#engine = engine;
    for (const word of this.#early.splice(0)) carryOut(engine, word);
  }
}

function carryOut(engine: VoiceEngine, word: LegWord): void {
  switch (word.type) {
    case 'leg':
      return engine.leg(word.talker, word.on, word.mix);
    case 'away':
      return engine.away(word.on);
    case 'mute':
      return word.talker === undefined ? engine.mute(word.on) : engine.muteLeg(word.talker, word.on);
    case 'hold':
      return word.talker === undefined ? engine.hold(word.on) : engine.holdLeg(word.talker, word.on);
    case 'way':
      return engine.overStream(word.stream, word.talker);
    case 'rung':
      return engine.reshape(word, word.talker);
  }
}
