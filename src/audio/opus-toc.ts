/**
 * What the first bytes of an Opus packet say about it, before libopus sees it (RFC 6716, section 3.1 and 3.2). The
 * receive path trusts only packets whose duration is the one that the voice body announces. Pure.
 */

/** Frame length by configuration number: SILK 0-11, hybrid 12-15, CELT 16-31; ms. */
function configDurationMs(config: number): number {
  if (config < 12) return [10, 20, 40, 60][config & 3]!;
  if (config < 16) return [10, 20][config & 1]!;
  return [2.5, 5, 10, 20][config & 3]!;
}

/** Length of the sound in a packet in ms (2.5 to 120); undefined when no packet can begin like this. */
export function packetDurationMs(packet: Uint8Array): number | undefined {
  const toc = packet[0];
  if (toc === undefined) return undefined;
  const frameMs = configDurationMs(toc >> 3);
  const code = toc & 3;
  if (code === 0) return frameMs;
  if (code !== 3) return frameMs * 2;
  const count = (packet[1] ?? 0) & 0x3f;
  const totalMs = frameMs * count;
  return count === 0 || totalMs > 120 ? undefined : totalMs;
}

/**
 * True when `packet` is built as libopus demands (RFC 6716, section 3.2 and its rules R1 to R7) and lasts `durationMs`:
 * what is not is refused before native code sees it.
 */
export function isPlayable(packet: Uint8Array, durationMs: number): boolean {
  if (packet.length < 2 || packetDurationMs(packet) !== durationMs) return false;
  const code = packet[0]! & 3;
  const length = packet.length - 1;
  if (code === 0) return length <= OPUS_FRAME_BYTES_MAX;
  if (code === 1) return length % 2 === 0 && length / 2 <= OPUS_FRAME_BYTES_MAX;
  if (code === 2) {
    const first = lengthAt(packet, 1);
    return first !== undefined && first.end + first.bytes <= packet.length;
  }
  return isPlayableCode3(packet);
}

/** Longest frame that a length field can tell. */
const OPUS_FRAME_BYTES_MAX = 1275;

/** Any number of frames: of one length or with a length each, and with padding or without. */
function isPlayableCode3(packet: Uint8Array): boolean {
  const flags = packet[1]!;
  const count = flags & 0x3f;
  let at = 2;
  let padding = 0;
  if ((flags & 0x40) !== 0) {
    for (;;) {
      const more = packet[at++];
      if (more === undefined) return false;
      padding += more === 255 ? 254 : more;
      if (more !== 255) break;
    }
  }
  if ((flags & 0x80) === 0) {
    const bytes = packet.length - at - padding;
    return bytes >= 0 && bytes % count === 0 && bytes / count <= OPUS_FRAME_BYTES_MAX;
  }
  let bytes = 0;
  for (let frame = 1; frame < count; frame++) {
    const length = lengthAt(packet, at);
    if (!length) return false;
    at = length.end;
    bytes += length.bytes;
  }
  return at + bytes + padding <= packet.length;
}

/** A frame length of one or two bytes (section 3.2.1); undefined when the packet ends before it. */
function lengthAt(packet: Uint8Array, at: number): { readonly bytes: number; readonly end: number } | undefined {
  const first = packet[at];
  if (first === undefined) return undefined;
  if (first < 252) return { bytes: first, end: at + 1 };
  const second = packet[at + 1];
  return second === undefined ? undefined : { bytes: first + second * 4, end: at + 2 };
}

/**
 * The packet that makes a decoder invent `durationMs` (10 or 20) in the manner of `packet`: its TOC with the frame
 * count cleared. Uncleared, most constant-bit-rate packets are "code 3" and libopus refuses them without their padding.
 */
export function concealmentToc(packet: Uint8Array, durationMs: 10 | 20 = 20): number {
  const toc = packet[0]!;
  const config = toc >> 3;
  const longer = durationMs === 20 ? 1 : 0;
  // SILK has four lengths from 10 ms on, hybrid two, CELT four that end with 10 and 20 ms.
  const inMode =
    config < 12 ? (config & ~3) + longer : config < 16 ? (config & ~1) + longer : (config & ~3) + 2 + longer;
  return (inMode << 3) | (toc & 4);
}
