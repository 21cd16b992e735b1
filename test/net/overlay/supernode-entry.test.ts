/** Signed supernode entries: what is taken, and that nothing else is, whoever hands it on. */
import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  EntryReader,
  type EntryRefusal,
  openRecord,
  type SealedEntry,
  signRecord,
} from '../../../src/net/overlay/supernode-entry.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  CERTIFICATE_BYTES_MAX,
  CLOCK_DIFFERENCE_MS_MAX,
  SUPERNODE_ENTRY_LIFETIME_MS,
  SUPERNODE_RECORD_BYTES_MAX,
  SUPERNODE_SIGNATURE_BYTES_MAX,
} from '../../../src/net/protocol/params.ts';
import { encodeBody } from '../../../src/net/wire/messages.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';

const authority = makeAuthority();
const HOSTS = ['203.0.113.7', '2001:db8::7', '192.168.1.7'];
const own = authority.issue('supernode', 'super1', undefined, HOSTS);
const other = authority.issue('supernode', 'super2', undefined, HOSTS);
const alice = authority.issue({ name: 'alice1' }, 'alice');
const at = (...texts: string[]): Endpoint[] => texts.map((text) => parseEndpoint(text) as Endpoint);
const HERE = at('udp:203.0.113.7:4000', 'udp:[2001:db8::7]:4000');

function entryOf(
  change: { nodeId?: string; endpoints?: Endpoint[]; issuedAtMs?: number; by?: typeof own } = {},
): SealedEntry {
  const { nodeId = own.nodeId, endpoints = HERE, issuedAtMs = WALL_MS, by = own } = change;
  return { certificate: by.certificateDer, ...signRecord({ nodeId, endpoints, issuedAtMs }, by.privateKey) };
}

class Scene {
  readonly reader: EntryReader;
  newest = 0;
  judged = 0;

  constructor() {
    const trust = authority.trust();
    this.reader = new EntryReader((der) => {
      this.judged += 1;
      return trust.judge(der, undefined);
    });
  }

  reads(sealed: SealedEntry, nearby = false) {
    return this.reader.read(WALL_MS, sealed, () => this.newest, nearby);
  }

  refuses(sealed: SealedEntry, why: EntryRefusal, nearby = false): void {
    const before = this.reader.refused[why];
    expect(this.reads(sealed, nearby)).toBeUndefined();
    expect(this.reader.refused[why]).toBe(before + 1);
  }
}

describe('an entry', () => {
  it('says where a supernode is and since when, and can be handed on as it came', () => {
    const scene = new Scene();
    const sealed = entryOf();
    const read = scene.reads(sealed);
    expect(read).toEqual({ nodeId: own.nodeId, endpoints: HERE, issuedAtMs: WALL_MS, sealed });
    expect(new Scene().reads(read?.sealed as SealedEntry)?.nodeId).toBe(own.nodeId);
  });

  it('that is not later than the one we have is dropped before anything is verified', () => {
    const scene = new Scene();
    scene.newest = WALL_MS;
    scene.refuses(entryOf(), 'known');
    scene.refuses(entryOf({ issuedAtMs: WALL_MS - 1 }), 'known');
    expect(scene.judged).toBe(0);
    expect(scene.reads(entryOf({ issuedAtMs: WALL_MS + 1 }))?.issuedAtMs).toBe(WALL_MS + 1);
  });

  it('counts for a week, and not from the future', () => {
    const scene = new Scene();
    scene.refuses(entryOf({ issuedAtMs: WALL_MS - SUPERNODE_ENTRY_LIFETIME_MS }), 'expired');
    scene.refuses(entryOf({ issuedAtMs: WALL_MS + CLOCK_DIFFERENCE_MS_MAX + 1 }), 'expired');
    expect(scene.reads(entryOf({ issuedAtMs: WALL_MS - SUPERNODE_ENTRY_LIFETIME_MS + 1 }))).toBeDefined();
  });

  it('counts only where the login server has reached it: nobody is sent to somebody else by it', () => {
    const scene = new Scene();
    scene.refuses(entryOf({ endpoints: at('udp:203.0.113.7:4000', 'udp:198.51.100.1:53') }), 'misplaced');
    expect(scene.reads(entryOf({ endpoints: at('udp:203.0.113.7:5000') }))).toBeDefined();
  });

  it('counts with a certificate of a login server that did not look yet, or a network that is brought up to date would fall apart', () => {
    const scene = new Scene();
    expect(scene.reads(entryOf({ by: authority.issue('supernode', 'super1') }))).toBeDefined();
  });

  it('names private addresses only to those who are near', () => {
    const scene = new Scene();
    const nearby = entryOf({ endpoints: at('udp:192.168.1.7:4000') });
    scene.refuses(nearby, 'misplaced');
    expect(scene.reads(nearby, true)).toBeDefined();
  });
});

