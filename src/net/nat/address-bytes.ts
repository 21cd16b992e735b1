/**
 * Internet addresses as 4 or 16 bytes, as questions without a session carry them: shorter than text, and nothing that a
 * NAT which looks for its addresses in packets would find worth changing (RFC 8489 masks them for that reason).
 */
import { familyOf } from '../protocol/endpoint.ts';

/** 4 or 16 bytes; undefined for names, and for addresses with a zone. */
export function addressBytes(host: string): Buffer | undefined {
  const family = familyOf(host);
  if (family === 4) return Buffer.from(host.split('.').map(Number));
  return family === 6 && !host.includes('%') ? ipv6Bytes(host) : undefined;
}

/** The text form, IPv6 as short as RFC 5952 has it; undefined for other than 4 or 16 bytes. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return [...bytes].join('.');
  if (bytes.length !== 16) return undefined;
  const words = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return shortest(words);
}

function ipv6Bytes(host: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const text = dotted ? `${dotted[1]}${word(dotted[2], dotted[3])}:${word(dotted[4], dotted[5])}` : host;
  const [head = '', tail] = text.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const bytes = Buffer.alloc(16);
  for (const [i, one] of [...left, ...zeros, ...right].entries()) bytes.writeUInt16BE(Number.parseInt(one, 16), 2 * i);
  return bytes;
}

function word(high = '0', low = '0'): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}

/** The longest run of two zeros or more becomes `::`, the first of equals. */
function shortest(words: readonly string[]): string {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < words.length; at += 1) {
    let length = 0;
    while (words[at + length] === '0') length += 1;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return words.join(':');
  return `${words.slice(0, best.at).join(':')}::${words.slice(best.at + best.length).join(':')}`;
}
