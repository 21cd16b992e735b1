/**
 * What the rules of the login server share: the issuer, the clock as it was last handed in, the rate limits, the
 * count of hashes, and what is known of each client's session. `login-server.ts` owns it, `login-rules.ts` uses it.
 */
import type { KeyObject } from 'node:crypto';
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { Refusal } from '../protocol/failures.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  BUSY_RETRY_MS_MIN,
  BUSY_RETRY_MS_SPREAD,
  CERTIFICATE_SERIAL_BYTES,
  DEVICES_MAX,
  ENROL_BURST,
  ENROL_REFILL_MS,
  HASHES_PENDING_MAX,
  LOGIN_REQUEST_BURST,
  LOGIN_REQUEST_REFILL_MS,
  NAME_ASK_BURST,
  NAME_ASK_HOST_BURST,
  NAME_ASK_HOST_REFILL_MS,
  NAME_ASK_REFILL_MS,
  REVOCATIONS_MAX,
  SIGN_IN_BURST,
  SIGN_IN_HOST_BURST,
  SIGN_IN_HOST_REFILL_MS,
  SIGN_IN_REFILL_MS,
  SIGN_UP_BURST,
  SIGN_UP_REFILL_MS,
} from '../protocol/params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { setRecent } from '../protocol/recent-table.ts';
import { type CredentialKind, checkCertificate } from './credential.ts';
import type { CredentialSubject, IssuedCertificate, Issuer } from './credential-issuer.ts';
import type { DeviceList } from './device-list.ts';
import { dummyPasswordHash, SCRYPT_COST, type ScryptCost } from './password-hash.ts';
import type { SignedRevocation } from './revocation.ts';

/** A session as the transport established it. */
export interface LoginSession {
  /** Stable for the session's life and never used again. */
  readonly id: number | string;
  /** Who the other end has proven to be; absent, or of kind `anonymous`, when it has proven nothing. */
  readonly identity?: {
    readonly kind: CredentialKind | 'anonymous';
    /** Of a person, as certified. */
    readonly name: UserName;
    readonly nodeId: NodeId;
    /** Wall clock; when given, requests of a session that outlives its certificate are refused. */
    readonly expiresAtMs?: number;
  };
  /** Address without port, as the socket saw it. */
  readonly remoteHost: string;
}

/** Who a session acts for. A sign-in overrides the certificate that the session began with. */
type Standing =
  | { readonly state: 'as-certified' }
  | { readonly state: 'signed-in'; readonly key: string; readonly nodeId: NodeId; readonly certificate: Buffer }
  | { readonly state: 'signed-out' };

/** One session at the desk; the rules read `session` and move `standing`. */
export interface LoginClient {
  session: LoginSession;
  standing: Standing;
  requestIdMax: number;
  pending: number;
}

export type OpenRecord = (
  signed: { readonly record: Buffer; readonly signature: Buffer },
  publicKey: KeyObject,
) => { readonly nodeId: NodeId; readonly endpoints: readonly Endpoint[] } | undefined;

export interface LoginServerOptions {
  readonly issuer: Issuer;
  readonly random: Random;
  /** Names shorter than a person's that may sign up here, e.g. `['echo']`. */
  readonly allowServiceNames?: readonly string[];
  /** Hosts and node ids of the operator's own supernodes: not dialled, where a gateway may not let that through. */
  readonly vouched?: readonly string[];
  /** Reads what a supernode has signed of itself with this key (`overlay/supernode-entry.ts`); without it: not kept. */
  readonly openRecord?: OpenRecord;
  /** Cost of a hash, for the dummy one; the runner of the effects must use the same. */
  readonly passwordCost?: ScryptCost;
}

export class LoginDesk {
  now: Millis = 0;
  wallMs = 0;
  readonly random: Random;
  /** Folded. */
  readonly serviceNames: ReadonlySet<string>;
  readonly dummyHash: string;
  readonly openRecord: OpenRecord;
  readonly vouched: ReadonlySet<string>;
  readonly limits = {
    request: new RateLimit(LOGIN_REQUEST_BURST, LOGIN_REQUEST_REFILL_MS),
    signUpHost: new RateLimit(SIGN_UP_BURST, SIGN_UP_REFILL_MS),
    signInName: new RateLimit(SIGN_IN_BURST, SIGN_IN_REFILL_MS),
    signInHost: new RateLimit(SIGN_IN_HOST_BURST, SIGN_IN_HOST_REFILL_MS),
    enrolHost: new RateLimit(ENROL_BURST, ENROL_REFILL_MS),
    nameAsk: new RateLimit(NAME_ASK_BURST, NAME_ASK_REFILL_MS),
    nameAskHost: new RateLimit(NAME_ASK_HOST_BURST, NAME_ASK_HOST_REFILL_MS),
  };
  readonly #issuer: Issuer;
  /** Words on revoked devices, by account and node: each is signed once. */
  readonly #revocations = new Map<string, SignedRevocation>();
  #hashesHeld = 0;

