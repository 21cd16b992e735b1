/**
 * Takes out of the diagnostics of `wren doctor-bundle` what belongs to people: their names, addresses, keys, invites. The
 * same thing gets the same mark everywhere (`[person 2]`, `[address 1, private]`), so that a reader can still follow it
 * through the file. What is taken out by its look is taken out wherever it stands; names cannot be known by their
 * look, so `bundle-sources.ts` hands in those that the profile and the agent know. Pure.
 */

export type MaskedKind =
  | 'person'
  | 'host'
  | 'network'
  | 'sound device'
  | 'device'
  | 'folder'
  | 'address'
  | 'id'
  | 'key'
  | 'invite';

/** Words that are to go, by what they are; the same word twice is the kind that came first. */
export type KnownWords = readonly { readonly kind: MaskedKind; readonly word: string }[];

export interface Mask {
  /** The text without them. Idempotent. */
  text(raw: string): string;
  /** How many different ones were taken out, by kind; kinds that were not met are absent. */
  counts(): Readonly<Partial<Record<MaskedKind, number>>>;
}

/** A single letter stands in every second sentence, and names nobody. */
const WORD_LENGTH_MIN = 2;

const PEM = /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g;
const INVITE = /\bwren:[A-Za-z0-9_-]{8,}/gi;
const CREDENTIALS = /(?<=:\/\/)[^\s/@]+(?=@)/g;
const MAIL = /[^\s"'<>()[\]]+@[\w-]+\.[\w.-]+/g;
/** With its last two groups gone already (`192.0.x.x`), as the agent's log has it, too. */
const IPV4 = /(?<![\w.])\d{1,3}\.\d{1,3}\.(?:\d{1,3}\.\d{1,3}|x\.x)(?!\.?\d)/g;
/** At least two groups and two colons: what looks like one, times of day excepted. */
const IPV6 =
  /(?<![\w:.])(?!\d{1,2}:\d{2}:\d{2}(?![\w:]))(?:[0-9a-f]{0,4}:){2,7}(?:x|[0-9a-f]{0,4})(?:%\w+)?(?![\w:])/gi;
const SHORT_IPV6 = /(?<![\w:.])[0-9a-f]{1,4}:[0-9a-f]{0,4}:x(?![\w:])/gi;
/** Files with a line number look like one. */
const HOST_AND_PORT = /(?<![\w.-])(?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]*(?<!\.(?:[cm]?js|tsx?|node|json))(?=:\d)/g;
const HEX = /(?<![A-Za-z0-9])[0-9a-f]{16,}(?![A-Za-z0-9])/gi;
const BASE64 = /[A-Za-z0-9+/_-]{40,}={0,2}/g;
/** `b~a1b2c3`: the first letter of a name, as the agent's log has it. */
const HASHED_NAME = /(?<![A-Za-z0-9])\S~(?=[0-9a-f]{6}(?![0-9a-f]))/g;

export function openMask(known: KnownWords): Mask {
  const marks = new Map<string, string>();
  const counts = new Map<MaskedKind, number>();
  const marked = (kind: MaskedKind, what: string, about = ''): string => {
    const id = `${kind} ${what.toLowerCase()}`;
    const before = marks.get(id);
    if (before !== undefined) return before;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const mark = `[${kind} ${count}${about === '' ? '' : `, ${about}`}]`;
    marks.set(id, mark);
    return mark;
  };
  const words = [...known]
    .filter(({ word }) => word.length >= WORD_LENGTH_MIN)
    .sort((a, b) => b.word.length - a.word.length)
    .map(({ kind, word }) => ({ kind, pattern: wholeWord(word) }));
  const text = (raw: string): string => {
    let masked = raw
      .replace(PEM, (pem) => marked('key', pem))
      .replace(INVITE, (invite) => marked('invite', invite))
      .replace(CREDENTIALS, '[secret]')
      .replace(MAIL, (mail) => marked('person', mail));
    for (const { kind, pattern } of words) masked = masked.replace(pattern, (word) => marked(kind, word));
    return masked
      .replace(SHORT_IPV6, (address) => marked('address', address))
      .replace(IPV6, (address) => marked('address', address, placeOfIpv6(address)))
      .replace(IPV4, (address) => marked('address', address, placeOfIpv4(address)))
      .replace(HOST_AND_PORT, (host) => marked('host', host))
      .replace(HEX, (id) => marked('id', id))
      .replace(BASE64, (run) => (looksRandom(run) ? marked('key', run) : run))
      .replace(HASHED_NAME, '~');
  };
  return { text, counts: () => Object.fromEntries(counts) };
}

/** In any case, and not as a part of a longer word. */
function wholeWord(word: string): RegExp {
  const quoted = word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}])${quoted}(?![\\p{L}\\p{N}])`, 'giu');
}

/** As keys are, and paths and words are not. */
function looksRandom(run: string): boolean {
  return /[a-z]/.test(run) && /[A-Z]/.test(run) && (run.match(/\d/g)?.length ?? 0) >= 2;
}

/** What kind of address it is, which often is the cause: RFC 1918, 6598, 3927. */
function placeOfIpv4(address: string): string {
  const [first = 0, second = 0] = address.split('.').map(Number);
  if (first === 127) return 'loopback';
  if (first === 10 || (first === 192 && second === 168) || (first === 172 && second >= 16 && second < 32))
    return 'private';
  if (first === 100 && second >= 64 && second < 128) return 'carrier NAT';
  if (first === 169 && second === 254) return 'link-local';
  return first === 0 ? 'any' : 'public';
}

function placeOfIpv6(address: string): string {
  const low = address.toLowerCase();
  if (low === '::1') return 'loopback';
  if (/^f[cd]/.test(low)) return 'private IPv6';
  return /^fe[89ab]/.test(low) ? 'link-local' : low === '::' ? 'any' : 'IPv6';
}
