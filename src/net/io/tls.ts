/**
 * The TLS face of a stream: genuine TLS 1.3 by node:tls, for firewalls that let nothing else through. Inside flow the
 * same packets as on every stream. `streams.ts` wraps a connection of ours with `beginTls`, and one of a caller whose
 * first bytes are a ClientHello (`judgeOpening`) with `acceptTls`.
 *
 * TLS proves nothing here, on purpose: who the other end is, the handshake of the packets inside proves (PROTOCOL.md
 * section 5), and a certificate that a name authority vouches for is nothing that a small server has. So the client
 * looks at no certificate, and servers show one that they signed themselves.
 */
import { isIP, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket, connect as tlsConnect } from 'node:tls';

/** What a server shows; PEM both. Without it a listener takes TLS for garbage. */
export interface TlsOffer {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** What browsers ask for; servers of the web choose the first. */
const APPLICATION_PROTOCOLS = ['h2', 'http/1.1'];
const HANDSHAKE_RECORD = 0x16;
const MAJOR_VERSION = 3;
const RECORD_HEADER_BYTES = 5;

/**
 * Is this how TLS begins? `more`: it may be, so far. A record of no length is the classic face of the login dialogue
 * (16 03 01 00 00), and no stream of packets begins with 16 03 (PROTOCOL.md section 3).
 */
export function judgeOpening(bytes: Buffer): 'tls' | 'other' | 'more' {
  if (bytes.length >= 1 && bytes[0] !== HANDSHAKE_RECORD) return 'other';
  if (bytes.length >= 2 && bytes[1] !== MAJOR_VERSION) return 'other';
  if (bytes.length < RECORD_HEADER_BYTES) return 'more';
  return bytes.readUInt16BE(3) > 0 ? 'tls' : 'other';
}

/** Throws when key and certificate are no pair: our mistake. */
export function tlsContext({ keyPem, certificatePem }: TlsOffer): SecureContext {
  return createSecureContext({ key: keyPem, cert: certificatePem, minVersion: 'TLSv1.3' });
}

/** A caller's connection, its ClientHello put back (`unshift`). Says `secure` when the handshake is done. */
export function acceptTls(socket: Socket, secureContext: SecureContext): TLSSocket {
  return new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: APPLICATION_PROTOCOLS });
}

/**
 * A connection of ours, which may still be connecting. Says `secureConnect` when the handshake is done. The ClientHello
 * offers 1.2 as browsers do, without which it would be so short that it began with 16 03 01 00 (what the slides'
 * third experiment drops); `isTls13` must be asked before anything is written.
 */
export function beginTls(socket: Socket, host: string): TLSSocket {
  const named = isIP(host) === 0 ? { servername: host } : {};
  const alike = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ALPNProtocols: APPLICATION_PROTOCOLS } as const;
  return tlsConnect({ ...alike, ...named, socket, rejectUnauthorized: false });
}

export function isTls13(socket: TLSSocket): boolean {
  return socket.getProtocol() === 'TLSv1.3';
}
