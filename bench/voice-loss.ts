/**
 * Speech through networks that lose, delay and stall, in virtual time: what is left of it when the whole sending and
 * receiving side is at work, beside the same bytes spent on one plain frame (rung H). `spoken-talk.ts` says what is in
 * the way, `likeness.ts` and `log-spectrum.ts` what the measures are.
 */
import type { OpusCodec } from '../src/audio/opus.ts';
import { RUNGS, type Rung } from '../src/net/media/rungs.ts';
import { plot } from '../test/sim/plot.ts';
import { SpokenTalk } from '../test/support/spoken-talk.ts';
import type { TalkOptions } from '../test/support/two-talkers.ts';
import { type Figure, median, quantile, type Target } from './figure.ts';

export interface Spoken {
  readonly codecs: readonly [OpusCodec, OpusCodec];
  readonly said: Int16Array;
}

/** Until then the rate control finds its rung and the jitter buffer its delay. */
const WARM_MS = 8_000;
const MEASURED_MS = 20_000;
const TAIL_MS = 2_000;
const LOSSES_PCT = [0, 2, 5, 10, 20, 30];
const STALL_EVERY_MS = 5_000;
const STALL_MS = 300;

interface Outcome {
  readonly stoi: number;
  readonly lsdDb: number;
  /** Of the frames that were played. */
  readonly inventedPct: number;
  readonly latePct: number;
  readonly bufferP95Ms: number;
  readonly bytesPerSecond: number;
}

interface Condition {
  readonly name: string;
  readonly options: TalkOptions;
  readonly prepare?: (talk: SpokenTalk) => void;
  readonly seeds: number;
  readonly stoi?: Target;
  readonly invented?: Target;
  readonly late?: Target;
  readonly buffer?: Target;
  /** Rows of the delay matter here. */
  readonly delays?: boolean;
  /** Beside it, the same bytes without copies. */
  readonly plain?: boolean;
}

const random = (pct: number, stoi?: number, invented?: number): Condition => ({
  name: `${pct} % random loss`,
  options: { toB: { loss: pct / 100 } },
  seeds: invented === undefined ? 1 : 3,
  plain: true,
  ...(stoi === undefined ? {} : { stoi: { label: 'V5', least: stoi } }),
  ...(invented === undefined ? {} : { invented: { label: 'V5', most: invented } }),
});

const bursts = (pct: number, invented?: number): Condition => ({
  name: `${pct} % loss in bursts of 3`,
  options: { toB: { loss: pct / 100, lossBurst: 3 } },
  seeds: 3,
  plain: true,
  ...(invented === undefined ? {} : { invented: { label: 'V6', most: invented } }),
});

const jitter = (jitterMs: number, reorder = 0, judged = false): Condition => ({
  name: `${jitterMs} ms of jitter${reorder > 0 ? ` and ${reorder * 100} % reordering` : ''}`,
  options: { toB: { jitterMs, reorder } },
  seeds: 1,
  delays: true,
  ...(judged ? { late: { label: 'V8', most: 1 }, buffer: { label: 'V8', most: 80 } } : {}),
});

const CONDITIONS: readonly Condition[] = [
  ...LOSSES_PCT.map((pct) => {
    if (pct === 5) return random(5, 0.98, 0.4);
    if (pct === 10) return random(10, 0.98, 1.2);
    return pct === 20 ? random(20, 0.96, 1.5) : random(pct);
  }),
  bursts(10, 3),
  bursts(20),
  jitter(10),
  jitter(30, 0.01, true),
  jitter(60),
  {
    name: `TCP that stalls for ${STALL_MS} ms each ${STALL_EVERY_MS / 1000} s`,
    options: { path: 'tcp' },
    prepare: stalling,
    seeds: 1,
    delays: true,
  },
];

/** What a lost segment does to a stream: nothing comes for a while, then all that waited. */
function stalling(talk: SpokenTalk): void {
  const calm = talk.a.link.settings;
  talk.a.link.settings = {
    ...calm,
    get delayMs() {
      const since = talk.now % STALL_EVERY_MS;
      return calm.delayMs + Math.max(0, STALL_MS - since);
    },
  };
}

export interface LossOutcome {
  readonly figures: readonly Figure[];
  /** SVG. */
  readonly curve: string;
}

