/**
 * The ear and mouth of the echo service: every voice body that arrives is sent back a second later, unopened. There is
 * no codec and no device, so one process can answer a test call on the smallest server. So it sends on the rung of
 * whoever calls, whatever its own rate control thinks.
 */
import {
  bitrateOf,
  bodyBytesOf,
  durationOf,
  NORMAL_SHAPE,
  silenceBody,
  unitsOf,
  withMediaTime,
} from '../audio/voice-body.ts';
import type { VoiceEnd, VoiceEvents } from './voice-end.ts';

/** Of silence, until somebody speaks. */
const FRAME_MS = NORMAL_SHAPE.frameMs;
/** Long enough to have finished a short sentence, short enough to wait for. */
export const ECHO_DELAY_MS = 1_000;
/** Bodies kept at most: the delay, and what a burst may bring. */
const BODIES_MAX = 250;
/** Behind by more than this the machine stood still: what was missed stays missed, or it would go out all at once. */
const STALL_MS = 200;

export function echoVoice(events: VoiceEvents): VoiceEnd {
  const heard: { readonly at: number; readonly body: Buffer }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let mediaTime = 0;
  /** When the last body left; the next one leaves as long after as it lasts. */
  let last = 0;
  const tick = (): void => {
    const now = performance.now();
    if (now - last > STALL_MS) {
      const missedMs = Math.floor((now - last) / FRAME_MS) * FRAME_MS;
      mediaTime += unitsOf(missedMs);
      last += missedMs;
    }
    while (heard[0] && heard[0].at + ECHO_DELAY_MS + STALL_MS < last) heard.shift();
    let wakeAt = last;
    for (;;) {
      const oldest = heard[0];
      const oldestMs = oldest ? durationOf(oldest.body) : FRAME_MS;
      const due = oldest && oldest.at + ECHO_DELAY_MS <= last + oldestMs ? oldest : undefined;
      const lastsMs = due ? oldestMs : FRAME_MS;
      wakeAt = last + lastsMs;
      if (wakeAt > now) break;
      if (due) heard.shift();
      events.onBody(due ? withMediaTime(due.body, mediaTime) : silenceBody(mediaTime), 0);
      mediaTime += unitsOf(lastsMs);
      last = wakeAt;
    }
    timer = setTimeout(tick, Math.max(0, wakeAt - performance.now()));
  };
  return {
    pid: null,
    tell(message) {
      if (message.type !== 'start' || timer) return;
      last = performance.now() - FRAME_MS;
      events.onMessage({
        type: 'ready',
        codec: 'native',
        capture: 'none',
        playback: 'none',
        bodyBytes: bodyBytesOf(NORMAL_SHAPE),
        frameMs: FRAME_MS,
        bitrate: bitrateOf(NORMAL_SHAPE),
      });
      tick();
    },
    play(_arrivalMs, body) {
      if (heard.length < BODIES_MAX) heard.push({ at: performance.now(), body: Buffer.from(body) });
    },
    async stop() {
      clearTimeout(timer);
    },
  };
}
