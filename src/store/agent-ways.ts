/**
 * The ways of the running call for whoever looks at them (`wren monitor`, `wren status`): asked of the node each time, so that
 * nobody pays for it while nobody looks.
 */
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import type { CallWays } from './port.ts';

export async function callWays(core: AgentCore): Promise<readonly CallWays[]> {
  if (!core.node) return [];
  const told = await core.ask((ticket) => ({ type: 'call-ways', ticket }));
  if (told.type !== 'call-ways') throw new Refusal('internal');
  const nowMs = core.options.wallClock();
  return told.calls.map(({ peer, ways }) => ({
    peer,
    ways: ways.map(({ rttMs, forMs, ...way }) => ({
      ...way,
      rttMs: rttMs === null ? null : Math.round(rttMs * 10) / 10,
      sinceMs: Math.round(nowMs - forMs),
    })),
  }));
}
