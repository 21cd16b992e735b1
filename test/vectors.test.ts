/**
 * The golden vectors against the code under `src/`. What can be made again must come out as committed; handshakes,
 * whose signatures are salted, are run through from their recorded packets. WREN_WRITE_VECTORS=1 writes them anew:
 * only when the protocol changes, for a changed vector is a peer that cannot talk to us any more.
 */
import { createDecipheriv, createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseVoiceBody } from '../src/audio/voice-body.ts';
import { matchesPin } from '../src/net/login/credential.ts';
import { parseInvite } from '../src/net/login/invite.ts';
import { loadOf, mediaTimeOf, parseVoicePacket } from '../src/net/media/voice-packet.ts';
import { PinnedTrust } from '../src/net/node/trust.ts';
import { bytesOf } from '../src/net/protocol/ids.ts';
import { answerHello, finishInitiator, finishResponder, parseHello } from '../src/net/transport/handshake.ts';
import { agree, ephemeralKey, epochKeys, expand, nextRoot } from '../src/net/transport/keys.ts';
import { ReliableChannel } from '../src/net/transport/reliable.ts';
import { Session } from '../src/net/transport/session.ts';
import { decodeBody, decodeMessage } from '../src/net/wire/messages.ts';
import { readPacket } from '../src/net/wire/packet.ts';
import { wholeCertificate } from '../src/net/wire/slim-certificate.ts';
import { files, HANDSHAKE, readVectors, write } from './vectors/generate.ts';
import { certificateDer, identity } from './vectors/identities.ts';
import { pin } from './vectors/make-sessions.ts';
import { fieldsOf, kinds, toJson } from './vectors/proto-json.ts';
import type {
  DataFile,
  HandshakeFile,
  HandshakeRun,
  KeysFile,
  MessagesFile,
  ReliableFile,
  VoiceFile,
} from './vectors/shapes.ts';

if (process.env.WREN_WRITE_VECTORS) write();

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const messages = readVectors('messages.json') as unknown as MessagesFile;
const made = files();

describe('the committed vectors', () => {
  it.each(Object.keys(made))('%s comes out of the code as it is', (name) => {
    expect(JSON.parse(JSON.stringify(made[name]))).toEqual(readVectors(name));
  });

  it.each([...Object.keys(made), HANDSHAKE])('%s says what it is and what its words mean', (name) => {
    const { what, fields, ...rest } = readVectors(name);
    expect(what).toMatch(/PROTOCOL\.md, section/);
    const unused = Object.keys(fields).filter((word) => !JSON.stringify(rest).includes(`"${word.split('.').at(-1)}":`));
    expect(unused).toEqual([]);
    expect(Object.keys(fields).length).toBeGreaterThanOrEqual(4);
  });
});

describe('messages', () => {
  it('are all there, by number, name and every field', () => {
    expect(messages.messages.map(({ number, field }) => ({ number, field }))).toEqual(
      kinds().map(({ number, field }) => ({ number, field })),
    );
    for (const { name, type } of kinds()) {
      const json = messages.messages.find((one) => name in one.json)?.json[name];
      expect(pathsOf(json), name).toEqual(new Set(fieldsOf(type)));
    }
    for (const { type, json } of messages.bodies) expect(pathsOf(json), type).toEqual(new Set(fieldsOf(type)));
    const bodies = messages.bodies.map(({ type }) => type);
    expect(bodies).toEqual([
      'Hello',
      'Cookie',
      'Auth1',
      'Auth2',
      'Proof',
      'WhoAmI',
      'YouAre',
      'Elsewhere',
      'SupernodeRecord',
      'Invite',
      'DeviceList',
      'SignedDevices',
      'Revocation',
      'IndexRecord',
    ]);
  });

  it.each(messages.messages)('$field is read as it was meant', ({ json, hex }) => {
    const read = decodeMessage(bytes(hex));
    const type = kinds().find(({ name }) => name === read?.kind)?.type ?? '';
    expect({ [read?.kind ?? '']: toJson(type, read?.body ?? {}) }).toEqual(json);
  });

  it.each(messages.bodies)('$type is read as it was meant', ({ type, json, hex }) => {
    expect(toJson(type, decodeBody(type as 'Hello', bytes(hex)) ?? {})).toEqual(json);
  });

  it.each(messages.readings)('that come from others: $what', ({ json, hex }) => {
    const read = decodeMessage(bytes(hex));
    if (json === null) expect(read).toBeUndefined();
    else {
      const type = kinds().find(({ name }) => name === read?.kind)?.type ?? '';
      expect({ [read?.kind ?? '']: toJson(type, withoutDefaults(read?.body ?? {})) }).toEqual(json);
    }
  });
});

