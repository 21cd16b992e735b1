/** Both ends of a forwarded endpoint, in virtual time, over a line with a delay that can be cut. */
import { describe, expect, it } from 'vitest';
import { type CloseWhy, FarEndpoint } from '../../src/audio/endpoint-far.ts';
import { NearEndpoint } from '../../src/audio/endpoint-near.ts';
import { DECODED_SHAPE, SaidWords } from '../../src/audio/endpoint-said.ts';
import { asNearVoice, encodeWord, type NearVoiceWord, toNearVoice } from '../../src/audio/endpoint-words.ts';
import type { ToVoice } from '../../src/audio/port.ts';
import { encodeControl, encodeVoiceDown } from '../../src/audio/port-codec.ts';
import { NORMAL_SHAPE, silenceBody } from '../../src/audio/voice-body.ts';

const CODE = 'c'.repeat(32);
const TOKEN = 'a'.repeat(64);
const DELAY_MS = 30;

/** The laptop, and who connects to it at HOST. */
class Scene {
  now = 1000;
  readonly near = new NearEndpoint({ code: CODE, spec: 'device:Headset', name: 'laptop' });
  readonly voice: (ToVoice | 'made' | 'ended' | 'played')[] = [];
  readonly said: string[] = [];
  /** By connection: what the near end sent, and closed ones. */
  readonly answered = new Map<number, Buffer[]>();
  readonly closed = new Set<number>();
  readonly #far = new Map<number, { core: FarEndpoint; bodies: number; told: NearVoiceWord[]; why?: CloseWhy }>();
  #wire: { at: number; deliver: () => void }[] = [];
  #numbers = 0;
  cut = false;

  /** A connection of HOST's agent that shows this token. */
  attach(token = TOKEN): number {
    const connection = this.connect();
    this.#far.set(connection, { core: new FarEndpoint(this.now, token), bodies: 0, told: [] });
    this.#step();
    return connection;
  }

  connect(): number {
    const connection = ++this.#numbers;
    this.answered.set(connection, []);
    this.near.connected(this.now, connection);
    this.#step();
    return connection;
  }

  /** Bytes that reach the near end now. */
  bytes(connection: number, bytes: Buffer): void {
    this.near.receive(this.now, connection, bytes);
    this.#step();
  }

  enrol(code = CODE, token = TOKEN): string {
    const connection = this.connect();
    this.bytes(connection, encodeWord({ type: 'enrol', version: 1, code, token }));
    return Buffer.concat(this.answered.get(connection)!).toString();
  }

  far(connection: number) {
    return this.#far.get(connection)!;
  }

  tell(connection: number, message: ToVoice): void {
    this.#later(() => this.bytes(connection, encodeControl(message)));
  }

  pass(ms: number): void {
    for (const until = this.now + ms; this.now < until; this.now++) {
      const due = this.#wire.filter(({ at }) => at <= this.now);
      this.#wire = this.#wire.filter(({ at }) => at > this.now);
      for (const { deliver } of due) deliver();
      this.near.wake(this.now);
      for (const { core } of this.#far.values()) core.wake(this.now);
      this.#step();
    }
  }

  #later(deliver: () => void): void {
    if (!this.cut) this.#wire.push({ at: this.now + DELAY_MS, deliver });
  }

  #step(): void {
    for (const output of this.near.drain()) {
      if (output.type === 'send' || output.type === 'send-voice') {
        const { connection, bytes } = output;
        this.answered.get(connection)!.push(bytes);
        const far = this.#far.get(connection);
        if (far) this.#later(() => far.core.receive(this.now, bytes));
      } else if (output.type === 'close') this.closed.add(output.connection);
      else if (output.type === 'make-voice') this.voice.push('made');
      else if (output.type === 'end-voice') this.voice.push('ended');
      else if (output.type === 'play') this.voice.push('played');
      else if (output.type === 'tell-voice') this.voice.push(output.message);
      else this.said.push(output.type);
    }
    for (const [connection, far] of this.#far) {
      for (const output of far.core.drain()) {
        if (output.type === 'send') this.#later(() => this.bytes(connection, output.bytes));
        else if (output.type === 'body') far.bodies++;
        else if (output.type === 'told') far.told.push(output.message);
        else if (output.type === 'close') far.why = output.why;
      }
    }
  }
}

