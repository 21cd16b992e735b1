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
 * The packet that makes a decoder invent one frame in the manner of `packet`: its TOC with the frame count cleared.
 * Uncleared, most constant-bit-rate packets are "code 3" and libopus refuses them without their padding.
 */
export function concealmentToc(packet: Uint8Array): number {
  return packet[0]! & 0xfc;
}