/** `entries.nodeId` for every field that is there, at any depth. */
function pathsOf(json: unknown, prefix = ''): Set<string> {
  const found = new Set<string>();
  if (Array.isArray(json)) for (const one of json) for (const path of pathsOf(one, prefix)) found.add(path);
  else if (typeof json === 'object' && json !== null) {
    for (const [name, value] of Object.entries(json)) {
      found.add(prefix + name);
      for (const path of pathsOf(value, `${prefix}${name}.`)) found.add(path);
    }
  }
  return found;
}

function withoutDefaults(body: object): object {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== 0 && value !== '' && value !== false));
}

describe('keys', () => {
  const keys = readVectors('keys.json') as unknown as KeysFile;

  it('come out of X25519 and HKDF as the vectors say', () => {
    for (const one of keys.x25519) {
      const own = ephemeralKey(bytes(one.private));
      expect(own.publicBytes.toString('hex')).toBe(one.public);
      expect(agree(own, bytes(one.other_public))?.toString('hex')).toBe(one.shared);
    }
    for (const one of keys.refused) {
      expect(agree(ephemeralKey(bytes(one.private)), bytes(one.other_public))).toBeUndefined();
    }
    for (const one of keys.rekey) {
      expect(nextRoot(bytes(one.root), bytes(one.shared)).toString('hex')).toBe(one.next_root);
    }
  });

  it('are the same for both ends, with send and receive exchanged', () => {
    const root = bytes(keys.epoch[0]?.root ?? '');
    const [initiator, responder] = [epochKeys(root, 'initiator'), epochKeys(root, 'responder')];
    for (const [one, other] of [
      [initiator.send, responder.receive],
      [initiator.receive, responder.send],
    ] as const) {
      expect(one.key.export()).toEqual(other.key.export());
      expect(one.salt).toEqual(other.salt);
    }
    expect(initiator.send.key.export().toString('hex')).toBe(keys.epoch[0]?.initiator_to_responder.key);
  });
});

