/**
 * The judge of certificates that a node hands to its handshakes. It starts from the pin in the invite and learns the
 * CA certificate from the first answer that fits the pin; from then on every peer is judged against that certificate.
 */

import type { KeyObject } from 'node:crypto';
import { authorityKeyOf, type CertifiedIdentity, checkCertificate, matchesPin } from '../login/credential.ts';
import type { WallClock } from '../protocol/core.ts';
import type { Judgement, Trust } from '../transport/trust.ts';

export class PinnedTrust implements Trust {
  readonly #pin: Buffer;
  readonly #wallClock: WallClock;
  readonly #graceMs: number;
  #authorityDer: Buffer | undefined;

  /** `graceMs`: how long after its end a certificate still counts (the login server renews late comers). */
  constructor(options: { pin: Buffer; authorityDer?: Buffer | undefined; wallClock: WallClock; graceMs?: number }) {
    this.#pin = options.pin;
    this.#wallClock = options.wallClock;
    this.#graceMs = options.graceMs ?? 0;
    if (options.authorityDer && matchesPin(options.authorityDer, options.pin))
      this.#authorityDer = options.authorityDer;
  }

  get authorityDer(): Buffer | undefined {
    return this.#authorityDer;
  }

  /** What the authority signs with is checked with this. */
  get authorityKey(): KeyObject | undefined {
    return this.#authorityDer && authorityKeyOf(this.#authorityDer);
  }

  /** Whose key this certified, also when it has ended since; undefined when nobody of the authority says so. */
  judgePast(certificateDer: Uint8Array): CertifiedIdentity | undefined {
    const authorityDer = this.#authorityDer;
    if (!authorityDer) return undefined;
    const checked = checkCertificate(certificateDer, { authorityDer, nowMs: this.#wallClock(), graceMs: Infinity });
    return checked.ok ? checked.identity : undefined;
  }

  judge(certificateDer: Uint8Array, sentAuthorityDer: Uint8Array | undefined): Judgement {
    const authorityDer = this.#authorityDer ?? sentAuthorityDer;
    if (!authorityDer || (!this.#authorityDer && !matchesPin(authorityDer, this.#pin))) {
      return { ok: false, code: 'authority-mismatch' };
    }
    const checked = checkCertificate(certificateDer, {
      authorityDer,
      nowMs: this.#wallClock(),
      graceMs: this.#graceMs,
    });
    if (!checked.ok) return { ok: false, code: checked.code };
    this.#authorityDer ??= Buffer.from(authorityDer);
    const { kind, name, nodeId, publicKey, expiresAtMs, hosts } = checked.identity;
    return { ok: true, identity: { kind, name, nodeId }, publicKey, expiresAtMs, hosts };
  }
}
