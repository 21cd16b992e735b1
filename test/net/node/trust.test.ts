/** Whom a node believes: from a pin alone, and from the CA certificate that it once learned. */
import { describe, expect, it } from 'vitest';
import { PinnedTrust } from '../../../src/net/node/trust.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';

const DAY_MS = 86_400_000;
const net = makeAuthority();
const other = makeAuthority('othernet');
const alice = net.issue({ name: 'alice1' }, 'alice', 3 * DAY_MS);
const stranger = other.issue({ name: 'alice1' }, 'stranger', 3 * DAY_MS);

function judge(trust: PinnedTrust, certificate: Buffer, authority?: Buffer): string {
  const judgement = trust.judge(certificate, authority);
  return judgement.ok ? judgement.identity.name || judgement.identity.kind : judgement.code;
}

describe('a node that has only the pin', () => {
  it('believes nobody before it was shown the CA certificate that fits the pin', () => {
    const trust = net.trust(false);
    expect(judge(trust, alice.certificateDer)).toBe('authority-mismatch');
    expect(judge(trust, stranger.certificateDer, other.authority.certificateDer)).toBe('authority-mismatch');
    expect(trust.authorityDer).toBeUndefined();
  });

  it('learns the CA certificate from the first answer that is good in every way, and keeps it', () => {
    const trust = net.trust(false);
    expect(judge(trust, stranger.certificateDer, net.authority.certificateDer)).toBe('certificate-invalid');
    expect(trust.authorityDer).toBeUndefined();
    expect(judge(trust, alice.certificateDer, net.authority.certificateDer)).toBe('alice1');
    expect(trust.authorityDer).toEqual(net.authority.certificateDer);
    expect(judge(trust, alice.certificateDer)).toBe('alice1');
  });
});

describe('a node that knows the CA certificate', () => {
  it('is not led to another one by what a peer sends along', () => {
    const trust = net.trust();
    expect(judge(trust, stranger.certificateDer, other.authority.certificateDer)).toBe('certificate-invalid');
    expect(judge(trust, alice.certificateDer, other.authority.certificateDer)).toBe('alice1');
  });

  it('does not start from a stored one that does not fit the pin', () => {
    const trust = new PinnedTrust({
      pin: net.pin,
      authorityDer: other.authority.certificateDer,
      wallClock: () => WALL_MS,
    });
    expect(trust.authorityDer).toBeUndefined();
  });

  it('believes a certificate until its end; a login server a while longer, to renew it', () => {
    let now = WALL_MS + 3 * DAY_MS - 1_000;
    const wallClock = () => now;
    const options = { pin: net.pin, authorityDer: net.authority.certificateDer, wallClock };
    const [strict, lenient] = [new PinnedTrust(options), new PinnedTrust({ ...options, graceMs: DAY_MS })];
    expect(judge(strict, alice.certificateDer)).toBe('alice1');
    now += 2_000;
    expect([judge(strict, alice.certificateDer), judge(lenient, alice.certificateDer)]).toEqual([
      'certificate-invalid',
      'alice1',
    ]);
    now += DAY_MS;
    expect(judge(lenient, alice.certificateDer)).toBe('certificate-invalid');
  });

  it('throws at no bytes', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(5_000, 0x30), Buffer.from('certificate')]) {
      expect(judge(net.trust(), bytes, bytes)).toBe('certificate-invalid');
      expect(judge(net.trust(false), bytes, bytes)).toBe('authority-mismatch');
    }
  });
});
