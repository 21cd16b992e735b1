/**
 * The two packets without a session (envelope kinds 5 and 6, PROTOCOL.md 9.9) as bytes. `discovery.ts` asks with them,
 * `answerer.ts` answers; both hand whole packets on.
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import { NAT_TRANSACTION_BYTES, WHO_AM_I_BYTES, WHO_AM_I_PROBES_BYTES } from '../protocol/params.ts';
import { decodeBody, encodeBody, type HandshakeBody } from '../wire/messages.ts';
import { handshakePacket, PacketKind } from '../wire/packet.ts';
import { addressBytes, addressText } from './address-bytes.ts';

export type WhoAmI = HandshakeBody<'WhoAmI'>;

/** What a supernode told us. A probe has no `observed`. */
export interface YouAre {
  /** Hexadecimal. */
  readonly transaction: string;
  readonly observed: Endpoint | undefined;
  readonly cookie: Buffer;
  readonly otherPort: number | undefined;
  readonly hostAsked: boolean;
  readonly portAsked: boolean;
}

/** Padded so that no answer, nor all three of a question for probes, is longer. */
export function whoAmIPacket(body: Partial<WhoAmI>): Buffer {
  const wanted = body.fromPort?.length ? WHO_AM_I_PROBES_BYTES : WHO_AM_I_BYTES;
  const packet = handshakePacket(PacketKind.whoAmI, 0, encodeBody('WhoAmI', body));
  if (packet.length >= wanted) return packet;
  // Tag and length of the padding take two bytes: at worst the packet is one longer than wanted.
  const padding = Buffer.alloc(Math.max(0, wanted - packet.length - 2));
  const padded = encodeBody('WhoAmI', { ...body, padding: padding.length > 0 ? padding : Buffer.alloc(1) });
  return handshakePacket(PacketKind.whoAmI, 0, padded);
}

/** Undefined for garbage. */
export function readWhoAmI(body: Uint8Array): WhoAmI | undefined {
  const asked = decodeBody('WhoAmI', body);
  if (asked?.transaction.length !== NAT_TRANSACTION_BYTES) return undefined;
  const fits = (bytes: Uint8Array): boolean => bytes.length === 0 || bytes.length === NAT_TRANSACTION_BYTES;
  return fits(asked.fromHost) && fits(asked.fromPort) ? asked : undefined;
}

export interface Answer {
  readonly transaction: Uint8Array;
  readonly to: Endpoint;
  readonly cookie: Buffer;
  readonly otherPort: number | undefined;
  readonly hostAsked: boolean;
  readonly portAsked: boolean;
}

/** Undefined when the question came from no literal address. */
export function youArePacket({
  transaction,
  to,
  cookie,
  otherPort = 0,
  hostAsked,
  portAsked,
}: Answer): Buffer | undefined {
  const host = addressBytes(to.host);
  if (!host) return undefined;
  const body = { transaction, host, port: to.port, cookie, otherPort, hostAsked, portAsked };
  return handshakePacket(PacketKind.youAre, 0, encodeBody('YouAre', body));
}

/** 26 bytes: nothing but the number that whoever gets it gave out. */
export function probePacket(transaction: Uint8Array): Buffer {
  return handshakePacket(PacketKind.youAre, 0, encodeBody('YouAre', { transaction }));
}

/** Undefined for garbage. */
export function readYouAre(body: Uint8Array): YouAre | undefined {
  const said = decodeBody('YouAre', body);
  if (said?.transaction.length !== NAT_TRANSACTION_BYTES) return undefined;
  const { port, cookie, otherPort, hostAsked, portAsked } = said;
  const host = addressText(said.host);
  const isPort = (one: number): boolean => one >= 1 && one <= 65_535;
  return {
    transaction: Buffer.from(said.transaction).toString('hex'),
    observed: host !== undefined && isPort(port) ? { carrier: 'udp', host, port } : undefined,
    cookie: Buffer.from(cookie),
    otherPort: isPort(otherPort) ? otherPort : undefined,
    hostAsked,
    portAsked,
  };
}
