/**
 * The parts that run fifty times a second or at each meeting, alone and in this process: sealing, codec, jitter buffer,
 * filters of the microphone, handshake, password, certificate. Each value is the mean of one batch of at least 25 ms; the first batches, in which the
 * engine compiles, do not count.
 */
import { randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { FarEnd } from '../src/audio/far-end.ts';
import { openOwnFilter } from '../src/audio/filter-own.ts';
import { loadRnnoise, openDenoiser } from '../src/audio/filter-rnnoise.ts';
import { openSpeexFilter } from '../src/audio/filter-speex.ts';
import { GainControl } from '../src/audio/gain-control.ts';
import { JitterBuffer } from '../src/audio/jitter-buffer.ts';
import { openOpus } from '../src/audio/opus.ts';
import { parseVoiceBody, silenceBody, withMediaTime } from '../src/audio/voice-body.ts';
import { DIGEST_BYTES, memoryBytes, SCRYPT_COST } from '../src/net/login/password-hash.ts';
import { callTag, voicePacket } from '../src/net/media/voice-packet.ts';
import type { Random } from '../src/net/protocol/core.ts';
import {
  answerHello,
  beginInitiator,
  finishInitiator,
  finishResponder,
  parseHello,
} from '../src/net/transport/handshake.ts';
import { Session } from '../src/net/transport/session.ts';
import { Mask } from '../src/net/wire/mask.ts';
import { type Packet, readPacket } from '../src/net/wire/packet.ts';
import { keyPair, makeAuthority } from '../test/support/identities.ts';
import { framesOf, syntheticSpeech } from '../test/support/speech.ts';
import type { Figure, Unit } from './figure.ts';
import type { Scene } from './scene.ts';

const BATCH_MS = 25;
const BATCHES = 15;
const WARM_UP = 3;
const FRAME_MS = 20;
const HANDSHAKES = 60;
const HASHES = 9;

/** For measuring only: what a core is handed is the system's chance in the program too. */
const random: Random = { bytes: randomBytes, fraction: Math.random };

export const micro: Scene = {
  name: 'micro',
  title: 'Parts',
  seconds: 25,
  play: async (say) => {
    say('voice');
    await loadRnnoise();
    const voice = [...sealing(), ...codecs(say), jitterBuffer(), ...filters(say)];
    say('handshake, password, certificate');
    const authority = makeAuthority();
    return [...voice, ...handshake(authority), await password(), certificate(authority)];
  },
};

/** µs an operation, one value a batch. */
function batches(once: () => void): number[] {
  const values: number[] = [];
  for (let batch = 0; batch < WARM_UP + BATCHES; batch++) {
    let count = 0;
    const startedAt = performance.now();
    let tookMs = 0;
    while (tookMs < BATCH_MS) {
      for (let turn = 0; turn < 8; turn++) once();
      count += 8;
      tookMs = performance.now() - startedAt;
    }
    if (batch >= WARM_UP) values.push((tookMs * 1000) / count);
  }
  return values;
}

function micros(name: string, once: () => void): Figure {
  return { name, unit: 'µs', values: batches(once) };
}

function sealing(): Figure[] {
  const root = Buffer.alloc(32, 7);
  const ends = (['initiator', 'responder'] as const).map((role) => new Session({ role, root, remoteIndex: 1 }));
  const [sender, receiver] = ends as [Session, Session];
  const plaintext = voicePacket(callTag('00'.repeat(16)), 0, silenceBody(0));
  const sealed = (): Packet => readPacket(sender.seal(plaintext)) as Packet;
  const both = batches(() => {
    if (!receiver.open(0, sealed())) throw new Error('a packet does not open');
  });
  const alone = batches(() => void sender.seal(plaintext));
  const mask = new Mask(Buffer.alloc(32, 1));
  const packet = sender.seal(plaintext);
  const masked = batches(() => {
    if (typeof mask.uncover(mask.cover(packet, random)) === 'string') throw new Error('a packet stays covered');
  });
  return [
    { name: 'cover and uncover a voice packet', unit: 'µs', values: masked },
    { name: 'seal a voice packet', unit: 'µs', values: alone },
    { name: 'seal and open a voice packet', unit: 'µs', values: both },
  ];
}

function codecs(say: (line: string) => void): Figure[] {
  const frames = framesOf(syntheticSpeech(4));
  return (['native', 'wasm'] as const).flatMap((kind): Figure[] => {
    let codec: ReturnType<typeof openOpus>;
    try {
      codec = openOpus(kind);
    } catch (error) {
      say(`SKIPPED Opus ${kind}: ${(error as Error).message}`);
      return [];
    }
    let at = 0;
    const frame = (): Int16Array => frames[at++ % frames.length] as Int16Array;
    const packets = frames.map((pcm) => Buffer.from(codec.encode(pcm)));
    const into = new Int16Array(960);
    const figures = [
      micros(`Opus encode 20 ms, ${kind}`, () => void codec.encode(frame())),
      micros(`Opus decode 20 ms, ${kind}`, () => void codec.decode(packets[at++ % packets.length] as Buffer, 20, into)),
    ];
    codec.close();
    return figures;
  });
}

function jitterBuffer(): Figure {
  const buffer = new JitterBuffer();
  let now = 0;
  return micros('jitter buffer, put and pull', () => {
    now += FRAME_MS;
    const body = parseVoiceBody(withMediaTime(silenceBody(0), now / 10));
    if (body) buffer.put(now, body);
    buffer.pull(now, 0);
    buffer.wish(now, FRAME_MS, true);
  });
}

/** What the microphone's frame goes through before it is sent, a part at a time. */
function filters(say: (line: string) => void): Figure[] {
  const far = framesOf(syntheticSpeech(4));
  const mic = far.map((pcm) => pcm.map((sample) => sample >> 1));
  const frame = new Int16Array(mic[0] as Int16Array);
  let at = 0;
  const next = (): Int16Array => {
    frame.set(mic[at++ % mic.length] as Int16Array);
    return frame;
  };
  const reference = (): Int16Array => far[(at + far.length - 3) % far.length] as Int16Array;
  const figures: Figure[] = [];
  for (const [name, open] of [
    ['speexdsp', openSpeexFilter],
    ['ours', openOwnFilter],
  ] as const) {
    try {
      const both = open({ echo: true, noise: true });
      figures.push(micros(`echo and noise 20 ms, ${name}`, () => both.process(next(), reference())));
      both.close();
      const noise = open({ echo: false, noise: true });
      figures.push(micros(`noise 20 ms, ${name}`, () => noise.process(next(), reference())));
      noise.close();
    } catch (error) {
      say(`SKIPPED ${name}: ${(error as Error).message}`);
    }
  }
  const strong = openDenoiser();
  if (strong) figures.push(micros('noise 20 ms, RNNoise', () => strong.process(next())));
  else say('SKIPPED RNNoise: @echogarden/rnnoise-wasm is not installed');
  strong?.close();
  const end = new FarEnd();
  end.restart(80);
  const lineUp = micros('line up the far end 20 ms', () => {
    end.capture(next());
    end.play(reference());
  });
  const gain = new GainControl();
  return [...figures, lineUp, micros('gain 20 ms', () => gain.process(next(), 0, -96))];
}

function handshake(authority: ReturnType<typeof makeAuthority>): Figure[] {
  const [a, b] = (['alice1', 'bobby1'] as const).map((name) => authority.issue({ name }, name));
  const trust = authority.trust();
  const initiatorMs: number[] = [];
  const responderMs: number[] = [];
  const body = (packet: Buffer): Buffer => (readPacket(packet) as Packet).body;
  for (let run = 0; run < HANDSHAKES + WARM_UP; run++) {
    const clock = stopwatch();
    const begun = beginInitiator(random, { localIndex: 1, wantAuthority: false, padded: true });
    const beginMs = clock();
    const helloBody = body(begun.packet);
    const hello = parseHello(helloBody);
    if (!hello) throw new Error('a Hello is not one');
    const answered = answerHello({ random, localIndex: 2, helloBody, hello, own: b!, trust });
    if (!answered.ok) throw new Error(answered.code);
    const answerMs = clock();
    const finished = finishInitiator(begun, body(answered.value.packet), a!, trust);
    if (!finished.ok) throw new Error(finished.code);
    const finishMs = clock();
    const done = finishResponder(answered.value, body(finished.value.packet), trust);
    if (!done.ok) throw new Error(done.code);
    const doneMs = clock();
    if (run < WARM_UP) continue;
    initiatorMs.push(beginMs + finishMs);
    responderMs.push(answerMs + doneMs);
  }
  return [
    { name: 'handshake, initiator (RSA-2048)', unit: 'ms', values: initiatorMs },
    { name: 'handshake, responder', unit: 'ms', values: responderMs },
  ];
}

/** Gives the ms since it was asked last. */
function stopwatch(): () => number {
  let lastAt = performance.now();
  return () => {
    const at = performance.now();
    const tookMs = at - lastAt;
    lastAt = at;
    return tookMs;
  };
}

async function password(): Promise<Figure> {
  const { n: N, r, p } = SCRYPT_COST;
  const hash = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
  const values: number[] = [];
  for (let run = 0; run < HASHES; run++) {
    const startedAt = performance.now();
    await hash('correct horse battery', randomBytes(16), DIGEST_BYTES, {
      N,
      r,
      p,
      maxmem: 2 * memoryBytes(SCRYPT_COST),
    });
    values.push(performance.now() - startedAt);
  }
  return { name: 'scrypt of a password', unit: 'ms', values };
}

function certificate({ issuer }: ReturnType<typeof makeAuthority>): Figure {
  const { spki } = keyPair('alice1');
  const issue = (): void => {
    issuer.issue({
      subject: { kind: 'person', name: 'alice1' },
      publicKeySpki: spki,
      nowMs: Date.UTC(2026, 0, 1),
      lifetimeMs: 259_200_000,
      serial: randomBytes(16),
    });
  };
  const unit: Unit = 'ms';
  return { name: 'issue a certificate', unit, values: batches(issue).map((microseconds) => microseconds / 1000) };
}
