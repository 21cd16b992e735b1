/** The watchdog against a forgotten microphone: when it warns, when it closes, and what calls it off. */
import { expect, test } from 'vitest';
import { MicrophoneWatch } from '../../src/store/microphone-watch.ts';

const MINUTE = 60_000;
const OPEN = { open: true, speaking: false, attended: true };
const WARN = { watch: 'warn', minutes: 10 } as const;
const CLOSE = { watch: 'close', minutes: 10 } as const;

/** Looks every five seconds, and gives what was to be done at which minute. */
function scene(wish: Parameters<MicrophoneWatch['look']>[2], minutes: number, at: (minute: number) => typeof OPEN) {
  const watch = new MicrophoneWatch();
  const done: [number, string][] = [];
  for (let ms = 0; ms <= minutes * MINUTE; ms += 5_000) {
    const act = watch.look(ms, at(ms / MINUTE), wish);
    if (act) done.push([ms / MINUTE, `${act} ${watch.leftOpen}`]);
  }
  return done;
}

test('warns once when nobody has spoken for as long as is allowed', () => {
  expect(scene(WARN, 60, () => OPEN)).toEqual([[10, 'warn quiet']]);
  expect(scene(WARN, 60, (minute) => ({ ...OPEN, speaking: minute === 9 || minute === 30 }))).toEqual([
    [19, 'warn quiet'],
    [40, 'warn quiet'],
  ]);
});

test('warns of voices that nobody here may know are heard: the terminal has gone', () => {
  const gone = (minute: number) => ({ ...OPEN, speaking: true, attended: minute < 2 });
  expect(scene(WARN, 30, gone).map(([, what]) => what)).toEqual(['warn unattended']);
  expect(scene(CLOSE, 13, gone).map(([, what]) => what)).toEqual(['warn unattended', 'close unattended']);
});

test('closes a minute after the warning where that is wanted, unless somebody speaks or looks', () => {
  expect(scene(CLOSE, 11, () => OPEN)).toEqual([
    [10, 'warn quiet'],
    [11, 'close quiet'],
  ]);
  expect(scene(CLOSE, 15, (minute) => ({ ...OPEN, speaking: minute === 10.5 }))).toEqual([[10, 'warn quiet']]);
});

test('does nothing while the microphone is closed, begins anew when it opens, and can be turned off', () => {
  expect(scene(CLOSE, 60, () => ({ open: false, speaking: false, attended: false }))).toEqual([]);
  expect(scene(WARN, 60, (minute) => ({ ...OPEN, open: minute % 9 !== 0 }))).toEqual([]);
  expect(scene({ watch: 'off', minutes: 1 }, 60, () => ({ ...OPEN, attended: false }))).toEqual([]);
});
