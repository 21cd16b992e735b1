/** A microphone that falls silent without a word is noticed within 300 ms, and a machine that stalls is not taken for one. */
import { describe, expect, test, vi } from 'vitest';
import { findPulse, openPulseCapture } from '../../src/audio/device-pulse.ts';
import { COMMAND } from '../../src/audio/device-pulse-packets.ts';
import { StreamWatch } from '../../src/audio/stream-watch.ts';
import { foundFakePulse } from '../support/pulse-fake.ts';

/** Looks at these moments; sound comes until `untilMs`. Gives when it was found dead. */
function deathOf(looksMs: readonly number[], untilMs: number): number | undefined {
  const watch = new StreamWatch(0);
  return looksMs.find((at) => {
    if (at <= untilMs) watch.heard();
    return watch.look(at);
  });
}
const everyLook = Array.from({ length: 800 }, (_none, n) => (n + 1) * 25);

test('a stream that stops is dead within 175 ms', () => {
  expect(deathOf(everyLook, 1_000)).toBe(1_150);
  expect(deathOf(everyLook, 1_024)).toBeLessThanOrEqual(1_024 + 175);
});

test('one that goes on, or has not begun, never is', () => {
  expect(deathOf(everyLook, 20_000)).toBeUndefined();
  expect(deathOf(everyLook, 0)).toBeUndefined();
});

test('one that comes in bursts is waited for longer, and found dead all the same', () => {
  const watch = new StreamWatch(0);
  const dead = everyLook.find((at) => {
    if (at % 125 === 0 && at <= 10_000) watch.heard();
    return watch.look(at);
  });
  expect(dead).toBe(10_250);
});

test('looks that come late tell of the machine, not of the stream', () => {
  const stalled = Array.from({ length: 100 }, (_none, n) => (n + 1) * 120);
  expect(deathOf(stalled, 500)).toBeUndefined();
});

describe('a sound server', () => {
  const silent = { onFrame: () => {}, onInputEnded: () => {}, onLost: () => {} };

  test('that hangs loses its stream within 300 ms of its last sound, and it is closed at once', async () => {
    const { fake, pulse } = await foundFakePulse();
    let soundAt = 0;
    let frames = 0;
    const timer = setInterval(() => {
      if (++frames > 30) clearInterval(timer);
      else fake.speak();
    }, 20);
    const lost = await new Promise<{ afterMs: number; code: string; close: () => Promise<void> }>((resolve) => {
      let close = async (): Promise<void> => {};
      const events = {
        ...silent,
        onFrame: () => {
          soundAt = performance.now();
        },
        onLost: ({ code }: { code: string }) => resolve({ afterMs: performance.now() - soundAt, code, close }),
      };
      void openPulseCapture(pulse, {}, events).then((capture) => {
        close = () => capture.close();
      });
    });
    clearInterval(timer);
    console.log(`a silent stream was found dead after ${Math.round(lost.afterMs)} ms`);
    expect(lost.code).toBe('audio-no-device');
    expect(lost.afterMs).toBeGreaterThan(100);
    // On a machine that stalls itself the looks begin anew.
    expect(lost.afterMs).toBeLessThan(2_000);
    await lost.close();
  });

  test('that dies is one refusal while it opens, one loss afterwards, and its streams are looked at no more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      for (const isOpen of [false, true]) {
        const { fake, pulse } = await foundFakePulse();
        const lost: string[] = [];
        const opening = openPulseCapture(pulse, {}, { ...silent, onLost: ({ code }) => lost.push(code) });
        const refused = opening.then(
          () => [],
          ({ code }) => [code],
        );
        while (!fake.told.includes(COMMAND.createRecordStream)) await new Promise((resolve) => setTimeout(resolve, 5));
        if (isOpen) fake.speak();
        if (isOpen) await opening;
        await fake.stop();
        expect(await refused).toEqual(isOpen ? [] : ['audio-no-device']);
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(lost).toEqual(isOpen ? ['audio-no-device'] : []);
        expect(vi.getTimerCount()).toBe(0);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  test('that is none is not found: it says nothing, or rubbish', async () => {
    const { fake } = await foundFakePulse();
    fake.rubbish = true;
    expect(await findPulse({ PULSE_SERVER: `unix:${fake.path}` })).toBeUndefined();
    fake.rubbish = false;
    fake.mute = true;
    expect(await findPulse({ PULSE_SERVER: `unix:${fake.path} unix:${fake.path}-none` })).toBeUndefined();
  });
});
