/**
 * A conference over real parts: three agents with their voice children on one network, each with a file as its microphone
 * and a file as its speaker. What is recorded is looked through for each voice: the others are there, the own is not.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PrivateNetwork } from '../support/private-network.ts';
import { stretchedToneDb } from '../support/round-table.ts';
import { readWav, tone, writeWav } from '../support/speech.ts';

const PEOPLE = [
  { profile: 'A', name: 'alice1', hz: 433 },
  { profile: 'B', name: 'bobby1', hz: 727 },
  { profile: 'C', name: 'carol1', hz: 1153 },
] as const;
let net: PrivateNetwork;

beforeAll(async () => {
  net = await PrivateNetwork.start();
  await Promise.all(PEOPLE.map(({ profile, name }) => net.person(profile, name)));
  const [alice, bobby, carol] = PEOPLE;
  await net.befriend(alice, bobby);
  await net.befriend(alice, carol);
  for (const { profile, hz } of PEOPLE) writeWav(net.path(`${profile}.wav`), tone(hz, 25, 2000));
});
afterAll(() => net.stop());

it('of three in a conference each records all others, and himself 40 dB less', { timeout: 60_000 }, async () => {
  const audio = (profile: string): string[] => [
    '--audio',
    `file:${net.path(`${profile}.wav`)},${net.path(`${profile}-heard.wav`)}`,
    '--json',
  ];
  const answers = ['B', 'C'].map((profile) => net.go(profile, 'answer', '--once', ...audio(profile)));
  const call = await net.wren('A', 'call', 'bobby1', 'carol1', '--for', '10', ...audio('A'));
  expect(call.code, call.stderr).toBe(0);
  // The other two go on without whoever called.
  await net.wren('B', 'hangup');
  await net.wren('C', 'hangup');
  await Promise.all(answers.map(({ done }) => done));
  for (const { profile, hz } of PEOPLE) {
    const heard = readWav(net.path(`${profile}-heard.wav`)).subarray(4.5 * 16_000, 8.5 * 16_000);
    const others = PEOPLE.filter((one) => one.hz !== hz).map((one) => stretchedToneDb(heard, one.hz));
    expect(Math.min(...others), `${profile} hears ${others}`).toBeGreaterThan(-29);
    expect(stretchedToneDb(heard, hz), `${profile} hears itself`).toBeLessThan(Math.min(...others) - 40);
  }
});
