/** The echo's ear and mouth: an even pace, everything a second later, and no flood after a stall. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { mediaTimeOf } from '../../src/net/media/voice-packet.ts';
import { ECHO_DELAY_MS, echoVoice } from '../../src/store/agent-echo-io.ts';
import type { VoiceEnd } from '../../src/store/voice-end.ts';

let bodies: Buffer[];
let voice: VoiceEnd;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  bodies = [];
  voice = echoVoice({ onBody: (body) => bodies.push(body), onMessage: () => {}, onDeath: () => {} });
});
afterEach(() => {
  void voice.stop();
  vi.useRealTimers();
});

const start = (): void => voice.tell({ type: 'start', spec: 'none', call: 'c'.repeat(32) });
/** Speech that can be told from silence. */
const spoken = (number: number): Buffer => {
  const body = Buffer.from(silenceBody(number));
  body[20] = (body[20] ?? 0) ^ 0xff;
  return body;
};
const isSpeech = (body: Buffer): boolean => body[20] !== silenceBody(0)[20];

test('fifty bodies a second come out from the start, numbered in media time', () => {
  start();
  vi.advanceTimersByTime(2_000);
  expect(Math.abs(bodies.length - 101)).toBeLessThanOrEqual(1);
  expect(bodies.slice(0, 4).map(mediaTimeOf)).toEqual([0, 2, 4, 6]);
});

test('what is heard comes back a second later, in order', () => {
  start();
  for (let i = 0; i < 10; i++) {
    voice.play(0, spoken(i));
    vi.advanceTimersByTime(20);
  }
  vi.advanceTimersByTime(ECHO_DELAY_MS + 100);
  const first = bodies.findIndex(isSpeech);
  expect(Math.abs(first - ECHO_DELAY_MS / 20)).toBeLessThanOrEqual(2);
  expect(bodies.filter(isSpeech)).toHaveLength(10);
});

test('a stall of this machine is a gap, not a thousand bodies at once', () => {
  start();
  vi.advanceTimersByTime(100);
  const before = bodies.length;
  vi.setSystemTime(Date.now() + 60_000);
  const real = performance.now;
  performance.now = () => real.call(performance) + 60_000;
  vi.advanceTimersByTime(40);
  performance.now = real;
  expect(bodies.length - before).toBeLessThan(20);
});

test('nobody floods it: what is too much is dropped', () => {
  start();
  for (let i = 0; i < 5_000; i++) voice.play(0, spoken(i));
  vi.advanceTimersByTime(20_000);
  expect(bodies.filter(isSpeech).length).toBeLessThanOrEqual(250);
});

test('it is silent before the start and after the end', async () => {
  voice.play(0, spoken(1));
  vi.advanceTimersByTime(3_000);
  expect(bodies).toEqual([]);
  start();
  await voice.stop();
  const count = bodies.length;
  vi.advanceTimersByTime(3_000);
  expect(bodies).toHaveLength(count);
});
