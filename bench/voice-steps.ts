/**
 * A link that goes from 64 to 16 kbit/s and back, and half an hour with clocks that disagree, both in virtual time. The
 * first is the whole call of `spoken-talk.ts`; the second is the receiving side alone with a sound that tells its age
 * (`playout-scene.ts`), for half an hour of Opus would take as long as all the rest.
 */
import { RUNGS, type Rung } from '../src/net/media/rungs.ts';
import { plot } from '../test/sim/plot.ts';
import { HUM_STEP_MAX, playOut } from '../test/support/playout-scene.ts';
import { SpokenTalk } from '../test/support/spoken-talk.ts';
import { type Talker, TwoTalkers } from '../test/support/two-talkers.ts';
import { type Figure, median, quantile } from './figure.ts';
import type { Spoken } from './voice-loss.ts';

const KBIT = 125;
const WIDE = { bytesPerSecond: 64 * KBIT, queueBytes: 16_000 };
const NARROW = { bytesPerSecond: 16 * KBIT };
const DOWN_MS = 20_000;
const UP_MS = 45_000;
const END_MS = 58_000;
/** One with speech, the others without. */
const SEEDS = [2, 3, 4, 5];
const LOOK_MS = 20;
const PLOT_MS = 200;
const SKEW_PPM = 50;
const SKEW_S = 1_800;

const V7 = 'V7';

export interface StepsOutcome {
  readonly figures: readonly Figure[];
  /** SVG: bytes, delay. */
  readonly rates: string;
  readonly delays: string;
}

export function stepFigures(spoken: Spoken, say: (line: string) => void): StepsOutcome {
  say('64 to 16 kbit/s and back');
  const talk = stepped(new SpokenTalk({ ...spoken, toB: WIDE, toA: WIDE }));
  const all = [talk, ...SEEDS.map((seed) => stepped(new TwoTalkers({ seed, toB: WIDE, toA: WIDE })))];
  const ends = all.flatMap(({ a, b }) => [a, b]);
  const narrow = talk.likeness(DOWN_MS + 6_000, UP_MS - 1_000);
  const figures: Figure[] = [
    {
      name: '64 to 16 kbit/s: on a rung that fits',
      unit: 'ms',
      values: ends.map(adaptedMs),
      target: { label: V7, most: 2_000 },
      judgeWorst: true,
    },
    {
      name: '64 to 16 kbit/s: queue below 150 ms again',
      unit: 'ms',
      values: ends.map(drainedMs),
      target: { label: V7, most: 4_000 },
      judgeWorst: true,
    },
    {
      name: 'longest queue from the fourth second on at 16 kbit/s',
      unit: 'ms',
      values: ends.map((end) => end.queueMs(DOWN_MS + 4_000, UP_MS)),
      remark: 'whoever tries whether more fits makes a queue',
    },
    {
      name: 'all that is sent at 16 kbit/s, reports and IP headers too',
      unit: 'B/s',
      values: ends.map((end) => end.bytesPerSecond(DOWN_MS + 5_000, UP_MS)),
      target: { label: 'the link', most: 2_000 },
    },
    {
      name: 'STOI at 16 kbit/s',
      unit: 'STOI',
      values: [narrow.stoi],
      target: { label: 'V4', least: 0.75 },
      remark: `${narrow.lsdDb.toFixed(1)} dB of spectral distance`,
    },
    {
      name: '16 to 64 kbit/s: back on 23 kbit/s of Opus',
      unit: 'ms',
      values: ends.map(backMs),
      target: { label: V7, most: 10_000 },
      judgeWorst: true,
    },
  ];
  say('half an hour of skew');
  return { figures: [...figures, ...skewFigures()], ...pictures(talk) };
}

function stepped<T extends TwoTalkers>(talk: T): T {
  talk.runs(DOWN_MS).links(NARROW);
  talk.runs(UP_MS).links({ bytesPerSecond: WIDE.bytesPerSecond });
  talk.runs(END_MS);
  return talk;
}

const costs = ({ frameBytes, copies, frameMs }: Rung): number => (frameBytes * (1 + copies)) / frameMs;

