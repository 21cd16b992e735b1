/**
 * Two ends of a call in virtual time: media sessions with voice children that make bodies of whatever rung they are told,
 * over two links of the simulated internet, with the bytes that packets have on a real wire. Says what was sent when,
 * how long it queued, and on which rung.
 */
import { type MediaCommand, type MediaOutput, MediaSession } from '../../src/net/media/media-session.ts';
import type { CallPath, CallQuality } from '../../src/net/media/quality.ts';
import { bodyBytesOf, RUNGS, type Rung, wireOverheadBytes } from '../../src/net/media/rungs.ts';
import { decodeMessage, encodeMessage } from '../../src/net/wire/messages.ts';
import { CALM, Link, type LinkSettings } from '../sim/link.ts';
import { seededRandom } from './seeded-random.ts';

const WIRE = '00112233445566778899aabbccddeeff';
/** IPv4, UDP, header, tag, and the byte that says that a message follows. */
const MESSAGE_OVERHEAD_BYTES = 57;

export function bodyOf(rung: Rung, mediaTime: number): Buffer {
  const body = Buffer.alloc(bodyBytesOf(rung), 0x11);
  const duration = [10, 20, 40, 60].indexOf(rung.frameMs);
  body[0] = (rung.copies << 6) | (rung.distance << 4) | (duration << 2);
  body.writeUInt16BE(mediaTime & 0xffff, 1);
  return body;
}

export interface Packet {
  readonly at: number;
  readonly bytes: number;
  readonly voice: boolean;
  readonly body: Buffer | undefined;
  /** Time that it waited for those ahead of it and for itself; undefined: lost. */
  readonly queuedMs: number | undefined;
}

/** The voice child of one end, where a scene has one; elsewhere bodies of no sound stand in. */
export interface Sound {
  /** 20 ms pass; a body when they complete a frame. */
  readonly tick: (now: number, rung: Rung) => Buffer | undefined;
  readonly receive: (arrivalMs: number, body: Buffer) => void;
}

interface RungAt {
  readonly at: number;
  readonly rung: Rung;
}

export class Talker {
  readonly session: MediaSession;
  readonly link: Link;
  readonly sent: Packet[] = [];
  readonly played: { readonly at: number; readonly body: Buffer }[] = [];
  readonly rungs: RungAt[] = [{ at: 0, rung: RUNGS.N }];
  readonly qualities: CallQuality[] = [];
  /** False: it is of an older version, which reports without delays. */
  measures = true;
  sound: Sound | undefined;
  reportsSent = 0;
  #tickAt: number;
  #gathered = 0;
  #rung: Rung = RUNGS.N;
  #overhead = wireOverheadBytes(null);

  constructor(settings: LinkSettings, seed: string, phase: number, begin?: number) {
    const chance = seededRandom(seed);
    this.link = new Link(settings, {
      fraction: () => chance.fraction(),
      hits: (share) => share > 0 && chance.fraction() < share,
    } as ConstructorParameters<typeof Link>[1]);
    this.session = new MediaSession(0, { wire: WIRE, fillerBody: (time, rung) => bodyOf(rung, time), begin });
    this.#tickAt = phase;
  }

  get rung(): Rung {
    return (this.rungs.at(-1) as RungAt).rung;
  }

  command(now: number, command: MediaCommand): void {
    if (command.type === 'path') this.#overhead = wireOverheadBytes(command.path);
    this.session.command(now, command);
  }