export function lossFigures(spoken: Spoken, say: (line: string) => void): LossOutcome {
  const figures: Figure[] = [];
  const curves: Record<'ours' | 'plain', [number, number][]> = { ours: [], plain: [] };
  for (const condition of CONDITIONS) {
    say(condition.name);
    const ours = outcomes(spoken, condition);
    const plain = condition.plain ? outcomes(spoken, condition, RUNGS.H, 1) : undefined;
    figures.push(...figuresOf(condition, ours, plain));
    const { loss, lossBurst = 1 } = condition.options.toB ?? {};
    if (loss === undefined || lossBurst > 1 || !plain) continue;
    curves.ours.push([loss * 100, median(ours.map(({ stoi }) => stoi))]);
    curves.plain.push([loss * 100, median(plain.map(({ stoi }) => stoi))]);
  }
  figures.push(...floorFigures(spoken));
  const curve = plot('Intelligibility over random loss', { x: 'packets lost, %', y: 'STOI', from: 0.75 }, [
    { name: 'wren', points: curves.ours },
    { name: 'same bytes, plain', points: curves.plain },
  ]);
  return { figures, curve };
}

function outcomes(spoken: Spoken, condition: Condition, fixed?: Rung, seeds = condition.seeds): Outcome[] {
  return Array.from({ length: seeds }, (_, at) => outcome(spoken, condition, at + 1, fixed));
}

function outcome(spoken: Spoken, { options, prepare }: Condition, seed: number, fixed?: Rung): Outcome {
  const talk = new SpokenTalk({ ...spoken, ...options, seed, ...(fixed ? { fixed } : {}) });
  prepare?.(talk);
  const until = WARM_MS + MEASURED_MS;
  talk.runs(WARM_MS);
  const before = { ...talk.stream.counts };
  talk.runs(until);
  const { played, concealed } = talk.stream.counts;
  const ticks = talk.ticks.filter(({ at }) => at >= WARM_MS);
  talk.runs(until + TAIL_MS);
  const { stoi, lsdDb } = talk.likeness(WARM_MS, until);
  return {
    ...{ stoi, lsdDb },
    inventedPct: (100 * (concealed - before.concealed)) / (played - before.played),
    latePct: ticks.reduce((sum, tick) => sum + tick.latePct, 0) / ticks.length,
    bufferP95Ms: quantile(
      ticks.map(({ bufferMs }) => bufferMs),
      0.95,
    ),
    bytesPerSecond: talk.a.bytesPerSecond(WARM_MS, until, 'voice'),
  };
}

function figuresOf(condition: Condition, ours: readonly Outcome[], plain: readonly Outcome[] | undefined): Figure[] {
  const of = (field: keyof Outcome, all: readonly Outcome[] = ours): number[] => all.map((one) => one[field]);
  const bytes = (all: readonly Outcome[]): string => `${(median(of('bytesPerSecond', all)) / 1000).toFixed(1)} kB/s`;
  const apart = (all: readonly Outcome[]): string =>
    `${median(of('lsdDb', all)).toFixed(1)} dB of spectral distance, ${bytes(all)}`;
  const besides = plain ? `; plain: STOI ${median(of('stoi', plain)).toFixed(3)}, ${apart(plain)}` : '';
  const figures: Figure[] = [
    {
      name: `STOI, ${condition.name}`,
      unit: 'STOI',
      values: of('stoi'),
      remark: `${apart(ours)}${besides}`,
      ...(condition.stoi ? { target: condition.stoi } : {}),
    },
    {
      name: `invented, ${condition.name}`,
      unit: '%',
      values: of('inventedPct'),
      ...(condition.invented ? { target: condition.invented } : {}),
      ...(plain ? { remark: `plain: ${median(of('inventedPct', plain)).toFixed(1)} %` } : {}),
    },
  ];
  if (!condition.delays) return figures;
  return [
    ...figures,
    {
      name: `late, ${condition.name}`,
      unit: '%',
      values: of('latePct'),
      ...(condition.late ? { target: condition.late } : {}),
    },
    {
      name: `jitter buffer, p95, ${condition.name}`,
      unit: 'ms',
      values: of('bufferP95Ms'),
      ...(condition.buffer ? { target: condition.buffer } : {}),
    },
  ];
}

function floorFigures(spoken: Spoken): Figure[] {
  const floor = outcomes(spoken, { name: 'floor', options: {}, seeds: 1 }, RUNGS.E);
  return [
    {
      name: 'STOI on the lowest rung',
      unit: 'STOI',
      values: floor.map(({ stoi }) => stoi),
      target: { label: 'V4', least: 0.75 },
      remark: `${floor[0]!.lsdDb.toFixed(1)} dB of spectral distance`,
    },
    {
      name: 'voice of the lowest rung on the wire, IP headers in it',
      unit: 'B/s',
      values: floor.map(({ bytesPerSecond }) => bytesPerSecond),
      target: { label: 'V4', most: 1_900 },
    },
  ];
}