describe('the handshake', () => {
  const { at_ms: atMs, runs } = readVectors(HANDSHAKE) as unknown as HandshakeFile;
  const trust = (knowsAuthority = true): PinnedTrust =>
    new PinnedTrust({
      pin: pin(),
      wallClock: () => atMs,
      authorityDer: knowsAuthority ? certificateDer('authority') : undefined,
    });
  const bodyOf = (packet: string): Buffer => readPacket(bytes(packet))?.body ?? Buffer.alloc(0);

  it('is recorded in every shape: with and without a name, with and without the CA certificate, with a cookie', () => {
    const shapes = runs.map((run) => `${run.initiator.identity !== null} ${run.want_authority}`);
    expect(new Set(shapes).size).toBe(4);
    expect(runs.filter((run) => run.cookie !== null)).toHaveLength(1);
    expect(new Set(runs.map((run) => run.carrier))).toEqual(new Set(['udp', 'stream', 'forward']));
  });

  it.each(runs)('$what: the initiator accepts the recorded Auth1 and has the same root', (run) => {
    const judge = trust(!run.want_authority);
    const own = run.initiator.identity === null ? undefined : identity(run.initiator.identity);
    const done = finishInitiator(initiatorState(run), bodyOf(run.auth1_packet), own, judge);
    expect(done).toMatchObject({ ok: true, value: { remoteIndex: run.responder.index } });
    if (!done.ok) return;
    expect(done.value.root.toString('hex')).toBe(run.root);
    expect(done.value.peer.nodeId).toBe(identity(run.responder.identity).nodeId);
    expect(judge.authorityDer).toEqual(certificateDer('authority'));
    // Anonymous ones sign nothing, so that even Auth2 comes out the same.
    if (own === undefined) expect(done.value.packet.toString('hex')).toBe(run.auth2_packet);
  });

  it.each(runs)('$what: the responder accepts the recorded Auth2 and has the same root', (run) => {
    const t1 = bytes(run.t1);
    const t2 = createHash('sha256').update(t1).update(sealedOf(run, 'Auth1')).digest();
    expect(t2.toString('hex')).toBe(run.t2);
    const state = {
      ...{ localIndex: run.responder.index, remoteIndex: run.initiator.index, secret: bytes(run.shared), t1, t2 },
      ...{ ownNodeId: identity(run.responder.identity).nodeId, packet: bytes(run.auth1_packet) },
    };
    const done = finishResponder(state, bodyOf(run.auth2_packet), trust());
    expect(done).toMatchObject({ ok: true, value: { remoteIndex: run.initiator.index } });
    if (!done.ok) return;
    expect(done.value.root.toString('hex')).toBe(run.root);
    const expected = run.initiator.identity === null ? '' : identity(run.initiator.identity).nodeId;
    expect(done.value.peer.nodeId).toBe(expected);
  });

  it.each(runs)('$what: a responder with the same chance sends the same Auth1, but for its salted signature', (run) => {
    const helloBody = bodyOf(run.hello_packets.at(-1) ?? '');
    const answer = answerHello({
      random: chanceOf(bytes(run.responder.private + run.responder.nonce)),
      localIndex: run.responder.index,
      helloBody,
      hello: parseHello(helloBody)!,
      own: identity(run.responder.identity),
      trust: trust(),
    });
    if (!answer.ok) throw new Error(answer.code);
    expect(answer.value.t1.toString('hex')).toBe(run.t1);
    expect(answer.value.secret.toString('hex')).toBe(run.shared);
    const [mine, recorded] = [bodyOf(answer.value.packet.toString('hex')), bodyOf(run.auth1_packet)];
    const openly = (body: Buffer) => ({ ...decodeBody('Auth1', body), sealed: undefined });
    expect(openly(mine)).toEqual(openly(recorded));
    expect(mine.length).toBe(recorded.length);
  });

  it.each(runs)('$what: the sealed proofs open with the keys given', (run) => {
    for (const of of ['responder', 'initiator'] as const) {
      const transcript = bytes(of === 'responder' ? run.t1 : run.t2);
      const key = expand(bytes(run.shared), transcript, `wren SK1 ${of} proof`, 32);
      expect(key.toString('hex')).toBe(run[`${of}_proof_key`]);
      const sealed = sealedOf(run, of === 'responder' ? 'Auth1' : 'Auth2');
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAAD(transcript);
      decipher.setAuthTag(sealed.subarray(-16));
      const opened = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
      const proof = decodeBody('Proof', opened);
      const expected = run[`${of}_proof`];
      expect(Buffer.from(proof?.certificate ?? []).toString('hex')).toBe(expected.certificate);
      expect(Buffer.from(proof?.signature ?? []).toString('hex')).toBe(expected.signature);
      expect(Buffer.from(proof?.authorityCertificate ?? []).toString('hex')).toBe(expected.authority_certificate);
    }
    const sent = bytes(run.responder_proof.authority_certificate);
    expect(sent.length > 0).toBe(run.want_authority);
    if (run.want_authority) expect(matchesPin(wholeCertificate(sent) ?? sent, pin())).toBe(true);
  });

  it.each(runs)('$what: the first packet each way opens', (run) => {
    const options = { root: bytes(run.root) };
    const initiator = new Session({ role: 'initiator', remoteIndex: run.responder.index, ...options });
    const responder = new Session({ role: 'responder', remoteIndex: run.initiator.index, ...options });
    for (const [from, to, { packet, plaintext }] of [
      [responder, initiator, run.confirmation],
      [initiator, responder, run.first_message],
    ] as const) {
      expect(to.open(0, readPacket(bytes(packet))!)?.toString('hex')).toBe(plaintext);
      expect(from.seal(bytes(plaintext)).toString('hex')).toBe(packet);
    }
  });

  function initiatorState(run: HandshakeRun) {
    const packet = bytes(run.hello_packets.at(-1) ?? '');
    return {
      ...{ localIndex: run.initiator.index, wantAuthority: run.want_authority, padded: run.carrier === 'udp', packet },
      cookie: bytes(run.cookie ?? ''),
      ephemeral: ephemeralKey(bytes(run.initiator.private)),
      nonce: bytes(run.initiator.nonce),
      helloBody: bodyOf(packet.toString('hex')),
    };
  }

  function sealedOf(run: HandshakeRun, which: 'Auth1' | 'Auth2'): Buffer {
    const packet = which === 'Auth1' ? run.auth1_packet : run.auth2_packet;
    return Buffer.from(decodeBody(which, bodyOf(packet))?.sealed ?? []);
  }
});

