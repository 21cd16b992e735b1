/**
 * What the monitor knows at one second, and a bounded memory of it: the same object is a line of `wren monitor --json` and a
 * point in a chart. `bin/commands/monitor-feed.ts` makes them of the agent's state; `monitor-rows.ts` shows them. Pure.
 */
import type { CallWays } from '../../store/port.ts';
import type { AppState, Call, Quality } from '../../store/state.ts';

/** All of it is `null` where nobody knows. */
export interface MonitorSample {
  readonly event: 'sample';
  /** Wall clock, ms. */
  readonly at: number;
  readonly connection: AppState['connection'];
  readonly trouble: AppState['trouble'];
  readonly supernode: {
    readonly endpoint: string;
    readonly carrier: 'udp' | 'tcp';
    readonly rttMs: number | null;
    readonly limitedBy: string | null;
    readonly proxy: string | null;
  } | null;
  readonly standby: string | null;
  readonly supernodesKnown: number | null;
  /** Mean of the supernodes, as they tell one another; only a machine that may serve hears it. */
  readonly supernodeLoadPct: number | null;
  /** The running call; null without one. */
  readonly call: (Pick<Call, 'call' | 'peer' | 'phase' | 'path' | 'via' | 'muted'> & CallFigures) | null;
  /** Every way that the running call has tried, of a conference those of each leg; empty without one. */
  readonly ways: readonly CallWays[];
  /** What this machine carries for others; null while it does not serve. */
  readonly serving: ServingFigures | null;
}

type CallFigures = { readonly [K in ChartedFigure]: number | null } & {
  readonly people: number;
  readonly answeredAtMs: number | null;
  readonly reconnecting: boolean;
  readonly quality: Quality | null;
};

export interface ServingFigures {
  readonly clients: number;
  readonly clientsMax: number;
  readonly relayedBytes: number;
  /** Of the seconds since the figure changed last; null until it has. */
  readonly relayKbps: number | null;
  readonly relayKbpsMax: number;
  readonly cpuPercent: number;
}

export type ChartedFigure = 'rttMs' | 'jitterMs' | 'lossInPct' | 'lossOutPct' | 'bufferMs' | 'bitrate';

/** Four minutes of seconds: more than any chart shows. */
export const SAMPLES_MAX = 240;

/** What a sample is made of. `relayKbps` is worked out by who sees the figure change, `ways` asked for. */
export function sampleOf(
  state: AppState,
  call: Call | undefined,
  at: number,
  { relayKbps, ways }: { readonly relayKbps: number | null; readonly ways: readonly CallWays[] },
): MonitorSample {
  const { connection, trouble, supernode, standby, serving } = state;
  const loadPermille = serving?.facts.loadPermille ?? null;
  return {
    ...{ event: 'sample', at, connection, trouble, standby, supernodesKnown: state.supernodesKnown ?? null },
    supernode: supernode && {
      ...{ endpoint: supernode.endpoint, carrier: supernode.carrier, rttMs: supernode.rttMs },
      ...{ limitedBy: supernode.limitedBy ?? null, proxy: supernode.proxy ?? null },
    },
    supernodeLoadPct: loadPermille === null ? null : loadPermille / 10,
    call: call === undefined ? null : callFigures(call),
    ways: call === undefined ? [] : ways,
    serving: servingFigures(state, relayKbps),
  };
}

function callFigures({ quality, conference, ...call }: Call): NonNullable<MonitorSample['call']> {
  const { peer, phase, path, via, muted, answeredAtMs } = call;
  return {
    ...{ call: call.call, peer, phase, path, via, muted, answeredAtMs },
    ...{ reconnecting: call.reconnecting === true, people: conference?.people.length ?? 2 },
    ...{ rttMs: quality?.rttMs ?? null, jitterMs: quality?.jitterMs ?? null, bufferMs: quality?.bufferMs ?? null },
    ...{ lossInPct: quality?.lossInPct ?? null, lossOutPct: quality?.lossOutPct ?? null },
    ...{ bitrate: quality?.bitrate ?? null, quality },
  };
}

function servingFigures({ serving }: AppState, relayKbps: number | null): ServingFigures | null {
  if (!serving?.cost) return null;
  const { clients, relayedBytes, cpuPercent } = serving.cost;
  const { caps } = serving;
  return { clients, clientsMax: caps.clients, relayedBytes, relayKbps, relayKbpsMax: caps.relayKbps, cpuPercent };
}

/** The values of one figure, oldest first, one a sample: of the call, the round trip outside of calls that to the supernode. */
export function valuesOf(samples: readonly MonitorSample[], figure: ChartedFigure): (number | null)[] {
  return samples.map(({ call, supernode }) => {
    if (call) return call[figure];
    return figure === 'rttMs' ? (supernode?.rttMs ?? null) : null;
  });
}