/** Enrolled, attached, and a call begun. */
function inCall(): { scene: Scene; agent: number } {
  const scene = new Scene();
  scene.enrol();
  const agent = scene.attach();
  scene.pass(200);
  for (const word of new SaidWords().forNear(true)) scene.tell(agent, word);
  scene.pass(100);
  return { scene, agent };
}

describe('a forwarded endpoint', () => {
  it('opens what the laptop chose, not what HOST names, once the token was shown', () => {
    const { scene, agent } = inCall();
    expect(scene.far(agent).core.isOpen).toBe(true);
    expect(scene.voice).toEqual([
      'made',
      { type: 'mute', on: false },
      { type: 'hold', on: false },
      { type: 'start', spec: 'device:Headset', call: '' },
      { type: 'rung', ...NORMAL_SHAPE },
      { type: 'way', stream: false },
    ]);
  });

  it('knows the round trip, and carries bodies and words both ways', () => {
    const { scene, agent } = inCall();
    for (let frame = 0; frame < 100; frame++) {
      scene.near.voiceMade(silenceBody(2 * frame));
      scene.bytes(agent, encodeVoiceDown(0, 0, silenceBody(2 * frame)));
      scene.pass(20);
    }
    scene.near.voiceTold({ type: 'level', inputDb: -20, outputDb: -30, speaking: true });
    scene.near.voiceTold({ type: 'recording', on: true, path: '/home/me' });
    scene.pass(100);
    const { core, bodies, told } = scene.far(agent);
    expect(core.rttMs).toBeCloseTo(2 * DELAY_MS, 0);
    expect(bodies).toBe(100);
    expect(scene.voice.filter((one) => one === 'played')).toHaveLength(100);
    expect(told).toEqual([{ type: 'level', inputDb: -20, outputDb: -30, speaking: true }]);
  });

  it('lets go of the microphone when HOST says stop, when the connection ends, and when nothing comes any more', () => {
    const ways: ((scene: Scene, agent: number) => void)[] = [
      (scene, agent) => scene.tell(agent, { type: 'stop' }),
      (scene, agent) => scene.near.gone(agent),
      (scene) => {
        scene.cut = true;
      },
    ];
    for (const part of ways) {
      const { scene, agent } = inCall();
      part(scene, agent);
      scene.pass(4200);
      expect(scene.voice.at(-1)).toBe('ended');
    }
  });

  it('is seen to be dead at HOST within four seconds, and lives on without a word of a call', () => {
    const { scene, agent } = inCall();
    scene.pass(60_000);
    expect(scene.far(agent).core.isOpen).toBe(true);
    scene.cut = true;
    scene.pass(4200);
    expect(scene.far(agent).why).toBe('silent');
    expect(scene.near.isAttached).toBe(false);
  });

  it('gives the place to the newest connection with the token', () => {
    const { scene, agent } = inCall();
    const second = scene.attach();
    scene.pass(200);
    expect(scene.far(agent).why).toBe('newer');
    expect(scene.far(second).core.isOpen).toBe(true);
    expect(scene.voice.at(-1)).toBe('ended');
  });

  it('starts a voice process again that died, with all that was said, but not for ever', () => {
    const { scene } = inCall();
    const words = scene.voice.slice(1);
    scene.voice.length = 0;
    for (let death = 0; death < 10; death++) {
      scene.near.voiceDied(scene.now);
      scene.pass(100);
    }
    expect(scene.voice.slice(0, words.length + 1)).toEqual(['made', ...words]);
    expect(scene.voice.filter((one) => one === 'made')).toHaveLength(5);
  });
});