function chanceOf(given: Buffer) {
  let at = 0;
  return {
    bytes(count: number) {
      at += count;
      return Buffer.from(given.subarray(at - count, at));
    },
    fraction: () => 0,
  };
}

describe('data packets', () => {
  it('open, or are refused, in the order of the vectors', () => {
    const data = readVectors('data.json') as unknown as DataFile;
    const options = { root: bytes(data.root), now: 0 };
    const ends = {
      initiator: new Session({ role: 'initiator', remoteIndex: data.index.responder, ...options }),
      responder: new Session({ role: 'responder', remoteIndex: data.index.initiator, ...options }),
    };
    const arrive = (steps: DataFile['before_rekey']): void => {
      for (const { what, to, packet, plaintext } of steps) {
        const read = readPacket(bytes(packet));
        const opened = read && ends[to].open(0, read)?.toString('hex');
        expect(opened ?? null, what).toBe(plaintext);
      }
    };
    arrive(data.before_rekey);
    for (const end of Object.values(ends)) end.advance(0, bytes(data.rekey.shared));
    arrive(data.after_rekey);
  });
});

describe('the reliable channel', () => {
  const reliable = readVectors('reliable.json') as unknown as ReliableFile;

  it('puts segments together, whatever order they come in', () => {
    const channel = new ReliableChannel();
    const segments = reliable.messages.flatMap((one) => one.segments);
    const got = [...segments].reverse().flatMap((segment) => channel.receive(0, bytes(segment)));
    expect(got.map((one) => one.toString('hex'))).toEqual(reliable.messages.map((one) => one.message));
  });

  it.each(reliable.refused)('drops $what', ({ plaintext }) => {
    const channel = new ReliableChannel();
    channel.receive(0, bytes(plaintext));
    channel.receive(0, bytes('00000000010100'));
    expect(channel.take(0)[0]?.plaintext.toString('hex')).toBe('010000000000000001');
  });
});

describe('voice packets', () => {
  const voice = readVectors('voice.json') as unknown as VoiceFile;

  it.each(voice.packets)('$what: the agent and the voice child read the same', (one) => {
    const packet = parseVoicePacket(bytes(one.plaintext));
    expect(packet).toMatchObject({ tag: voice.tag, sequence: one.sequence });
    const body = parseVoiceBody(packet?.body ?? Buffer.alloc(0));
    const { mediaTime, durationMs, distance, muted, held, frames } = body!;
    expect({ mediaTime, durationMs, distance, muted, held }).toEqual({
      ...{ mediaTime: one.media_time, durationMs: one.duration_ms, distance: one.distance },
      ...{ muted: one.muted, held: one.held },
    });
    expect(frames.map((frame) => Buffer.from(frame).toString('hex'))).toEqual(one.frames);
    expect(mediaTimeOf(packet!.body)).toBe(one.media_time);
    const [frame = ''] = one.frames;
    const bitrate = Math.round((frame.length * 4 * 1000) / one.duration_ms);
    expect(loadOf(packet!.body)).toEqual({ copies: one.frames.length - 1, bitrate });
  });

  it.each(voice.refused)('$what is refused by one or the other', ({ plaintext }) => {
    const packet = parseVoicePacket(bytes(plaintext));
    expect(packet && parseVoiceBody(packet.body)).toBeUndefined();
  });
});

describe('invites', () => {
  it('whose check is right but whose bytes were cut are told apart by it', () => {
    const invites = readVectors('invite.json') as unknown as {
      invites: { text: string; bytes?: string; check?: string; invite: object | null }[];
    };
    for (const { text, bytes: all, check, invite } of invites.invites) {
      expect(parseInvite(text) !== undefined).toBe(invite !== null);
      if (all === undefined) continue;
      const bare = bytesOf(all).subarray(0, -6);
      expect(createHash('sha256').update(bare).digest('hex').slice(0, 8)).toBe(check);
    }
  });
});
