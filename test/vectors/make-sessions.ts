/**
 * Vectors of everything that needs keys, but for the handshake: derivations, certificates, data packets, and the
 * reliable channel inside a session. They come out the same whenever they are made.
 */
import { createCipheriv, createHash, X509Certificate } from 'node:crypto';
import { checkCertificate, spkiOf } from '../../src/net/login/credential.ts';
import { agree, type DirectionKeys, ephemeralKey, epochKeys, nextRoot } from '../../src/net/transport/keys.ts';
import { ReliableChannel } from '../../src/net/transport/reliable.ts';
import { Session } from '../../src/net/transport/session.ts';
import { PacketKind, readPacket, writeHeader } from '../../src/net/wire/packet.ts';
import { slimCertificate } from '../../src/net/wire/slim-certificate.ts';
import { certificateDer, ISSUED_MS } from './identities.ts';
import type { VectorFile } from './make-wire.ts';

/** `count` bytes counting up from `first`. */
export function run(first: number, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => (first + i) & 0xff));
}

// ------------------------------------------------------------------ keys

export function keysFile(): VectorFile {
  const [ours, theirs] = [ephemeralKey(run(0x01, 32)), ephemeralKey(run(0x41, 32))];
  const shared = agree(ours, theirs.publicBytes);
  const root = run(0xa0, 32);
  const rekeyed = nextRoot(root, shared ?? Buffer.alloc(0));
  return {
    what: 'Key agreement and derivation: X25519 (RFC 7748), HKDF-SHA256 (RFC 5869) (PROTOCOL.md, sections 5 and 6).',
    fields: {
      private: '32 bytes as drawn; X25519 clamps them',
      public: 'the public key of it',
      other_public: 'the public key of the other end',
      shared: 'the secret that both ends compute',
      refused: 'public keys of others with which nothing may be agreed: the secret would be all zero',
      epoch: 'keys of the two directions of an epoch, from its root',
      rekey: 'root of the next epoch, from the root before and the secret of the new exchange',
    },
    x25519: [
      {
        private: hex(run(0x01, 32)),
        public: hex(ours.publicBytes),
        other_public: hex(theirs.publicBytes),
        shared: hex(shared),
      },
      {
        private: hex(run(0x41, 32)),
        public: hex(theirs.publicBytes),
        other_public: hex(ours.publicBytes),
        shared: hex(shared),
      },
    ],
    refused: [
      { private: hex(run(0x01, 32)), other_public: hex(Buffer.alloc(32)) },
      { private: hex(run(0x01, 32)), other_public: hex(Buffer.from([1, ...Buffer.alloc(31)])) },
      { private: hex(run(0x01, 32)), other_public: hex(run(0x41, 31)) },
    ],
    epoch: [{ root: hex(root), ...directions(root) }],
    rekey: [{ root: hex(root), shared: hex(shared), next_root: hex(rekeyed), ...directions(rekeyed) }],
  };
}

/** Keys and salts of an epoch. */
export function directions(root: Buffer) {
  const { send, receive } = epochKeys(root, 'initiator');
  return { initiator_to_responder: keysJson(send), responder_to_initiator: keysJson(receive) };
}

function keysJson({ key, salt }: DirectionKeys) {
  return { key: hex(key.export()), salt: hex(salt) };
}

// ------------------------------------------------------------------ certificates

const HOUR_MS = 3_600_000;
/** Wall clock of every run. */
export const DURING_MS = ISSUED_MS + HOUR_MS / 2;

export function certificatesFile(): VectorFile {
  const authorityDer = certificateDer('authority');
  const judge = (name: string, atMs: number) => checkCertificate(certificateDer(name), { authorityDer, nowMs: atMs });
  const times: [string, number, string][] = [
    ...(['alice1', 'bobby1', 'supernode', 'login-server'] as const).map((name): [string, number, string] => [
      name,
      DURING_MS,
      'good',
    ]),
    [
      'alice1',
      ISSUED_MS - HOUR_MS - 1000,
      'not yet valid: it begins an hour before it was issued, and this is earlier',
    ],
    ['short-lived', DURING_MS, 'good'],
    ['short-lived', ISSUED_MS + HOUR_MS + 1000, 'expired'],
    ['other-network', DURING_MS, 'signed by the authority of another network'],
    ['authority', DURING_MS, 'the certificate of the authority itself is nobody’s'],
  ];
  return {
    what: 'Certificates in identities/*.cert.pem and how they are judged (PROTOCOL.md, section 4).',
    fields: {
      authority: 'the certificate that the pin of the network is of',
      pin: 'SHA-256 of the authority’s public key (SubjectPublicKeyInfo, DER)',
      certificate: 'name of the file',
      slim: 'the same as it travels',
      slim_without_key: 'towards whoever has the key',
      at_ms: 'when it is judged, ms since 1970',
      identity: 'what a verifier learns, or null when it refuses',
    },
    authority: 'authority.cert.pem',
    pin: hex(pin()),
    judged: times.map(([name, atMs, why]) => {
      const checked = judge(name, atMs);
      const file = { what: why, certificate: `${name}.cert.pem`, ...travelling(name), at_ms: atMs };
      if (!checked.ok) return { ...file, identity: null };
      const { kind, nodeId, expiresAtMs } = checked.identity;
      return { ...file, identity: { kind, name: checked.identity.name, node_id: nodeId, expires_at_ms: expiresAtMs } };
    }),
  };
}

