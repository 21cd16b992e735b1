/**
 * Bytes on the wire. Of the built agent, counted at its sockets (`count-bytes.cjs`): signing in for the first time and
 * again, a call, rest. And in virtual time, where people cost nothing: rest with twenty buddies.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { PeopleWorld } from '../test/sim/people-world.ts';
import { World } from '../test/sim/world.ts';
import type { Figure } from './figure.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, pause, type Stage } from './stage.ts';

const SIGN_INS = 3;
const CALL_S = 10;
const CALL_MS = 6_000;
/** Three keep-alives. */
const REST_MS = 66_000;
const COUNTED_MS = 400;
/** Until buddies have found one another. */
const SETTLE_MS = 1_500;
/** UDP and IPv4. */
const HEADER_BYTES = 28;
const TCP_HEADER_BYTES = 40;
const BUDDIES = 20;
const VIRTUAL_MS = 4 * 3_600_000;
/** Until the keys by which people met have been changed, once: at rest nothing is left of that. */
const MET_MS = 600_000;
const SUPERNODES = ['super1', 'super2', 'super3'];

interface Sums {
  readonly sent: number;
  readonly sentPackets: number;
  readonly received: number;
  readonly receivedPackets: number;
  readonly streamSent: number;
  readonly streamReceived: number;
  readonly peers: readonly string[];
}

export const wire: Scene = {
  name: 'wire',
  title: 'On the wire',
  seconds: 95,
  play: async (say) => {
    say(`${BUDDIES} buddies in virtual time`);
    const virtual = restWithBuddies();
    const counter = new URL('count-bytes.cjs', `file://${import.meta.dirname}/`).pathname;
    const counted = await onStage(
      async (stage) => {
        mkdirSync(stage.path('bytes'));
        return measured(stage, say);
      },
      { NODE_OPTIONS: `--require=${counter}` },
    );
    return [...counted, ...virtual];
  },
};

async function measured(stage: Stage, say: (line: string) => void): Promise<Figure[]> {
  stage.env.WREN_BENCH_BYTES = stage.path('bytes');
  const sums = async (profile: string): Promise<Sums> => {
    await pause(COUNTED_MS);
    return JSON.parse(readFileSync(stage.path(`bytes/${profile}.json`), 'utf8')) as Sums;
  };
  await stage.withTwoBuddies();
  say('signing in');
  const signIns = await repeat(SIGN_INS, async (run) => {
    // An account that has no other device any more: sessions with those, and their part of the list, would be counted too.
    const [before, name, device] = [`before-${run}`, `carol99-${run}`, `device-${run}`];
    await stage.person(before, name);
    await stage.as(before, 'signout').success();
    await stage.as(before, 'agent', 'stop').success();
    await stage.as(device, 'join', stage.invite).success();
    await stage.as(device, 'signin', name).success();
    await stage.as(device, 'wait').success();
    const first = await sums(device);
    await stage.restartAgent(device);
    const later = await sums(device);
    await stage.as(device, 'agent', 'stop').success();
    await stage.restartAgent('A');
    await pause(SETTLE_MS);
    return { first, later, laterWithBuddy: await sums('A') };
  });
  say('a call');
  const { a, b } = await stage.callBegun(CALL_S, { a: 'none', b: 'none' });
  await pause(2_000);
  const before = await sums('A');
  await pause(CALL_MS);
  const after = await sums('A');
  await Promise.all([a.success(), b.success()]);
  say(`rest, ${REST_MS / 1000} s`);
  await pause(2_000);
  const restBefore = await sums('A');
  await pause(REST_MS);
  const restAfter = await sums('A');
  return [...signInFigures(signIns), ...callFigures(before, after), ...restFigures(restBefore, restAfter)];
}

function totalOf(sums: Sums): number {
  return sums.sent + sums.received + sums.streamSent + sums.streamReceived;
}

