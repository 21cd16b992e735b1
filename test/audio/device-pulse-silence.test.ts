/** A sound server that answers some questions and not others: nothing stays half open, and no microphone stays mute. */
import { expect, test } from 'vitest';
import { openPulseCapture, watchPulse } from '../../src/audio/device-pulse.ts';
import { COMMAND } from '../../src/audio/device-pulse-packets.ts';
import { foundFakePulse } from '../support/pulse-fake.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a microphone that moved to a place nobody can look at is lost, and not mute for ever', async () => {
  const { fake, pulse } = await foundFakePulse();
  const lost: string[] = [];
  const events = { onFrame: () => {}, onInputEnded: () => {}, onLost: ({ code }: { code: string }) => lost.push(code) };
  const opening = openPulseCapture(pulse, {}, events);
  while (!fake.told.includes(COMMAND.createRecordStream)) await pause(5);
  const timer = setInterval(() => fake.speak(), 20);
  try {
    await opening;
    fake.deafTo.add(COMMAND.getSourceInfoList);
    fake.move('elsewhere');
    for (let waitedMs = 0; lost.length === 0 && waitedMs < 4_000; waitedMs += 50) await pause(50);
    expect(lost).toEqual(['audio-no-device']);
  } finally {
    clearInterval(timer);
  }
});

test('a watch that the server does not take leaves no connection behind', async () => {
  const { fake, pulse } = await foundFakePulse();
  fake.deafTo.add(COMMAND.subscribe);
  const ended: string[] = [];
  const watch = watchPulse(pulse, { onChange: () => {}, onEnd: () => ended.push('ended') });
  await expect(watch).rejects.toMatchObject({ code: 'audio-no-device' });
  await pause(50);
  expect(fake.connections).toBe(0);
  expect(ended).toEqual([]);
});