function travelling(name: string) {
  const der = certificateDer(name);
  return { slim: hex(slimCertificate(der)), slim_without_key: hex(slimCertificate(der, true)) };
}

export function pin(): Buffer {
  const { publicKey } = new X509Certificate(certificateDer('authority'));
  return createHash('sha256').update(spkiOf(publicKey)).digest();
}

// ------------------------------------------------------------------ data packets

const ROOT = run(0xa0, 32);
const INDEXES = { initiator: 0x11223344, responder: 0x55667788 };
const REKEY = { initiator: run(0x01, 32), responder: run(0x41, 32) };

interface Step {
  readonly what: string;
  readonly to: 'initiator' | 'responder';
  readonly packet: string;
  readonly epoch?: number;
  readonly counter?: number;
  readonly plaintext: string | null;
}

export function dataFile(): VectorFile {
  const initiator = new Session({ role: 'initiator', root: ROOT, remoteIndex: INDEXES.responder });
  const responder = new Session({ role: 'responder', root: ROOT, remoteIndex: INDEXES.initiator });
  const before = [
    sent(initiator, 'responder', 0, 0, 'the first packet of a direction has counter 0', Buffer.from('02c20200', 'hex')),
    sent(
      initiator,
      'responder',
      0,
      1,
      'voice, sealed like everything else',
      Buffer.from(`cf0001${'04'.repeat(60)}`, 'hex'),
    ),
    sent(
      responder,
      'initiator',
      0,
      0,
      'the other direction has other keys and its own counter',
      Buffer.from('010000000000000000', 'hex'),
    ),
  ];
  const shared = agree(ephemeralKey(REKEY.initiator), ephemeralKey(REKEY.responder).publicBytes) ?? Buffer.alloc(0);
  const nextEpochRoot = nextRoot(ROOT, shared);
  for (const session of [initiator, responder]) session.advance(0, shared);
  const afterRekey = [
    sent(
      responder,
      'initiator',
      0,
      1,
      'after the rekey the responder still sends in epoch 0 ...',
      Buffer.from('02', 'hex'),
    ),
    sent(
      initiator,
      'responder',
      1,
      0,
      'the initiator sends in epoch 1 at once; counters start anew',
      Buffer.from('02ba0100', 'hex'),
    ),
  ];
  opened(responder, afterRekey[1]?.packet ?? '');
  afterRekey.push(
    sent(responder, 'initiator', 1, 0, '... until it has opened a packet of epoch 1', Buffer.from('02ba0100', 'hex')),
  );
  return {
    what: 'Data packets of one session in the order in which they arrive at its two ends (PROTOCOL.md, section 6).',
    fields: {
      root: 'root of epoch 0',
      index: 'receiver index that each end asked for',
      rekey:
        'private keys of the exchange, its secret, and the root of epoch 1; it takes place between `before_rekey` and `after_rekey`',
      to: 'who receives the packet',
      epoch: 'epoch in full; the packet has its two low bits',
      counter: 'counter in full; the packet has its low 32 bits',
      plaintext: 'what the receiver finds, or null when it must drop the packet',
    },
    root: hex(ROOT),
    index: INDEXES,
    epoch_0: directions(ROOT),
    before_rekey: [...before, ...abused(before)],
    rekey: {
      initiator_private: hex(REKEY.initiator),
      responder_private: hex(REKEY.responder),
      shared: hex(shared),
      root: hex(nextEpochRoot),
    },
    epoch_1: directions(nextEpochRoot),
    after_rekey: [...afterRekey, ...highCounters(nextEpochRoot)],
  };
}

function sent(from: Session, to: Step['to'], epoch: number, counter: number, what: string, plaintext: Buffer): Step {
  return { what, to, epoch, counter, packet: hex(from.seal(plaintext)), plaintext: hex(plaintext) };
}

function opened(session: Session, packet: string): void {
  const read = readPacket(Buffer.from(packet, 'hex'));
  if (!read || session.open(0, read) === undefined) throw new Error('our own packet does not open');
}

