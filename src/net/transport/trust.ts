/**
 * What the handshake needs to know about identities, handed in so that transport stays free of certificates' insides:
 * our own proof, and a judge of the other end's. `node/trust.ts` makes the judge from `login/credential.ts`.
 */
import type { KeyObject } from 'node:crypto';
import type { FailureCode } from '../protocol/failures.ts';
import type { NodeId, UserName } from '../protocol/ids.ts';

export type PeerKind = 'person' | 'supernode' | 'login-server' | 'anonymous';

/** The authenticated other end. An anonymous one has proven nothing and has an empty node id. */
export interface PeerIdentity {
  readonly kind: PeerKind;
  /** Of a person, as certified. */
  readonly name: UserName;
  readonly nodeId: NodeId;
}

export const ANONYMOUS: PeerIdentity = { kind: 'anonymous', name: '', nodeId: '' };

/** Whom an initiator looks for. It proves nothing of itself to anybody else. */
export interface Expectation {
  readonly kind: PeerKind;
  /** Absent: any node of that kind. */
  readonly nodeId?: NodeId;
}

export function fits(peer: PeerIdentity, expected: Expectation | undefined): boolean {
  if (!expected) return true;
  return peer.kind === expected.kind && (expected.nodeId ?? peer.nodeId) === peer.nodeId;
}

/**
 * Whose handshakes a responder answers. `forward`: only such as come through our supernode, so that a stranger who
 * tries addresses learns neither that somebody is here nor who it is.
 */
export interface Welcome {
  readonly ways: 'all' | 'forward';
  readonly kinds: readonly PeerKind[];
}

export const WELCOME_ALL: Welcome = {
  ways: 'all',
  kinds: ['person', 'supernode', 'login-server', 'anonymous'],
};

/** What we prove ourselves with. */
export interface OwnIdentity {
  readonly nodeId: NodeId;
  readonly privateKey: KeyObject;
  readonly certificateDer: Buffer;
}

export type Judgement =
  /** `expiresAtMs`: of the certificate, wall clock. */
  | {
      readonly ok: true;
      readonly identity: PeerIdentity;
      readonly publicKey: KeyObject;
      readonly expiresAtMs: number;
      /** Of a supernode: addresses at which the login server has reached it. */
      readonly hosts?: readonly string[];
    }
  | { readonly ok: false; readonly code: FailureCode };

export interface Trust {
  /** The CA certificate, when known: given to those who ask for it. */
  readonly authorityDer: Buffer | undefined;
  /**
   * Judges a certificate. `authorityDer` is what the other end sent with it, if anything: a trust that knows only
   * the pin learns the CA certificate from there, after checking it against the pin. Never throws.
   */
  judge(certificateDer: Uint8Array, authorityDer: Uint8Array | undefined): Judgement;
}