  wakeAt(): number {
    return Math.min(this.#tickAt, this.session.wakeAt());
  }

  /** One tick of the child: it changes its rung between frames only. */
  tick(now: number): void {
    if (now < this.#tickAt) return;
    this.#tickAt += 20;
    if (this.sound) {
      const body = this.sound.tick(now, this.rung);
      if (body) this.session.receive(now, { type: 'voice', body });
      return;
    }
    if (this.#gathered === 0) this.#rung = this.rung;
    this.#gathered += 20;
    if (this.#gathered < this.#rung.frameMs) return;
    this.#gathered = 0;
    this.session.receive(now, { type: 'voice', body: bodyOf(this.#rung, 0) });
  }

  /** Takes what the session says; gives what goes out, with the times at which it comes out. */
  drain(now: number): { readonly output: MediaOutput; readonly at: number }[] {
    const out: { output: MediaOutput; at: number }[] = [];
    for (const output of this.session.drain()) {
      if (output.type === 'rung') this.rungs.push({ at: now, rung: output.rung });
      else if (output.type === 'play') {
        this.played.push({ at: now, body: Buffer.from(output.body) });
        this.sound?.receive(output.arrivalMs, output.body);
      } else if (output.type === 'quality') this.qualities.push(output.quality);
      else if (output.type === 'send-voice' || output.type === 'send-datagram') {
        const voice = output.type === 'send-voice';
        const bytes = voice
          ? output.bytes.length - 3 + this.#overhead
          : encodeMessage(output.message).length + MESSAGE_OVERHEAD_BYTES;
        if (!voice) this.reportsSent += 1;
        const body = voice ? Buffer.from(output.bytes.subarray(3)) : undefined;
        const times = this.link.pass(now, bytes);
        const first = times[0];
        const queuedMs = first === undefined ? undefined : first - now - this.link.settings.delayMs;
        this.sent.push({ at: now, bytes, voice, body, queuedMs });
        for (const at of times) out.push({ output, at });
      }
    }
    return out;
  }

  /** The rung at a moment. */
  rungAt(at: number): Rung {
    return (this.rungs.findLast((one) => one.at <= at) as RungAt).rung;
  }

  /** Longest queueing of what was sent in this time, ms. */
  queueMs(from: number, until: number): number {
    return Math.max(0, ...this.#between(from, until).map((one) => one.queuedMs ?? 0));
  }

  bytesPerSecond(from: number, until: number, only: 'voice' | 'all' = 'all'): number {
    const bytes = this.#between(from, until).reduce(
      (sum, one) => sum + (only === 'all' || one.voice ? one.bytes : 0),
      0,
    );
    return (bytes * 1000) / (until - from);
  }

  voiceSent(from: number, until: number): readonly Packet[] {
    return this.#between(from, until).filter((one) => one.voice);
  }

  #between(from: number, until: number): readonly Packet[] {
    return this.sent.filter((one) => one.at >= from && one.at < until);
  }
}

interface UnderWay {
  readonly at: number;
  readonly to: Talker;
  readonly from: Talker;
  readonly output: MediaOutput;
}

export interface TalkOptions {
  readonly seed?: number;
  readonly path?: CallPath;
  readonly toB?: Partial<LinkSettings>;
  readonly toA?: Partial<LinkSettings>;
  /** Level on which both begin. */
  readonly begin?: number | undefined;
}

export class TwoTalkers {
  readonly a: Talker;
  readonly b: Talker;
  now = 0;
  #underWay: UnderWay[] = [];

  constructor({ seed = 1, path = 'direct', toB = {}, toA = {}, begin }: TalkOptions = {}) {
    this.a = new Talker({ ...CALM, ...toB }, `a ${seed}`, (seed * 7) % 20, begin);
    this.b = new Talker({ ...CALM, ...toA }, `b ${seed}`, (seed * 13) % 20, begin);
    for (const end of [this.a, this.b]) end.command(0, { type: 'path', path });
  }

  /** Both links change. */
  links(settings: Partial<LinkSettings>): void {
    for (const { link } of [this.a, this.b]) link.settings = { ...link.settings, ...settings };
  }

  runs(untilMs: number): this {
    for (;;) {
      const next = Math.min(this.#underWay[0]?.at ?? Number.POSITIVE_INFINITY, this.a.wakeAt(), this.b.wakeAt());
      if (next > untilMs) break;
      this.now = Math.max(this.now, next);
      this.#deliver();
      for (const end of [this.a, this.b]) {
        end.tick(this.now);
        end.session.wake(this.now);
        this.#carry(end);
      }
    }
    this.now = untilMs;
    return this;
  }

  #deliver(): void {
    while (this.#underWay[0] && this.#underWay[0].at <= this.now) {
      const { to, from, output } = this.#underWay.shift() as UnderWay;
      if (output.type === 'send-voice') to.session.receive(this.now, { type: 'arrived', bytes: output.bytes });
      if (output.type === 'send-datagram') {
        const message = decodeMessage(encodeMessage(output.message));
        if (message?.kind !== 'mediaReport') throw new Error('the session sent something else than a report');
        if (!from.measures) Object.assign(message.body, { gaps: 0, standingMs: 0, growth: 0, atMs: 0 });
        to.session.receive(this.now, { type: 'report', report: message.body });
      }
      this.#carry(to);
    }
  }

  #carry(end: Talker): void {
    const to = end === this.a ? this.b : this.a;
    for (const { output, at } of end.drain(this.now)) {
      const place = this.#underWay.findLastIndex((one) => one.at <= at) + 1;
      this.#underWay.splice(place, 0, { at, to, from: end, output });
    }
  }
}
