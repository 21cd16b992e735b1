/**
 * Conferences with real sound in virtual time: nodes on a simulated internet, each with a voice engine, so that what is
 * recorded at each seat can be looked through for every voice: all others are there, the own is not.
 */
import { afterAll, expect } from 'vitest';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { PeopleWorld } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { ConferenceSeat } from '../support/conference-seat.ts';
import { toneDb } from '../support/round-table.ts';
import { tone } from '../support/speech.ts';

const NAMES = ['alice1', 'bobby1', 'carol1', 'david1'] as const;
/** What each of them says all the time, at -24 dBFS. */
const HZ = [433, 727, 1153, 1787] as const;
const WINDOW_S = 0.1;
const STEP_S = 0.04;
const THERE_DB = -34;

const codecs: OpusCodec[] = [];
afterAll(() => {
  for (const codec of codecs) codec.close();
});
function codec(): OpusCodec {
  const opened = openOpus();
  codecs.push(opened);
  return opened;
}

function four(world: World): ConferenceSeat[] {
  const people = new PeopleWorld(world);
  const persons = NAMES.map((name) => people.person(name));
  for (const person of persons) person.signUp();
  for (const other of persons.slice(1)) persons[0]!.befriend(other);
  return persons.map((person, n) => new ConferenceSeat(person, tone(HZ[n]!, 40, 2000), codec));
}

const hzOf = (seat: ConferenceSeat): number => HZ[NAMES.indexOf(seat.person.name as (typeof NAMES)[number])]!;

/** Of one tone at this seat from then on, dBFS. */
function levels(seat: ConferenceSeat, hz: number, from: number): number[] {
  const heard = seat.heard(from);
  const [window, step] = [WINDOW_S * 16_000, STEP_S * 16_000];
  const count = Math.floor((heard.length - window) / step);
  return Array.from({ length: count }, (_, n) => toneDb(heard.subarray(n * step, n * step + window), hz));
}

/** The longest time in which this voice was not to be heard at this seat, ms. */
function longestGapMs(seat: ConferenceSeat, voice: ConferenceSeat, from: number): number {
  let [longest, missing] = [0, 0];
  for (const levelDb of levels(seat, hzOf(voice), from)) {
    missing = levelDb > THERE_DB ? 0 : missing + STEP_S * 1000;
    longest = Math.max(longest, missing);
  }
  return longest;
}

function worstGapMs(seats: readonly ConferenceSeat[], from: number): number {
  const pairs = seats.flatMap((seat) => seats.filter((voice) => voice !== seat).map((voice) => [seat, voice] as const));
  return Math.max(...pairs.map(([seat, voice]) => longestGapMs(seat, voice, from)));
}

/** How loud this seat heard itself at any time, dBFS. */
function loudestDb(seat: ConferenceSeat, from: number): number {
  return Math.max(...levels(seat, hzOf(seat), from));
}

/** Who mixes for these, as they say. */
function mixerOf(seats: readonly ConferenceSeat[]): ConferenceSeat {
  const found = seats.find(({ person }) => person.name === seats[0]?.mixer);
  if (!found) throw new Error('nobody mixes');
  return found;
}

/** Each of these hears all others of them, and himself at least 40 dB less. */
function hearEachOther(seats: readonly ConferenceSeat[], seconds: number): void {
  for (const seat of seats) {
    const heard = seat.heard(seat.seconds - seconds, seat.seconds);
    const others = seats.filter((other) => other !== seat).map((other) => toneDb(heard, hzOf(other)));
    expect(Math.min(...others), `${seat.person.name} hears ${others}`).toBeGreaterThan(-28);
    expect(toneDb(heard, hzOf(seat)), `${seat.person.name} hears himself`).toBeLessThan(Math.min(...others) - 40);
  }
}

seeded(
  'a call of two grows to four without a gap; each hears all others, himself 40 dB less; the mix survives its mixers',
  (world) => {
    const seats = four(world);
    const pair = seats.slice(0, 2);
    const [alice, bobby] = pair as [ConferenceSeat, ConferenceSeat];
    alice.person.calls(bobby.person);
    world.until(() => bobby.person.callLog.includes('ringing'));
    bobby.person.call_('answer');
    world.advance(3000);
    const begun = alice.seconds;
    alice.does({ type: 'add', call: alice.person.call ?? '', names: ['carol1', 'david1'] });
    world.advance(5500);
    hearEachOther(seats, 2.5);
    for (const [one, other] of [pair, [...pair].reverse()] as ConferenceSeat[][])
      expect(longestGapMs(one!, other!, begun - 1)).toBeLessThanOrEqual(40);

    const first = mixerOf(seats);
    const three = seats.filter((seat) => seat !== first);
    const left = three[0]!.seconds;
    first.does({ type: 'hang-up', call: first.conference ?? '' });
    world.advance(4000);
    hearEachOther(three, 2);
    expect(worstGapMs(three, left - 0.5)).toBeLessThan(500);

    const second = mixerOf(three);
    const two = three.filter((seat) => seat !== second);
    const died = two[0]!.seconds;
    second.kill();
    world.advance(5000);
    hearEachOther(two, 1.5);
    expect(worstGapMs(two, died - 0.5)).toBeLessThan(2000);
    // Nor did anybody hear himself while the mix moved (a voice that sets in has a little of all frequencies).
    for (const seat of two) expect(loudestDb(seat, begun), `${seat.person.name} hears himself`).toBeLessThan(-40);
  },
  { runs: 1, timeoutMs: 60_000 },
);
