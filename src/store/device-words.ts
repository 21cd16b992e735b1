/**
 * Devices as a person speaks of them: by label or the beginning of an id, and what `wren status` and the settings show.
 * Pure; `agent-devices.ts` hands in the list of the account.
 */
import type { Device, OpenedDevices } from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import type { NodeId } from '../net/protocol/ids.ts';
import type { DevicesReport } from './state.ts';

/** Fewer digits of an id are too easily those of another. */
const ID_DIGITS_MIN = 4;

/** The one that is meant; throws `device-unknown`, and `usage` when it could be several. */
export function deviceCalled<T extends Pick<Device, 'label' | 'nodeId'>>(devices: readonly T[], which: string): T {
  const wanted = which.toLowerCase();
  const byLabel = devices.filter(({ label }) => label.toLowerCase() === wanted);
  const byId = wanted.length >= ID_DIGITS_MIN ? devices.filter(({ nodeId }) => nodeId.startsWith(wanted)) : [];
  const found = byLabel.length > 0 ? byLabel : byId;
  const [device] = found;
  if (!device) throw new Refusal('device-unknown', which);
  if (found.length > 1) throw new Refusal('usage', `several devices are called ${which}: name one by its id`);
  return device;
}

/** Two machines may have one name; people tell them apart by the number behind it. */
export function freeLabel(label: string, others: readonly Device[]): string {
  const taken = new Set(others.map((one) => one.label));
  for (let n = 1; ; n++) {
    const free = n === 1 ? label : `${label} ${n}`;
    if (!taken.has(free)) return free;
  }
}

export function reportOf(list: OpenedDevices, self: NodeId | undefined, here: ReadonlySet<NodeId>): DevicesReport {
  return {
    version: list.version,
    accountKey: list.accountKey.toString('hex'),
    list: list.devices.map(({ nodeId, label, addedAtMs }) => ({
      ...{ id: nodeId, label, addedAtMs },
      thisOne: nodeId === self,
      online: nodeId === self || here.has(nodeId),
    })),
    revoked: list.revoked.map(({ nodeId, atMs }) => ({ id: nodeId, atMs })),
  };
}