/** What a hostile network makes of good packets. */
function abused([first, voice]: readonly Step[]): Step[] {
  const packet = Buffer.from(voice?.packet ?? '', 'hex');
  const flip = (at: number): string => {
    const bytes = Buffer.from(packet);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return hex(bytes);
  };
  const to = 'responder';
  return [
    { what: 'the first packet once more', to, packet: first?.packet ?? '', plaintext: null },
    { what: 'a reserved bit of the header flipped: it is authenticated', to, packet: flip(0), plaintext: null },
    { what: 'a bit of the counter flipped', to, packet: flip(11), plaintext: null },
    { what: 'a bit of the ciphertext flipped', to, packet: flip(12), plaintext: null },
    { what: 'a bit of the tag flipped', to, packet: flip(packet.length - 1), plaintext: null },
    { what: 'a packet of the responder, sent back to it', to, packet: mirrored(), plaintext: null },
  ];
}

/** Sealed with the keys of the other direction, with the index that the receiver expects. */
function mirrored(): string {
  return sealedAt(epochKeys(ROOT, 'responder').send, INDEXES.responder, 0, 5, Buffer.from('02', 'hex'));
}

/** Beyond 2^32 a receiver completes the counter to the one nearest to what it expects. */
function highCounters(root: Buffer): Step[] {
  const keys = epochKeys(root, 'initiator').send;
  const at = (counter: number, what: string, taken = true): Step => {
    const plaintext = Buffer.from(`02${counter.toString(16).padStart(16, '0')}`, 'hex');
    const packet = sealedAt(keys, INDEXES.responder, 1, counter, plaintext);
    return { what, to: 'responder', epoch: 1, counter, packet, plaintext: taken ? hex(plaintext) : null };
  };
  return [
    at(0x7fff_fff0, 'a great leap ahead, still below half of 2^32'),
    at(0xffff_ffe0, 'and another'),
    at(0x1_0000_0005, 'low half 5, high half 1: nearest to what is expected'),
    at(0xffff_fff0, 'late, from before the wrap, within the window'),
    at(0x1_0000_0005, 'the same counter again', false),
    at(5, 'low half 5, sealed with high half 0', false),
    at(0xffff_fbff, 'older than the window of 1024', false),
    at(0x1_0000_0400, 'the high half stays'),
  ];
}

function sealedAt(keys: DirectionKeys, index: number, epoch: number, counter: number, plaintext: Buffer): string {
  const packet = Buffer.alloc(12 + plaintext.length + 16);
  writeHeader(packet, PacketKind.data, epoch, index);
  packet.writeUInt32BE(counter >>> 0, 8);
  const nonce = Buffer.concat([keys.salt, Buffer.alloc(8)]);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  const cipher = createCipheriv('aes-256-gcm', keys.key, nonce);
  cipher.setAAD(packet.subarray(0, 12));
  packet.set(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]), 12);
  return hex(packet);
}

// ------------------------------------------------------------------ reliable channel

export function reliableFile(): VectorFile {
  const channel = new ReliableChannel();
  const messages = [Buffer.from('ba0100', 'hex'), run(0, 1024), run(7, 1030)];
  for (const one of messages) channel.send(one);
  const plaintexts = channel.take(0).map(({ plaintext }) => plaintext);
  let next = 0;
  return {
    what: 'The reliable channel inside a session: plaintexts of segments and acknowledgements (PROTOCOL.md, section 7).',
    fields: {
      messages: 'in the order in which they are sent, from the start of a session, and their segments',
      acknowledgements: 'what a receiver answers after it has got these sequences, in this order, from the start',
      got: 'sequences of segments; the last of the list is the one that is answered',
      plaintext: 'the acknowledgement',
      refused: 'segments that a receiver drops as if they had not come',
    },
    messages: messages.map((one) => {
      const count = Math.ceil(one.length / 1024);
      next += count;
      return { message: hex(one), segments: plaintexts.slice(next - count, next).map(hex) };
    }),
    acknowledgements: [[0], [0, 1], [0, 2], [0, 2, 3, 33], [1, 2, 0], [0, 0], [0, 64, 65]].map((got) => {
      return { got, plaintext: hex(ackAfter(got)) };
    }),
    refused: [
      { what: 'a header cut short', plaintext: '0000000000' },
      { what: 'more than 1024 bytes', plaintext: `000000000001${'00'.repeat(1025)}` },
    ],
  };
}

function ackAfter(got: readonly number[]): Buffer {
  const channel = new ReliableChannel();
  for (const sequence of got) {
    const segment = Buffer.from('00000000000100', 'hex');
    segment.writeUInt32BE(sequence, 1);
    channel.receive(0, segment);
  }
  return channel.take(0)[0]?.plaintext ?? Buffer.alloc(0);
}

export function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
