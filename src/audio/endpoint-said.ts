/**
 * What the agent has said of a call that goes through a forwarded endpoint, and what of it the laptop is to be told: all
 * of it again with each connection, because a laptop that comes knows nothing. Also whether the voice can be passed on as it
 * comes. Pure; `voice-io.ts` feeds it from the first word on, `endpoint-call.ts` reads it.
 */
import { ENDPOINT_FRAME_BYTES, FRAME_MS } from './params.ts';
import type { ToVoice } from './port.ts';
import { type BodyShape, NORMAL_SHAPE } from './voice-body.ts';

/** Between laptop and HOST while HOST decodes. */
export const DECODED_SHAPE: BodyShape = {
  frameMs: FRAME_MS,
  frameBytes: ENDPOINT_FRAME_BYTES,
  copies: 0,
  distance: 1,
};

export class SaidWords {
  #muted = false;
  #held = false;
  #away = false;
  #rung: BodyShape = NORMAL_SHAPE;
  #stream = false;
  #filters: Extract<ToVoice, { type: 'filters' }> | undefined;
  /** Far ends that there are: talker 0 from the start. */
  readonly #talkers = new Set([0]);

  get muted(): boolean {
    return this.#muted;
  }

  get held(): boolean {
    return this.#held;
  }

  /** One far end, number 0, with nothing that is said of a leg alone: its bodies are the call. */
  get isCallOfTwo(): boolean {
    return this.#talkers.size === 1 && this.#talkers.has(0) && !this.#away && !this.#conferred;
  }

  /** Something was said of a leg: it is a conference, also while only one is left. */
  #conferred = false;

  take(word: ToVoice): void {
    switch (word.type) {
      case 'leg':
        this.#conferred = true;
        if (word.on) this.#talkers.add(word.talker);
        else this.#talkers.delete(word.talker);
        return;
      case 'away':
        this.#away = word.on;
        return;
      case 'mute':
      case 'hold':
        if (word.talker !== undefined) this.#conferred = true;
        else if (word.type === 'mute') this.#muted = word.on;
        else this.#held = word.on;
        return;
      case 'rung': {
        const { frameMs, frameBytes, copies, distance } = word;
        if (!word.talker) this.#rung = { frameMs, frameBytes, copies, distance };
        return;
      }
      case 'way':
        if (!word.talker) this.#stream = word.stream;
        return;
      case 'filters':
        this.#filters = word;
    }
  }

  /** In this order. `direct`: the bodies are passed on; otherwise they are decoded here. */
  forNear(direct: boolean): ToVoice[] {
    return [
      { type: 'mute', on: this.#muted },
      { type: 'hold', on: this.#held || this.#away },
      { type: 'start', spec: 'default', call: '' },
      ...(this.#filters ? [this.#filters] : []),
      { type: 'rung', ...(direct ? this.#rung : DECODED_SHAPE) },
      { type: 'way', stream: direct && this.#stream },
    ];
  }
}
