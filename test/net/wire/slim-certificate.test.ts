/** Certificates as they travel: shorter, and the same again to the last byte; whatever else comes is left alone or refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeIdOf } from '../../../src/net/login/credential.ts';
import { slimCertificate, wholeCertificate } from '../../../src/net/wire/slim-certificate.ts';
import { keyPair, makeAuthority } from '../../support/identities.ts';
import { slim as secondSlim, whole as secondWhole } from '../../vectors/second/handshake.ts';

const authority = makeAuthority('köln and elsewhere: 1');
const person = authority.issue({ name: 'Alice1' }, 'alice');
const CERTIFICATES = {
  person: person.certificateDer,
  'longest name': authority.issue({ name: `a${'b'.repeat(31)}` }, 'alice').certificateDer,
  supernode: authority.issue('supernode', 'super1').certificateDer,
  'supernode that was reached': authority.issue('supernode', 'super1', undefined, ['203.0.113.7', '2001:db8::7'])
    .certificateDer,
  'login server': authority.issue('login-server', 'login').certificateDer,
  authority: authority.authority.certificateDer,
};

describe('a certificate on its way', () => {
  it.each(Object.entries(CERTIFICATES))('of a %s is a fifth shorter, and whole again at the other end', (_, der) => {
    const slim = slimCertificate(der);
    expect(slim.length).toBeLessThanOrEqual(der.length - 180);
    expect(wholeCertificate(slim)).toEqual(der);
    expect([secondSlim(der), secondWhole(slim)]).toEqual([slim, der]);
  });

  it('leaves the key out towards whoever has it', () => {
    const { spki } = keyPair('alice');
    const slim = slimCertificate(person.certificateDer, true);
    expect(slim.length).toBeLessThan(420);
    expect(wholeCertificate(slim, spki)).toEqual(person.certificateDer);
    expect(wholeCertificate(slim)).toBeUndefined();
    // Another key makes another certificate, which nobody has signed.
    const other = keyPair('bobby').spki;
    expect(authority.trust().judge(wholeCertificate(slim, other) ?? Buffer.alloc(0), undefined).ok).toBe(false);
    expect(nodeIdOf(other)).not.toBe(person.nodeId);
  });

  it('that is not of our form to the last byte travels as it is', () => {
    const { certificateDer } = person;
    for (let at = 0; at < certificateDer.length; at += 1) {
      const changed = Buffer.from(certificateDer);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(wholeCertificate(slimCertificate(changed))?.equals(changed), `byte ${at}`).toBe(true);
    }
    for (const bytes of [
      Buffer.alloc(0),
      certificateDer.subarray(0, 300),
      Buffer.concat([certificateDer, Buffer.of(0)]),
    ])
      expect(wholeCertificate(slimCertificate(bytes))).toEqual(bytes);
  });

  it('is garbage or DER, whatever comes', () => {
    const slim = slimCertificate(person.certificateDer);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), fc.nat(slim.length - 1), fc.nat(255), (tail, at, value) => {
        for (const bytes of [Buffer.concat([Buffer.of(1), tail]), slim.subarray(0, at), tail]) wholeCertificate(bytes);
        const changed = Buffer.from(slim);
        const isSame = changed[at] === value;
        changed[at] = value;
        const whole = wholeCertificate(changed);
        // What differs in one place was never signed.
        if (whole && !isSame) expect(authority.trust().judge(whole, undefined).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
