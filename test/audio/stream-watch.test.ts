/** A microphone that falls silent without a word is noticed within 300 ms, and a machine that stalls is not taken for one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openPulseCapture, type Pulse } from '../../src/audio/device-pulse.ts';
import { StreamWatch } from '../../src/audio/stream-watch.ts';

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

test('a recorder program that hangs is lost within 300 ms of its last sound, and closed at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wren-parec-'));
  // 640 bytes each 20 ms for 0.6 s, then nothing, alive.
  const program = `#!${process.execPath}
let n = 0;
const timer = setInterval(() => { process.stdout.write(Buffer.alloc(640)); if (++n === 30) clearInterval(timer); }, 20);
setInterval(() => {}, 1000);
`;
  writeFileSync(join(folder, 'parec'), program, { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  let soundAt = 0;
  const lost = await new Promise<{ afterMs: number; code: string; close: () => Promise<void> }>((resolve) => {
    let close = async (): Promise<void> => {};
    const events = {
      onFrame: () => {
        soundAt = performance.now();
      },
      onInputEnded: () => {},
      onLost: ({ code }: { code: string }) => resolve({ afterMs: performance.now() - soundAt, code, close }),
    };
    void openPulseCapture({ env } as Pulse, undefined, events).then((capture) => {
      close = () => capture.close();
    });
  });
  console.log(`a silent stream was found dead after ${Math.round(lost.afterMs)} ms`);
  expect(lost.code).toBe('audio-no-device');
  expect(lost.afterMs).toBeGreaterThan(100);
  // On a machine that stalls itself the looks begin anew.
  expect(lost.afterMs).toBeLessThan(2_000);
  await lost.close();
  rmSync(folder, { recursive: true });
});

test('a recorder program that cannot be started is looked at no more', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const events = { onFrame: () => {}, onInputEnded: () => {}, onLost: () => {} };
    const opening = openPulseCapture({ env: { PATH: '/nowhere' } }, undefined, events);
    await expect(opening).rejects.toMatchObject({ code: 'audio-no-device' });
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
