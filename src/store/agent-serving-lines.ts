/**
 * The lines between the agent and the child that serves as a supernode (`bin/servers/promoted.ts`): JSON, one object a
 * line, checked at both ends. The child is our own program, so what makes no sense is dropped.
 */
import * as v from 'valibot';
import { type FailureCode, isFailureCode } from '../net/protocol/failures.ts';

const Count = v.pipe(v.number(), v.minValue(0));

const To = v.variant('type', [
  v.object({ type: v.literal('serve'), endpoint: v.string(), relayKbps: v.pipe(v.number(), v.minValue(1)) }),
  v.object({ type: v.literal('leave') }),
]);
const Code = v.pipe(
  v.string(),
  v.transform((code): FailureCode => (isFailureCode(code) ? code : 'server-fault')),
);
const From = v.variant('type', [
  /** It listens there, as others see the port. */
  v.object({ type: v.literal('open'), port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)) }),
  v.object({ type: v.literal('dialled'), nonce: v.string(), carrier: v.picklist(['udp', 'tcp']) }),
  v.object({ type: v.literal('certified') }),
  v.object({ type: v.literal('not-certified'), code: Code }),
  /** What serving costs now. `cpuPercent`: of one core, over the last seconds. */
  v.object({
    type: v.literal('load'),
    clients: Count,
    standbys: Count,
    clientsMax: Count,
    relayKbps: Count,
    forwardedBytes: Count,
    forwardedPackets: Count,
    cpuPercent: Count,
    memoryBytes: Count,
  }),
]);

export type ToServing = v.InferOutput<typeof To>;
export type FromServing = v.InferOutput<typeof From>;

/** Undefined for garbage. Never throws. */
export function readToServing(line: string): ToServing | undefined {
  return read(To, line);
}

export function readFromServing(line: string): FromServing | undefined {
  return read(From, line);
}

function read<T extends v.GenericSchema>(schema: T, line: string): v.InferOutput<T> | undefined {
  try {
    const found = v.safeParse(schema, JSON.parse(line));
    return found.success ? found.output : undefined;
  } catch {
    return undefined;
  }
}