describe('somebody else at HOST', () => {
  it('gets nothing without the token, and may not wait', () => {
    const scene = new Scene();
    scene.enrol();
    const other = scene.attach('b'.repeat(64));
    const silent = scene.connect();
    const chatty = scene.connect();
    scene.bytes(chatty, Buffer.alloc(5000));
    expect(scene.closed.has(chatty)).toBe(true);
    scene.pass(5100);
    expect(scene.far(other).why).toBe('token');
    expect(scene.closed.has(silent)).toBe(true);
    expect(scene.voice).toEqual([]);
  });

  it('cannot enrol without the code of the command line', () => {
    const scene = new Scene();
    expect(scene.enrol('d'.repeat(32))).toContain('"why":"code"');
    expect(scene.enrol()).toContain('enrolled');
    expect(scene.said).toEqual(['enrolled']);
  });

  it('closes the endpoint for good by enrolling a second time, whatever the code', () => {
    const { scene, agent } = inCall();
    expect(scene.enrol(CODE, 'b'.repeat(64))).toContain('"why":"taken"');
    expect(scene.said).toEqual(['enrolled', 'taken']);
    expect(scene.voice.at(-1)).toBe('ended');
    expect(scene.closed.has(agent)).toBe(true);
    const again = scene.attach();
    expect(scene.closed.has(again)).toBe(true);
  });

  it('cannot fill the place with connections that say nothing', () => {
    const scene = new Scene();
    scene.enrol();
    const many = Array.from({ length: 20 }, () => scene.connect());
    expect(many.filter((one) => scene.closed.has(one))).toHaveLength(12);
    scene.pass(5100);
    const agent = scene.attach();
    scene.pass(200);
    expect(scene.far(agent).core.isOpen).toBe(true);
  });
});

describe('words of an endpoint', () => {
  it('never let HOST name a file, or another leg than the one there is', () => {
    expect(toNearVoice({ type: 'start', spec: 'file:/etc/passwd,/tmp/x', call: 'c' }, 'default')).toEqual({
      type: 'start',
      spec: 'default',
      call: '',
    });
    for (const word of [
      { type: 'record', path: '/home/me/.profile' },
      { type: 'leg', talker: 1, on: true },
      { type: 'mute', on: true, talker: 3 },
      { type: 'away', on: true },
    ])
      expect(toNearVoice(word, 'default')).toBeUndefined();
  });

  it('are read at HOST field by field, without control characters', () => {
    expect(asNearVoice({ type: 'stats', bufferMs: 20 })).toBeUndefined();
    expect(asNearVoice({ type: 'level', inputDb: Number.NaN, outputDb: 0, speaking: true })).toBeUndefined();
    expect(asNearVoice({ type: 'recording', on: true, path: '/x' })).toBeUndefined();
    expect(asNearVoice({ type: 'problem', code: 'audio-no-device', detail: 'a\u001b]52;c;x\u0007b' })).toEqual({
      type: 'problem',
      code: 'audio-no-device',
      detail: 'a ]52;c;x b',
    });
  });
});

describe('what the agent said of a call', () => {
  it('is direct in a call of two, and decoded in a conference, with the laptop on hold while the person is away', () => {
    const said = new SaidWords();
    said.take({ type: 'rung', frameMs: 60, frameBytes: 45, copies: 0, distance: 1 });
    expect(said.isCallOfTwo).toBe(true);
    expect(said.forNear(true)).toContainEqual({ type: 'rung', frameMs: 60, frameBytes: 45, copies: 0, distance: 1 });
    said.take({ type: 'leg', talker: 1, on: true });
    said.take({ type: 'away', on: true });
    expect(said.isCallOfTwo).toBe(false);
    expect(said.forNear(false)).toContainEqual({ type: 'rung', ...DECODED_SHAPE });
    expect(said.forNear(false)).toContainEqual({ type: 'hold', on: true });
  });
});