describe('a forged entry is refused and counted', () => {
  it('signed by another key, for another node, by a person, or by an authority that is not ours', () => {
    const scene = new Scene();
    scene.refuses({ ...entryOf(), signature: entryOf({ by: other }).signature }, 'forged');
    scene.refuses(entryOf({ nodeId: other.nodeId }), 'forged');
    scene.refuses(entryOf({ nodeId: alice.nodeId, by: alice }), 'forged');
    const elsewhere = makeAuthority('elsewhere').issue('supernode', 'super1', undefined, HOSTS);
    scene.refuses(entryOf({ by: elsewhere }), 'forged');
    scene.refuses({ ...entryOf(), certificate: other.certificateDer }, 'forged');
  });

  it('with any bit turned over', () => {
    const scene = new Scene();
    const sealed = entryOf();
    for (const part of ['record', 'signature', 'certificate'] as const) {
      for (let bit = 0; bit < 8 * sealed[part].length; bit += part === 'certificate' ? 61 : 7) {
        const bytes = Buffer.from(sealed[part]);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(scene.reads({ ...sealed, [part]: bytes }), `${part}, bit ${bit}`).toBeUndefined();
      }
    }
  });

  it('that is too long, empty or garbage, before any certificate is looked at', () => {
    const scene = new Scene();
    const sealed = entryOf();
    const long = (bytes: Buffer, count: number) => Buffer.concat([bytes, Buffer.alloc(count)]);
    scene.refuses({ ...sealed, certificate: Buffer.alloc(CERTIFICATE_BYTES_MAX + 1) }, 'malformed');
    scene.refuses({ ...sealed, certificate: Buffer.alloc(0) }, 'malformed');
    scene.refuses({ ...sealed, record: long(sealed.record, SUPERNODE_RECORD_BYTES_MAX) }, 'malformed');
    scene.refuses({ ...sealed, signature: long(sealed.signature, SUPERNODE_SIGNATURE_BYTES_MAX) }, 'malformed');
    scene.refuses({ ...sealed, record: Buffer.from('garbage') }, 'malformed');
    scene.refuses({ ...sealed, record: Buffer.alloc(0) }, 'malformed');
    expect(scene.judged).toBe(0);
  });

  it.each([
    ['no endpoint', []],
    ['nine endpoints', Array.from({ length: 9 }, (_, i) => `udp:203.0.113.7:${i + 1}`)],
    ['a host name', ['udp:victim.example:4000']],
    ['a multicast address', ['udp:239.1.2.3:4000']],
    ['an endpoint that is none', ['udp:203.0.113.7']],
  ])('that names %s, however well it is signed', (_what, endpoints) => {
    const scene = new Scene();
    const nodeId = Buffer.from(own.nodeId, 'hex');
    const record = encodeBody('SupernodeRecord', { nodeId, endpoints, issuedAtMs: WALL_MS });
    scene.refuses({ ...entryOf(), record }, 'malformed', true);
  });

  it('is nothing to the login server either, which knows the key but no certificate yet', () => {
    const publicKey = createPublicKey(own.privateKey);
    const { record, signature } = entryOf();
    expect(openRecord({ record, signature }, publicKey)?.endpoints).toEqual(HERE);
    expect(openRecord({ record, signature: entryOf({ by: other }).signature }, publicKey)).toBeUndefined();
  });
});
