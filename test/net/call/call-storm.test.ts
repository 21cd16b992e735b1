/**
 * Thousands of seeded storms: people press keys at random while messages are delayed and (in half of the storms)
 * disordered. A failure names its seed; run it alone with WREN_SEED.
 */
import { describe, expect, it } from 'vitest';
import type { CallCommand } from '../../../src/net/call/call-record.ts';
import {
  CALL_SILENCE_MS_MAX,
  ENDED_CALL_MEMORY_MS,
  RING_MARGIN_MS,
  RING_TIMEOUT_MS,
} from '../../../src/net/protocol/params.ts';
import { CallWorld, type Phone } from './call-world.ts';

const STORMS = 1_500;
const KEYS_PER_STORM = 24;
const ONLY = process.env.WREN_SEED;
const SEEDS = ONLY === undefined ? Array.from({ length: STORMS }, (_, i) => i + 1) : [Number(ONLY)];

type Names = readonly string[];
const CASTS: readonly Names[] = [
  ['alice1', 'bobby1'],
  ['alice1', 'bobby1', 'carol1'],
  ['alice1', 'bobby1', 'bobby1'],
  ['alice1', 'alice1', 'bobby1'],
];

function storm(seed: number, inOrder: boolean): CallWorld {
  const world = new CallWorld({ seed, delayMs: [1, 600], inOrder });
  const pick = <T>(from: readonly T[]): T => from[Math.floor(world.random.fraction() * from.length)] as T;
  for (const name of pick(CASTS)) world.phone(name);
  world.check = () => mustHold(world, seed);
  for (let key = 0; key < KEYS_PER_STORM; key += 1) {
    const phone = pick(world.phones);
    world.do(phone, randomCommand(world, phone, pick));
    mustHold(world, seed);
    keepMediaAlive(world);
    world.run(world.random.fraction() < 0.5 ? 0 : world.random.fraction() * 900);
  }
  return world;
}

function randomCommand(world: CallWorld, phone: Phone, pick: <T>(from: readonly T[]) => T): CallCommand {
  const calls = phone.calls.list();
  const others = world.phones.filter((other) => other.name !== phone.name);
  const call = calls.length > 0 ? pick(calls).call : 'f'.repeat(32);
  if (world.random.fraction() < 0.4) return { type: 'place', to: pick(others).name };
  const ringing = calls.find((one) => one.state === 'ringing-in');
  if (ringing && world.random.fraction() < 0.6) return { type: 'answer', call: ringing.call };
  return { type: pick(['answer', 'decline', 'hang-up', 'hold', 'resume', 'mute', 'unmute', 'hold', 'resume']), call };
}

/** Sound flows only where both ends have the same call with each other. */
function keepMediaAlive(world: CallWorld): void {
  for (const [phone, call, other] of runningPairs(world))
    if (other) world.hear(phone, { type: 'media-alive', call: call.wire });
}

function runningPairs(world: CallWorld) {
  return world.phones.flatMap((phone) =>
    phone.calls
      .list()
      .filter((call) => call.state === 'running')
      .map((call) => {
        const other = world.phones.find((one) => one.node === call.node);
        const theirs = other?.calls
          .list()
          .find((one) => one.wire === call.wire && one.node === phone.node && one.state === 'running');
        return [phone, call, theirs] as const;
      }),
  );
}

/** What holds at every moment. */
function mustHold(world: CallWorld, seed: number): void {
  for (const phone of world.phones) {
    const talking = phone.calls
      .list()
      .filter((call) => call.state === 'running' && call.heldBy !== 'me' && call.heldBy !== 'both');
    if (talking.length > 1) throw new Error(`seed ${seed}: ${phone.name} talks in ${talking.length} calls at once`);
  }
}

/** Every call's story is dialling? ringing? answered? (hold, mute)* ended, with media exactly while it runs. */
function mustReadWell(phone: Phone, seed: number): void {
  const letters = new Map<string, string>();
  const code: Record<string, string> = {
    dialling: 'd',
    ringing: 'r',
    answered: 'a',
    'media-start': '(',
    held: 'h',
    resumed: 'h',
    muted: 'm',
    unmuted: 'm',
    'media-stop': ')',
    ended: '.',
  };
  for (const told of phone.told)
    if (told.type !== 'refused' && told.type !== 'media-candidates')
      letters.set(told.call, (letters.get(told.call) ?? '') + code[told.type]);
  for (const [call, text] of letters)
    if (!/^d?m*r?m*(a\([hm]*\))?\.$/.test(text)) throw new Error(`seed ${seed}: ${phone.name} ${call} reads ${text}`);
}

function mustAgree(world: CallWorld, seed: number, holdsToo: boolean): void {
  for (const [phone, call, theirs] of runningPairs(world)) {
    if (!theirs) throw new Error(`seed ${seed}: ${phone.name} is alone in ${call.wire}`);
    const mirrored = { nobody: 'nobody', me: 'them', them: 'me', both: 'both' } as const;
    if (holdsToo && theirs.heldBy !== mirrored[call.heldBy])
      throw new Error(`seed ${seed}: ${call.wire} is held by ${call.heldBy} here and ${theirs.heldBy} there`);
  }
}

/** Every message under way, every ring and settling, comes to its end while sound flows; calls that run agree. */
function calm(world: CallWorld, seed: number, holdsToo: boolean): void {
  for (let waited = 0; waited < RING_TIMEOUT_MS + RING_MARGIN_MS + 2_000; waited += 1_000) {
    keepMediaAlive(world);
    world.run(1_000);
  }
  expect(world.underWay).toBe(0);
  for (const phone of world.phones)
    for (const call of phone.calls.list()) expect(`seed ${seed}: ${call.state}`).toBe(`seed ${seed}: running`);
  mustAgree(world, seed, holdsToo);
}

/** The sound stops, and nothing may be left. */
function silence(world: CallWorld, seed: number): void {
  world.run(CALL_SILENCE_MS_MAX + RING_TIMEOUT_MS + RING_MARGIN_MS + ENDED_CALL_MEMORY_MS + 5_000);
  for (const phone of world.phones) {
    expect(phone.calls.list()).toEqual([]);
    expect(phone.calls.wakeAt()).toBe(Infinity);
    mustReadWell(phone, seed);
  }
}

describe('a storm of keys', () => {
  it('leaves both ends in agreement, nobody in two calls, and nothing stuck', () => {
    let answered = 0;
    for (const seed of SEEDS) {
      const world = storm(seed, true);
      calm(world, seed, true);
      silence(world, seed);
      answered += world.phones.reduce(
        (sum, phone) => sum + phone.told.filter((told) => told.type === 'answered').length,
        0,
      );
    }
    // The storms must have been about something.
    if (ONLY === undefined) expect(answered).toBeGreaterThan(STORMS);
  });

  it('does so too when anything may overtake anything', () => {
    for (const seed of SEEDS) {
      const world = storm(seed, false);
      calm(world, seed, false);
      silence(world, seed);
    }
  });

  it('leaves nothing stuck when nodes leave in the middle, and with them the messages under way', () => {
    for (const seed of SEEDS.slice(0, 500)) {
      const world = storm(seed, true);
      const phone = world.phones[seed % world.phones.length] as Phone;
      world.leave(phone);
      world.run(world.random.fraction() * 6_000);
      const [call] = phone.calls.list();
      if (call) world.do(phone, { type: 'hang-up', call: call.call });
      world.comeBack(phone);
      silence(world, seed);
    }
  });
});