  constructor(options: LoginServerOptions) {
    this.#issuer = options.issuer;
    this.random = options.random;
    this.serviceNames = new Set(options.allowServiceNames?.map(foldName));
    this.openRecord = options.openRecord ?? (() => undefined);
    this.vouched = new Set(options.vouched);
    this.dummyHash = dummyPasswordHash(options.passwordCost ?? SCRYPT_COST);
  }

  /** Takes a token, or refuses with the time to wait. */
  spend(limit: RateLimit, key: string): void {
    const waitMs = limit.take(this.now, key);
    if (waitMs > 0) throw new Refusal('too-many-tries', '', waitMs);
  }

  /**
   * Holds one of the places for hashing, or refuses `busy`: asked before any token is taken, because a request that
   * is shed has tried nothing. To be let go with `releaseHash`.
   */
  holdHash(): void {
    if (this.#hashesHeld >= HASHES_PENDING_MAX) throw this.busy();
    this.#hashesHeld++;
  }

  releaseHash(): void {
    this.#hashesHeld--;
  }

  /** Certifies a key that `publicKeyFit` accepted. A signature that cannot be made is the server's fault. */
  certify(subject: CredentialSubject, publicKeySpki: Buffer, lifetimeMs: number): IssuedCertificate {
    const serial = this.random.bytes(CERTIFICATE_SERIAL_BYTES);
    try {
      return this.#issuer.issue({ subject, publicKeySpki, nowMs: this.wallMs, lifetimeMs, serial });
    } catch (error) {
      throw new Refusal('server-fault', error instanceof Error ? error.message : '');
    }
  }

  /** The words on these devices of that account, the first time from now on. */
  revocations(name: UserName, nodes: readonly NodeId[]): SignedRevocation[] {
    return nodes.slice(-DEVICES_MAX).map((node) => {
      const key = `${foldName(name)} ${node}`;
      const word = this.#revocations.get(key) ?? this.#issuer.revoke(name, node, this.wallMs);
      setRecent(this.#revocations, key, word, REVOCATIONS_MAX);
      return word;
    });
  }

  /** Whose key we have certified by this, whenever that was. */
  certified(certificateDer: Uint8Array) {
    const { authorityDer } = this.#issuer;
    const checked = checkCertificate(certificateDer, { authorityDer, nowMs: this.wallMs, graceMs: Infinity });
    return checked.ok ? checked.identity : undefined;
  }

  /** The refusal of a request that is shed. */
  busy(): Refusal {
    return new Refusal('busy', '', BUSY_RETRY_MS_MIN + Math.floor(this.random.fraction() * BUSY_RETRY_MS_SPREAD));
  }
}

/** Key of the account that this client may act for now; refuses when there is none. */
export function accountKeyOf(client: LoginClient, wallMs: number): string {
  if (client.standing.state === 'signed-in') return client.standing.key;
  if (client.standing.state === 'signed-out') throw new Refusal('not-allowed');
  return foldName(certifiedPerson(client, wallMs));
}

/** Name in the person certificate that the session began with; refuses when it began otherwise, or has expired. */
export function certifiedPerson(client: LoginClient, wallMs: number): UserName {
  const { identity } = client.session;
  if (identity?.kind !== 'person') throw new Refusal('not-allowed');
  if (identity.expiresAtMs !== undefined && wallMs > identity.expiresAtMs) throw new Refusal('certificate-invalid');
  return identity.name;
}

/** What need not travel: the certificate that this session was given, and those of the list that there is. */
export function certificateHere(
  { standing }: LoginClient,
  known: DeviceList | undefined,
  node: NodeId,
): Buffer | undefined {
  if (standing.state === 'signed-in' && standing.nodeId === node) return standing.certificate;
  return known?.devices.find((device) => device.nodeId === node)?.certificate;
}
