/**
 * The packets of PulseAudio's native protocol: a head of five big-endian words (length, channel, offset in two, flags), then
 * commands if the channel is none, or samples of the stream that the channel names. Pure; `device-pulse-connection.ts`
 * moves them. Nothing is shared in memory: we never say that we could.
 */

import { NO_INDEX, TagReader, TagWriter } from './device-pulse-tags.ts';
import { PULSE_PACKET_BYTES_MAX } from './params.ts';

/** Of the protocol; those that we say or understand. */
export const COMMAND = {
  error: 0,
  reply: 2,
  createPlaybackStream: 3,
  createRecordStream: 5,
  auth: 8,
  setClientName: 9,
  getPlaybackLatency: 14,
  getServerInfo: 20,
  getSinkInfoList: 22,
  getSourceInfoList: 24,
  subscribe: 35,
  request: 61,
  underflow: 63,
  playbackStreamKilled: 64,
  recordStreamKilled: 65,
  subscribeEvent: 66,
  playbackStreamMoved: 78,
  recordStreamMoved: 79,
  started: 86,
} as const;

const HEAD_BYTES = 20;

export type PulsePacket =
  | { readonly type: 'command'; readonly command: number; readonly tag: number; readonly values: TagReader }
  /** A view, valid until the next `push`. */
  | { readonly type: 'samples'; readonly channel: number; readonly bytes: Buffer };

/** A command with its values. */
export function commandPacket(
  command: number,
  tag: number,
  write: (values: TagWriter) => void = () => undefined,
): Buffer {
  const values = new TagWriter().u32(command, tag);
  write(values);
  return packetOf(NO_INDEX, values.bytes);
}

/** Samples for a stream, behind all that it was given before. A new buffer. */
export function samplesPacket(channel: number, bytes: Uint8Array): Buffer {
  return packetOf(channel, bytes);
}

function packetOf(channel: number, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(HEAD_BYTES + payload.length);
  packet.writeUInt32BE(payload.length);
  packet.writeUInt32BE(channel, 4);
  packet.set(payload, HEAD_BYTES);
  return packet;
}

/** Bytes as they come, cut into packets. Bounded; what is no packet breaks it for good. */
export class PacketSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #broken = false;

  /** The other side speaks something else. */
  get broken(): boolean {
    return this.#broken;
  }

  push(chunk: Buffer): PulsePacket[] {
    const packets: PulsePacket[] = [];
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.#broken && bytes.length >= HEAD_BYTES) {
      const length = bytes.readUInt32BE();
      this.#broken = length > PULSE_PACKET_BYTES_MAX;
      if (this.#broken || bytes.length < HEAD_BYTES + length) break;
      const packet = this.#packet(bytes.readUInt32BE(4), bytes.subarray(HEAD_BYTES, HEAD_BYTES + length));
      if (packet) packets.push(packet);
      bytes = bytes.subarray(HEAD_BYTES + length);
    }
    // The socket's memory is written again.
    this.#rest = this.#broken || bytes.length === 0 ? Buffer.alloc(0) : Buffer.from(bytes);
    return packets;
  }

  #packet(channel: number, payload: Buffer): PulsePacket | undefined {
    if (channel !== NO_INDEX) return { type: 'samples', channel, bytes: payload };
    const values = new TagReader(payload);
    const [command, tag] = [values.u32(), values.u32()];
    return values.broken ? undefined : { type: 'command', command, tag, values };
  }
}
