/**
 * The ear and mouth of the echo service: every voice body that arrives is sent back a second later, unopened. There is
 * no codec and no device, so one process can answer a test call on the smallest server.
 */
import { silenceBody, withMediaTime } from '../audio/voice-body.ts';
import type { VoiceEnd, VoiceEvents } from './voice-end.ts';

const FRAME_MS = 20;
const MEDIA_TIME_PER_FRAME = 2;
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
  let next = 0;
  const tick = (): void => {
    const now = performance.now();
    if (now - next > STALL_MS) {
      const missed = Math.floor((now - next) / FRAME_MS);
      mediaTime += missed * MEDIA_TIME_PER_FRAME;
      next += missed * FRAME_MS;
    }
    while (heard[0] && heard[0].at + ECHO_DELAY_MS + STALL_MS < next) heard.shift();
    while (next <= now) {
      const due = heard[0] && heard[0].at + ECHO_DELAY_MS <= next ? heard.shift() : undefined;
      const time = mediaTime & 0xffff;
      events.onBody(due ? withMediaTime(due.body, time) : silenceBody(time));
      mediaTime += MEDIA_TIME_PER_FRAME;
      next += FRAME_MS;
    }
    timer = setTimeout(tick, Math.max(0, next - performance.now()));
  };
  return {
    pid: null,
    tell(message) {
      if (message.type !== 'start' || timer) return;
      next = performance.now();
      events.onMessage({
        type: 'ready',
        codec: 'native',
        capture: 'none',
        playback: 'none',
        bodyBytes: silenceBody(0).length,
        frameMs: FRAME_MS,
        bitrate: 22_800,
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
