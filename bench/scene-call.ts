/**
 * A call between two profiles on one machine: how soon it rings, is answered and sounds, what its first second is
 * like, what it costs in processor time and memory, and what the screen writes meanwhile.
 */
import { syntheticSpeech, writeWav } from '../test/support/speech.ts';
import type { Figure } from './figure.ts';
import { cpuMsOf, memoryAlone, memoryOf } from './proc.ts';
import { repeat, type Scene } from './scene.ts';
import { openScreen } from './scene-screen.ts';
import { onStage, pause, type Stage } from './stage.ts';
import type { Ended, JsonLine } from './timed-program.ts';

const SHORT_CALLS = 7;
const SHORT_S = 2.3;
const LONG_CALLS = 2;
const LONG_S = 15;
const CPU_MS = 10_000;
const SILENT = { a: 'none', b: 'none' };
/** What Node itself needs for the pace of a call on this machine. */
const BARE_PACE = 'setInterval(() => {}, 20)';
const V1 = 'V1';

export const call: Scene = {
  name: 'call',
  title: 'Call',
  seconds: 85,
  play: (say) =>
    onStage(async (stage) => {
      await stage.withTwoBuddies();
      const shorts = await repeat(SHORT_CALLS, async (run) => {
        say(`short call ${run + 1} of ${SHORT_CALLS}`);
        const { a, b, answeredMs } = await stage.callBegun(SHORT_S, SILENT);
        const ends = { a: await a.success(), b: await b.success(), answeredMs };
        await pause(300);
        return ends;
      });
      writeWav(stage.path('speech.wav'), syntheticSpeech(LONG_S));
      const longs = await repeat(LONG_CALLS, async (run) => {
        say(`long call ${run + 1} of ${LONG_CALLS}`);
        return longCall(stage);
      });
      return [...beginnings(shorts), ...firstSeconds(shorts), ...streams(longs.flatMap(({ a, b }) => [a, b]))].concat(
        costs(longs),
      );
    }),
};

type Ends = { readonly a: Ended; readonly b: Ended };

function event({ events }: Ended, name: string): JsonLine {
  const found = events.find((one) => one.event === name);
  if (!found) throw new Error(`no ${name} in ${JSON.stringify(events.map((one) => one.event))}`);
  return found;
}

function number(line: JsonLine, field: string): number {
  const value = line[field];
  if (typeof value !== 'number') throw new Error(`${field} is no number in ${JSON.stringify(line)}`);
  return value;
}

function beginnings(calls: readonly (Ends & { readonly answeredMs: number })[]): Figure[] {
  const ring = ({ a, b }: Ends): number => {
    const answered = event(a, 'answered');
    return number(event(b, 'ringing'), 'at') - (number(answered, 'at') - number(answered, 'setupMs'));
  };
  return [
    {
      name: 'dialled to ringing there',
      unit: 'ms',
      values: calls.map(ring),
      target: { label: V1, most: 300 },
      remark: 'wall clocks of one machine, whole ms',
    },
    {
      name: 'dialled to answered (answers by itself)',
      unit: 'ms',
      values: calls.map(({ a }) => number(event(a, 'answered'), 'setupMs')),
    },
    { name: '`wren call` started to `answered` written', unit: 'ms', values: calls.map((one) => one.answeredMs) },
    {
      name: 'answered to first sound, both ends',
      unit: 'ms',
      values: calls.flatMap(({ a, b }) => [a, b]).map((end) => number(event(end, 'first-sound'), 'afterAnswerMs')),
      target: { label: V1, most: 250 },
      remark: 'the first received frame that is played, be it silence',
    },
  ];
}

/** The first `quality` of each end, one second into the call. */
function firstSeconds(calls: readonly Ends[]): Figure[] {
  const first = calls.flatMap(({ a, b }) => [event(a, 'quality'), event(b, 'quality')]);
  return [
    {
      name: 'packets a second that `quality` reads after 1 s, sent',
      unit: 'packets/s',
      values: first.map((line) => number(line, 'sentPps')),
      target: { label: 'V3: 50 within 2 %', least: 49, most: 51 },
      judgeWorst: true,
    },
    { name: 'jitter buffer after 1 s', unit: 'ms', values: first.map((line) => number(line, 'bufferMs')) },
  ];
}

function streams(ends: readonly Ended[]): Figure[] {
  const totals = ends.map((end) => event(end, 'ended'));
  const rate = (field: string): number[] =>
    totals.map((line) => (number(line, field) * 1000) / number(line, 'durationMs'));
  const qualities = ends.flatMap(({ events }) => events.filter((one) => one.event === 'quality').slice(2));
  const settled = (field: string): number[] => qualities.map((line) => number(line, field));
  return [
    {
      name: 'voice packets a second, whole call, sent',
      unit: 'packets/s',
      values: rate('sentPackets'),
      target: { label: 'V3: 50 within 2 %', least: 49, most: 51 },
      judgeWorst: true,
    },
    {
      name: 'voice payload of a packet',
      unit: 'B',
      values: settled('payloadBytes'),
      target: { label: 'V3', least: 40, most: 120 },
      judgeWorst: true,
    },
    { name: 'jitter buffer from the third second on', unit: 'ms', values: settled('bufferMs') },
    { name: 'jitter of arrivals from the third second on', unit: 'ms', values: settled('jitterMs') },
    { name: 'frames invented, whole call', unit: '%', values: totals.map((line) => number(line, 'concealedPct')) },
  ];
}