/** Since the step, until on rungs that fit and there for two seconds. */
function adaptedMs(end: Talker): number {
  let first = DOWN_MS + 4_000;
  for (let at = first; at >= DOWN_MS && costs(end.rungAt(at)) <= costs(RUNGS.E2); at -= LOOK_MS) first = at;
  return first - DOWN_MS;
}

/** Since the step, until packets wait less than 150 ms for a fifth of a second. */
function drainedMs(end: Talker): number {
  let grown = false;
  for (let at = DOWN_MS; at < UP_MS; at += LOOK_MS) {
    const waits = end.queueMs(at, at + PLOT_MS);
    if (waits >= 150) grown = true;
    else if (grown) return at - DOWN_MS;
  }
  return grown ? UP_MS - DOWN_MS : 0;
}

function backMs(end: Talker): number {
  const back = end.rungs.find(({ at, rung }) => at > UP_MS && costs(rung) >= costs(RUNGS.N));
  return (back?.at ?? END_MS) - UP_MS;
}

function pictures(talk: SpokenTalk): Pick<StepsOutcome, 'rates' | 'delays'> {
  const times = Array.from({ length: END_MS / PLOT_MS }, (_, at) => at * PLOT_MS);
  const bits = (from: number, only: 'voice' | 'all'): number =>
    (talk.a.bytesPerSecond(Math.max(0, from - 800), from + PLOT_MS, only) * 8) / 1_000;
  const link = (at: number): number => (at >= DOWN_MS && at < UP_MS ? 16 : 64);
  const buffer = (from: number): number =>
    median(talk.ticks.filter(({ at }) => at >= from && at < from + PLOT_MS).map(({ bufferMs }) => bufferMs));
  const inSeconds = (of: (at: number) => number): [number, number][] => times.map((at) => [at / 1_000, of(at)]);
  const known = (points: [number, number][]): [number, number][] => points.filter(([, y]) => Number.isFinite(y));
  return {
    rates: plot('A link from 64 to 16 kbit/s and back: rate', { x: 'seconds', y: 'kbit/s' }, [
      { name: 'the link', points: inSeconds(link) },
      { name: 'sent, IP headers too', points: inSeconds((at) => bits(at, 'all')) },
      { name: 'Opus frames asked for', points: inSeconds((at) => costs(talk.a.rungAt(at)) * 8) },
    ]),
    delays: plot('A link from 64 to 16 kbit/s and back: delay', { x: 'seconds', y: 'ms' }, [
      { name: 'queue of the link', points: inSeconds((at) => talk.a.queueMs(at, at + PLOT_MS)) },
      { name: 'jitter buffer', points: known(inSeconds(buffer)) },
    ]),
  };
}

function skewFigures(): Figure[] {
  const directions = [SKEW_PPM, -SKEW_PPM].map((skewPpm) =>
    playOut({ seconds: SKEW_S, skewPpm, network: (n) => 30 + ((n * 7) % 5) }),
  );
  const drift = directions.map(({ ageMs }) => {
    // The first minute is what the buffer aims at; later minutes are laid beside it.
    const minute = (n: number): number => median(ageMs.slice(n * 3_000, (n + 1) * 3_000).filter(Number.isFinite));
    const minutes = Array.from({ length: SKEW_S / 60 - 1 }, (_, n) => minute(n + 1) - minute(0));
    return Math.max(...minutes.map(Math.abs));
  });
  return [
    {
      name: `half an hour of ${SKEW_PPM} ppm: the delay moves by`,
      unit: 'ms',
      values: drift,
      target: { label: 'V8', most: 20 },
      remark: '90 ms without a remedy; fast and slow; medians of minutes against the first',
    },
    {
      name: `half an hour of ${SKEW_PPM} ppm: invented`,
      unit: '%',
      values: directions.map(({ concealedPct }) => concealedPct),
      target: { label: 'V8: no glitch', most: 0 },
    },
    {
      name: `half an hour of ${SKEW_PPM} ppm: largest step of the sound, against its own`,
      unit: 'x',
      values: directions.map(({ largestStep }) => largestStep / HUM_STEP_MAX),
      target: { label: 'V8: no click', most: 1 },
    },
    {
      name: `half an hour of ${SKEW_PPM} ppm: age of the sound, p95`,
      unit: 'ms',
      values: directions.map(({ ageMs }) => quantile(ageMs.filter(Number.isFinite), 0.95)),
    },
  ];
}
