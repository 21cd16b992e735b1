/**
 * The laptop of `wren ssh` as a microphone and a speaker, for a voice child that decodes: what comes goes through a jitter
 * buffer of its own, what is played is encoded. Opus both ways, so WebAssembly is enough. `endpoint-call.ts` hands in the
 * bodies that come and sends those that are made.
 */
import type { Capture, Playback } from './device.ts';
import { DECODED_SHAPE } from './endpoint-said.ts';
import type { OpusCodec } from './opus.ts';
import { FRAME_MS } from './params.ts';
import { ReceiveStream } from './receive-stream.ts';
import { SendStream } from './send-stream.ts';

export interface SocketDevices {
  readonly capture: Capture;
  readonly playback: Playback;
  /** A body of the laptop, of any content. */
  receive(nowMs: number, body: Uint8Array): void;
}

export interface SocketWay {
  now(): number;
  /** A body for the laptop, which owns it. */
  send(body: Buffer): void;
  /** From the air to the body's arrival here, and from its leaving to the air, ms, as far as is known. */
  readonly captureMs: () => number;
  readonly playbackMs: () => number;
}

/** Both share the codec, whose encoder and decoder know nothing of each other. It stays the caller's. */
export function openSocketDevices(codec: OpusCodec, way: SocketWay): SocketDevices {
  const incoming = new ReceiveStream(codec);
  const outgoing = new SendStream(codec);
  outgoing.reshape(DECODED_SHAPE);
  return {
    capture: {
      kind: 'socket',
      // The laptop's card has a clock of its own, but its frames come as unevenly as the line is.
      paced: false,
      read: () => incoming.play(way.now()),
      get delayMs() {
        return way.captureMs() + incoming.bufferMs;
      },
      overruns: 0,
      close: async () => undefined,
    },
    playback: {
      kind: 'socket',
      write: (pcm) => {
        const body = outgoing.frame(pcm);
        if (body) way.send(body);
      },
      get delayMs() {
        return way.playbackMs() + FRAME_MS;
      },
      underruns: 0,
      close: async () => undefined,
    },
    receive: (nowMs, body) => incoming.receive(nowMs, body),
  };
}
