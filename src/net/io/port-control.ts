/**
 * Bytes of PCP, the port control protocol (RFC 6887, opcode MAP), by which a gateway at UDP port 5351 gives out ports.
 * Pure. A gateway that knows the ancestor alone, NAT-PMP (RFC 6886), answers with version 0.
 */
import type { Carrier } from '../protocol/endpoint.ts';
import type { MapWish } from './port-gateway.ts';

export const PORT_CONTROL_PORT = 5351;
export const PCP_NONCE_BYTES = 12;
const PCP_VERSION = 2;
const PCP_MAP = 1;
const PCP_BYTES = 60;
const ANSWER = 0x80;
/** IANA protocol numbers. */
const PROTOCOL: Readonly<Record<Carrier, number>> = { tcp: 6, udp: 17 };
const IPV4_IN_IPV6 = Buffer.from('00000000000000000000ffff', 'hex');

/** `result` 0 is success; `unsupported`: this gateway speaks NAT-PMP only. */
export interface ControlAnswer {
  readonly result: number;
  readonly lifetimeS: number;
  readonly outerPort: number;
  readonly outerHost: string;
}

/**
 * `own`: our IPv4 address towards the gateway, which it compares with where the packet comes from. A lifetime of 0 ends
 * the mapping.
 */
export function pcpRequest(wish: MapWish, own: string, nonce: Uint8Array): Buffer {
  const packet = Buffer.alloc(PCP_BYTES);
  packet[0] = PCP_VERSION;
  packet[1] = PCP_MAP;
  packet.writeUInt32BE(wish.lifetimeS, 4);
  packet.set(IPV4_IN_IPV6, 8);
  packet.set(own.split('.').map(Number), 20);
  packet.set(nonce, 24);
  packet[36] = PROTOCOL[wish.carrier];
  packet.writeUInt16BE(wish.port, 40);
  packet.writeUInt16BE(wish.outerPort, 42);
  packet.set(IPV4_IN_IPV6, 44);
  return packet;
}

/** Undefined for what is no answer to this request. */
export function readPcpAnswer(
  bytes: Buffer,
  wish: MapWish,
  nonce: Uint8Array,
): ControlAnswer | 'unsupported' | undefined {
  if (bytes.length >= 4 && bytes[0] === 0 && (bytes[1] ?? 0) >= ANSWER) return 'unsupported';
  if (bytes.length < 24 || bytes[0] !== PCP_VERSION || bytes[1] !== (ANSWER | PCP_MAP)) return undefined;
  const result = bytes[3] ?? 0;
  const refused = { result, lifetimeS: 0, outerPort: 0, outerHost: '' };
  if (bytes.length < PCP_BYTES) return result === 0 ? undefined : refused;
  const isOurs = bytes.subarray(24, 36).equals(nonce) && bytes.readUInt16BE(40) === wish.port;
  if (!isOurs || bytes[36] !== PROTOCOL[wish.carrier]) return undefined;
  if (result !== 0) return refused;
  const host = bytes.subarray(44, 60);
  const outerHost = host.subarray(0, 12).equals(IPV4_IN_IPV6) ? [...host.subarray(12)].join('.') : '';
  return { result, lifetimeS: bytes.readUInt32BE(4), outerPort: bytes.readUInt16BE(42), outerHost };
}