interface SignIn {
  readonly first: Sums;
  readonly later: Sums;
  readonly laterWithBuddy: Sums;
}

function signInFigures(runs: readonly SignIn[]): Figure[] {
  return [
    {
      name: 'first sign-in of a device, no buddies, both ways, payload',
      unit: 'B',
      values: runs.map(({ first }) => totalOf(first)),
      target: { label: 'S8', most: 9000 },
    },
    {
      name: 'later sign-in, no buddies, both ways, payload',
      unit: 'B',
      values: runs.map(({ later }) => totalOf(later)),
      target: { label: 'S8', most: 2500 },
    },
    {
      name: 'each buddy who is online adds',
      unit: 'B',
      values: runs.map(({ later, laterWithBuddy }) => totalOf(laterWithBuddy) - totalOf(later)),
      remark: 'a handshake end to end, by a ticket',
    },
    {
      name: 'nodes contacted at the first sign-in',
      unit: '',
      values: runs.map(({ first }) => new Set(first.peers.map((peer) => peer.replace(/^\w+ /, ''))).size),
      target: { label: 'S8', most: 8 },
    },
  ];
}

function callFigures(before: Sums, after: Sums): Figure[] {
  const spanS = (CALL_MS + COUNTED_MS) / 1000;
  const rate = (field: 'sent' | 'sentPackets' | 'received' | 'receivedPackets'): number =>
    (after[field] - before[field]) / spanS;
  const sentBytes = rate('sent') + HEADER_BYTES * rate('sentPackets');
  return [
    { name: 'call, datagrams of all kinds, one way', unit: 'packets/s', values: [rate('sentPackets')] },
    { name: 'call, mean UDP payload', unit: 'B', values: [rate('sent') / rate('sentPackets')] },
    {
      name: 'call, with UDP and IP headers, one way',
      unit: 'B/s',
      values: [sentBytes],
      remark: `${Math.round((sentBytes * 8) / 1000)} kbit/s; reports and probes included`,
    },
  ];
}

function restFigures(before: Sums, after: Sums): Figure[] {
  const packets = after.sentPackets + after.receivedPackets - before.sentPackets - before.receivedPackets;
  const minutes = (REST_MS + COUNTED_MS) / 60_000;
  const bytes = totalOf(after) - totalOf(before) + packets * HEADER_BYTES;
  return [
    { name: 'rest with one buddy, both ways, with headers', unit: 'B', values: [bytes / minutes], remark: 'a minute' },
    { name: 'rest with one buddy, both ways', unit: 'packets', values: [packets / minutes], remark: 'a minute' },
  ];
}

function restWithBuddies(): Figure[] {
  const world = new World({ seed: 1 });
  const people = new PeopleWorld(world, SUPERNODES);
  const alice = people.person('alice1');
  alice.signUp();
  for (let buddy = 0; buddy < BUDDIES; buddy++) {
    const other = people.person(`buddy-${buddy}`);
    other.signUp();
    alice.befriend(other);
  }
  world.advance(MET_MS);
  let bytes = 0;
  const peers = new Set<string>();
  const here = world.host('alice1').address;
  world.watch({
    packet: ({ from, to, bytes: payload, carrier }) => {
      if (from.host !== here && to.host !== here) return;
      bytes += payload.length + (carrier === 'udp' ? HEADER_BYTES : TCP_HEADER_BYTES);
      peers.add(from.host === here ? to.host : from.host);
    },
  });
  world.advance(VIRTUAL_MS);
  return [
    {
      name: `rest with ${BUDDIES} buddies online, both ways, with headers`,
      unit: 'bit/s',
      values: [(bytes * 8 * 1000) / VIRTUAL_MS],
      target: { label: 'N1', most: 100 },
      remark: 'four hours of virtual time',
    },
    {
      name: 'the same, peers spoken with',
      unit: '',
      values: [peers.size],
      target: { label: 'N1', most: 3 },
    },
  ];
}