/** CPU and memory of one call, ms and MiB; a screen shows it at A. */
async function longCall(stage: Stage) {
  const screen = openScreen(stage);
  await screen.firstSaw('bobby1');
  const bare = stage.node('-e', BARE_PACE);
  const speech = `file:${stage.path('speech.wav')},`;
  const { a, b } = await stage.callBegun(LONG_S, { a: speech, b: speech });
  await pause(2_500);
  const [atA, atB] = [await stage.agent('A'), await stage.agent('B')];
  const pids = {
    agents: [atA.pid, atB.pid],
    voices: [atA.voicePid ?? -1, atB.voicePid ?? -1],
    screen: [screen.pid],
    command: [a.pid],
    bare: [bare.pid],
  };
  const usedBefore = cpuOf(pids);
  const bytesBefore = screen.bytes;
  const startedAt = performance.now();
  await pause(CPU_MS);
  const spanMs = performance.now() - startedAt;
  const used = cpuOf(pids);
  const pct = (part: keyof typeof pids): number[] =>
    used[part].map((ms, index) => ((ms - (usedBefore[part][index] ?? 0)) * 100) / spanMs);
  const memory = {
    agents: pids.agents.map(memoryOf),
    voices: pids.voices.map(memoryOf),
    screen: memoryOf(screen.pid),
  };
  const [screenPct, commandPct, barePct] = [pct('screen')[0]!, pct('command')[0]!, pct('bare')[0]!];
  const cpu = { agents: pct('agents'), voices: pct('voices'), screen: screenPct, command: commandPct, bare: barePct };
  bare.child.kill('SIGKILL');
  const screenBytes = ((screen.bytes - bytesBefore) * 1000) / spanMs;
  await screen.close();
  return { a: await a.success(), b: await b.success(), cpu, memory, screenBytes };
}

function cpuOf<K extends string>(pids: Readonly<Record<K, readonly number[]>>): Record<K, number[]> {
  const entries = Object.entries<readonly number[]>(pids).map(([part, list]) => [part, list.map(cpuMsOf)]);
  return Object.fromEntries(entries) as Record<K, number[]>;
}

function costs(calls: readonly Awaited<ReturnType<typeof longCall>>[]): Figure[] {
  const sides = calls.flatMap(({ cpu, memory }) =>
    [0, 1].map((side) => ({
      agentPct: cpu.agents[side]!,
      voicePct: cpu.voices[side]!,
      agent: memory.agents[side]!,
      voice: memory.voices[side]!,
    })),
  );
  return [
    {
      name: 'CPU of a bare Node that wakes every 20 ms, share of one core',
      unit: '%',
      values: calls.map(({ cpu }) => cpu.bare),
    },
    { name: 'CPU of the agent', unit: '%', values: sides.map((side) => side.agentPct) },
    { name: 'CPU of the voice child', unit: '%', values: sides.map((side) => side.voicePct) },
    {
      name: 'CPU of agent and voice child',
      unit: '%',
      values: sides.map((side) => side.agentPct + side.voicePct),
      target: { label: 'M3', most: 6 },
      remark: 'speech from a file, no devices, no effects; 10 s',
    },
    { name: 'CPU of the screen that shows the call', unit: '%', values: calls.map(({ cpu }) => cpu.screen) },
    { name: 'CPU of `wren call --json`', unit: '%', values: calls.map(({ cpu }) => cpu.command) },
    { name: 'agent in a call, RSS', unit: 'MiB', values: sides.map((side) => side.agent.rss) },
    { name: 'voice child, RSS', unit: 'MiB', values: sides.map((side) => side.voice.rss) },
    { name: 'agent and voice child, PSS', unit: 'MiB', values: sides.map((side) => side.agent.pss + side.voice.pss) },
    {
      name: 'agent, voice child and screen, PSS',
      unit: 'MiB',
      values: calls.map(({ memory: { agents, voices, screen } }) => agents[0]!.pss + voices[0]!.pss + screen.pss),
      target: { label: 'M2', most: 105 },
      remark: 'a whole network ran beside them',
    },
    {
      name: 'agent, voice child and screen, alone on a machine',
      unit: 'MiB',
      values: calls.map(({ memory: { agents, voices, screen } }) => memoryAlone([agents[0]!, voices[0]!, screen])),
      target: { label: 'M2', most: 105 },
    },
    {
      name: 'bytes that the screen writes in a call',
      unit: 'B/s',
      values: calls.map((one) => one.screenBytes),
      target: { label: 'M5', most: 400 },
    },
  ];
}
