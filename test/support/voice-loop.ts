/**
 * Two voice engines and a network between them, in virtual time: A hears a recording, B's speaker is kept. The network
 * is a function from a body's number to when it arrives, if at all. Used by the tests of the engine and its parts.
 */
import type { Capture, Playback } from '../../src/audio/device.ts';
import { noPlayback } from '../../src/audio/device-none.ts';
import type { OpusCodec } from '../../src/audio/opus.ts';
import type { FromVoice } from '../../src/audio/port.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import { framesOf } from './speech.ts';

/** A microphone that hears `samples`, then nothing. */
export function recordedCapture(samples: Int16Array): Capture {
  const frames = framesOf(samples);
  return {
    kind: 'file',
    paced: false,
    read: () => frames.shift(),
    delayMs: 0,
    overruns: 0,
    close: async () => undefined,
  };
}

/** A speaker that keeps what it is given. */
export function keptPlayback(): Playback & { readonly samples: () => Int16Array } {
  const frames: Int16Array[] = [];
  return {
    ...noPlayback(),
    write: (pcm) => frames.push(pcm.slice()),
    samples: () => {
      const all = new Int16Array(frames.length * 320);
      for (const [at, frame] of frames.entries()) all.set(frame, at * 320);
      return all;
    },
  };
}

export interface LoopOptions {
  readonly codecA: OpusCodec;
  readonly codecB: OpusCodec;
  readonly samples: Int16Array;
  readonly seconds: number;
  /** Delay of body number n, ms; undefined: lost. */
  readonly network: (n: number) => number | undefined;
  /** Called before each tick, for mute and hold. */
  readonly before?: (n: number, a: VoiceEngine, b: VoiceEngine) => void;
}

export interface LoopResult {
  readonly heard: Int16Array;
  readonly bodies: readonly Buffer[];
  readonly toldA: readonly FromVoice[];
  readonly toldB: readonly FromVoice[];
  readonly b: VoiceEngine;
}

/** B ticks 7 ms after A, as two machines never tick together. */
export function runLoop(options: LoopOptions): LoopResult {
  const [a, b] = [new VoiceEngine(options.codecA), new VoiceEngine(options.codecB)];
  const speaker = keptPlayback();
  a.attachCapture(recordedCapture(options.samples));
  b.attachPlayback(speaker);
  const bodies: Buffer[] = [];
  const [toldA, toldB]: [FromVoice[], FromVoice[]] = [[], []];
  const flying: { readonly at: number; readonly body: Buffer }[] = [];
  for (let n = 0; n < options.seconds * 50; n++) {
    options.before?.(n, a, b);
    a.tick(n * 20);
    for (const output of a.drain()) {
      if (output.type === 'tell') toldA.push(output.message);
      else {
        const delayMs = options.network(bodies.length);
        if (delayMs !== undefined) flying.push({ at: n * 20 + delayMs, body: output.bytes });
        bodies.push(output.bytes);
      }
    }
    const now = n * 20 + 7;
    flying.sort((one, other) => one.at - other.at);
    while (flying[0] && flying[0].at <= now) {
      const { at, body } = flying.shift()!;
      b.receive(at, 0, body);
    }
    b.tick(now);
    for (const output of b.drain()) if (output.type === 'tell') toldB.push(output.message);
  }
  return { heard: speaker.samples(), bodies, toldA, toldB, b };
}
