/**
 * Does somebody speak into this microphone? For the meter and for the watchdog against a forgotten microphone, never
 * for what is sent: frames leave at one size and pace whatever this says. Pure; `voice-engine.ts` hands in the level of each 20 ms.
 *
 * The floor is the quietest moment of the last 1.5 to 3 s: speech pauses within that time, a fan does not, so that
 * steady noise counts as voice for 3 s at most.
 */
import {
  FRAME_MS,
  SILENCE_DB,
  SPEECH_ATTACK_MS,
  SPEECH_DB_MIN,
  SPEECH_HANG_MS,
  SPEECH_OVER_FLOOR_DB,
  SPEECH_WINDOW_MS,
} from './params.ts';

export class VoiceActivity {
  #lowest = 0;
  /** Of the window before; nobody is taken for speaking before something is known of the room. */
  #lowestBefore = Number.POSITIVE_INFINITY;
  #windowMs = 0;
  #loudMs = 0;
  #hangMs = 0;

  get speaking(): boolean {
    return this.#hangMs > 0;
  }

  /** 20 ms of this level, dBFS; -96 while muted. */
  hear(levelDb: number): void {
    const floor = Math.max(SILENCE_DB, Math.min(this.#lowest, this.#lowestBefore));
    this.#lowest = Math.min(this.#lowest, levelDb);
    this.#windowMs += FRAME_MS;
    if (this.#windowMs >= SPEECH_WINDOW_MS) {
      this.#lowestBefore = this.#lowest;
      this.#lowest = 0;
      this.#windowMs = 0;
    }
    const loud = levelDb >= Math.max(SPEECH_DB_MIN, floor + SPEECH_OVER_FLOOR_DB);
    this.#loudMs = loud ? this.#loudMs + FRAME_MS : 0;
    // A click of a key is loud, but short.
    if (this.#loudMs >= SPEECH_ATTACK_MS) this.#hangMs = SPEECH_HANG_MS;
    else this.#hangMs = Math.max(0, this.#hangMs - FRAME_MS);
  }

  /** The microphone was closed: what was said before is over at once. */
  reset(): void {
    this.#loudMs = 0;
    this.#hangMs = 0;
  }
}
