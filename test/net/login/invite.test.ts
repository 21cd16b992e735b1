/** Invites: there and back, through careless hands, and never anything else taken for one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInvite, type Invite, parseInvite } from '../../../src/net/login/invite.ts';
import { canonicalHost, type Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { encodeBody } from '../../../src/net/wire/messages.ts';

const udp = (host: string, port = 4000): Endpoint => ({ carrier: 'udp', host, port });
const invite: Invite = {
  network: 'Tal & Berg ☕',
  authorityPin: Buffer.alloc(32, 0xa5),
  loginServers: [udp('192.0.2.7'), { carrier: 'tcp', host: 'login.example.net', port: 443 }],
  supernodes: [udp('2001:db8::1')],
};
const text = encodeInvite(invite);

describe('an invite', () => {
  it('says the same after the journey', () => {
    expect(parseInvite(text)).toEqual(invite);
    expect(text).toMatch(/^wren:[A-Za-z0-9_-]+$/);
  });

  it('may name no supernode: the login server knows some', () => {
    expect(parseInvite(encodeInvite({ ...invite, supernodes: [] }))).toEqual({ ...invite, supernodes: [] });
  });

  it.each([
    ['in the middle of white space', `\t ${text} \r\n`],
    ['wrapped to lines of 20', text.replace(/.{20}/g, '$&\r\n')],
    ['wrapped and indented', text.replace(/.{60}/g, '$&\n    ')],
    ['broken after the scheme', text.replace(':', ':\n')],
    ['with the scheme in capitals', text.replace('wren', 'WREN')],
    ['with no-break spaces', text.replace(/.{30}/g, '$&\u00a0')],
  ])('is read %s', (_how, seen) => {
    expect(parseInvite(seen)).toEqual(invite);
  });

  it('is whole or nothing: cut anywhere it is none', () => {
    for (let end = 0; end < text.length; end++) expect(parseInvite(text.slice(0, end))).toBeUndefined();
    for (let start = 1; start < text.length; start++) expect(parseInvite(text.slice(start))).toBeUndefined();
  });

  it('with a letter changed, doubled or left out is none', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: text.length - 2 }),
        fc.constantFrom('A', 'z', '0', '-', '='),
        (at, letter) => {
          fc.pre(text[at] !== letter);
          expect(parseInvite(text.slice(0, at) + letter + text.slice(at + 1))).toBeUndefined();
          expect(parseInvite(text.slice(0, at) + letter + text.slice(at))).toBeUndefined();
          expect(parseInvite(text.slice(0, at) + text.slice(at + 1))).toBeUndefined();
        },
      ),
    );
  });

  it.each([
    ['nothing', ''],
    ['the scheme alone', 'wren:'],
    ['another scheme', text.replace('wren', 'http')],
    ['no scheme', text.slice(5)],
    ['a tail', `${text}AAAA`],
    ['two of them', text + text],
    ['base64 of the usual alphabet', 'wren:+/+/'],
    ['a novel', 'wren:'.padEnd(1_000_000, 'A')],
    ['a page of spaces', ' '.repeat(1_000_000)],
  ])('is not: %s', (_what, seen) => {
    expect(parseInvite(seen)).toBeUndefined();
  });

  it('is none when garbage comes, and nothing is thrown', () => {
    const coded = fc.uint8Array({ maxLength: 200 }).map((bytes) => `wren:${Buffer.from(bytes).toString('base64url')}`);
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), coded), (seen) => parseInvite(seen) === undefined));
  });

  const network = fc
    .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
    .filter((name) => name.length <= 64 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name));
  const port = fc.integer({ min: 1, max: 65_535 });
  const endpoint = fc.record({
    carrier: fc.constantFrom('udp' as const, 'tcp' as const),
    host: fc.oneof(fc.ipV4(), fc.ipV6().map(canonicalHost), fc.domain()),
    port,
  });

  it('says the same after the journey, whatever it says', () => {
    fc.assert(
      fc.property(
        fc.record({
          network,
          authorityPin: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
          loginServers: fc.array(endpoint, { minLength: 1, maxLength: 4 }),
          supernodes: fc.array(endpoint, { maxLength: 4 }),
        }),
        (made) => {
          expect(parseInvite(encodeInvite(made))).toEqual(made);
        },
      ),
    );
  });

  it.each([
    ['with no login server', { loginServers: [] }],
    [
      'with more endpoints than a person would paste',
      { supernodes: Array.from({ length: 17 }, () => udp('192.0.2.1')) },
    ],
    ['with a short pin', { authorityPin: Buffer.alloc(31) }],
    ['of a network without a name', { network: '' }],
    ['of a network with a long name', { network: 'x'.repeat(65) }],
    ['of a network whose name moves the cursor', { network: 'net\u001b[2J' }],
    ['of a network whose name runs backwards', { network: '\u202etesttset' }],
    ['with a bad port', { loginServers: [udp('192.0.2.7', 0)] }],
  ])('%s is not made', (_what, changes) => {
    expect(() => encodeInvite({ ...invite, ...changes })).toThrow(/out of bounds/);
  });

  it('that ends without a checksum is none, even when all else is there', () => {
    const bare = encodeBody('Invite', {
      version: 1,
      network: invite.network,
      authorityPin: invite.authorityPin,
      loginServers: ['udp:192.0.2.7:4000'],
    });
    expect(parseInvite(`wren:${bare.toString('base64url')}`)).toBeUndefined();
  });
});
