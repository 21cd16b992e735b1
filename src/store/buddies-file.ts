/**
 * The buddy list as XML: `buddies.xml` in the profile, and the same text at the login server. The agent hands in the
 * roster's entries and gets them back; `buddy-merge.ts` joins the two copies.
 *
 *   <buddies version="1" owner="alice1">
 *     <buddy name="bobby1" relation="both" changed="1700000000000" seen="1700000100000" display="Bob">
 *       <message>Hi, it is Alice</message>
 *     </buddy>
 *     <buddy name="carol1" relation="both" changed="1700000200000" removed="true"/>
 *   </buddies>
 *
 * `seen`, `display`, `removed` and `message` are left out when they say nothing; unknown attributes are ignored.
 * What comes in was written by others: the size is bounded first, a document type is refused (so that no entity can
 * be defined), a list that is not well-formed is no list, and single entries that make no sense are left out.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import * as v from 'valibot';
import type { RosterEntry } from '../net/chat/roster-entry.ts';
import { foldName, isName } from '../net/protocol/ids.ts';
import {
  BUDDIES_FILE_BYTES_MAX,
  BUDDIES_MAX,
  DISPLAY_NAME_LENGTH_MAX,
  REQUEST_MESSAGE_BYTES_MAX,
} from '../net/protocol/params.ts';
import { readFileIfThere, writeFileAtomic } from './atomic-file.ts';
import { byName, byWorth, mergeBuddies } from './buddy-merge.ts';
import { keepAside, type ProfileNotice } from './damaged-file.ts';

export const BUDDIES_FILE = 'buddies.xml';

export interface ParsedBuddies {
  /** Whose list it is, as folded; empty when the file does not say. */
  readonly owner: string;
  /** Sorted by folded name, at most BUDDIES_MAX, one a person. */
  readonly entries: readonly RosterEntry[];
  /** Entries that made no sense and were left out. */
  readonly dropped: number;
}

/** Undefined for anything that is not a well-formed list or is over `BUDDIES_FILE_BYTES_MAX`. Never throws. */
export function parseBuddies(xml: string | Buffer): ParsedBuddies | undefined {
  if (xml.length > BUDDIES_FILE_BYTES_MAX) return undefined;
  const root = documentOf(xml.toString());
  if (root === undefined) return undefined;
  const read = root.buddy.slice(0, BUDDIES_MAX).map(entryOf);
  const good = read.filter((entry) => entry !== undefined);
  return { owner: foldName(root.$.owner), entries: mergeBuddies(good, []), dropped: root.buddy.length - good.length };
}

/**
 * The list as XML of at most `bytesMax` bytes, the same text for the same entries in any order. When it would be
 * longer, it is first told more tersely (no message where the request is answered, no last-seen times, no display
 * names, no messages), then the entries that are worth least are left out: compare `entriesLeftOut`.
 */
export function printBuddies(
  owner: string,
  entries: readonly RosterEntry[],
  bytesMax: number = BUDDIES_FILE_BYTES_MAX,
): { readonly xml: string; readonly entriesLeftOut: number } {
  const all = mergeBuddies(entries, []);
  const kept = all.toSorted(byWorth).slice(0, BUDDIES_MAX).sort(byName);
  for (const terser of TERSER) {
    const xml = documentText(owner, kept.map(terser));
    if (Buffer.byteLength(xml) <= bytesMax) return { xml, entriesLeftOut: all.length - kept.length };
  }
  const tersest = TERSER.at(-1) ?? ((entry) => entry);
  let room = bytesMax - Buffer.byteLength(documentText(owner, []));
  const fitting = kept.toSorted(byWorth).filter((entry) => {
    room -= Buffer.byteLength(entryText(tersest(entry)));
    return room >= 0;
  });
  const xml = documentText(owner, fitting.map(tersest).sort(byName));
  return { xml, entriesLeftOut: all.length - fitting.length };
}

/**
 * The stored list of `owner`; empty when there is none. A damaged file is kept aside with a notice. The list of
 * another account is moved to `buddies-<account>.xml` and comes back when that account signs in here again, so that
 * nobody loses a list or inherits one.
 */
export function readBuddiesFile(
  profileDir: string,
  owner: string,
): { readonly entries: readonly RosterEntry[]; readonly notice: ProfileNotice | undefined } {
  const path = join(profileDir, BUDDIES_FILE);
  changeOwner(profileDir, foldName(owner));
  const bytes = readFileIfThere(path);
  if (bytes === undefined) return { entries: [], notice: undefined };
  const parsed = parseBuddies(bytes);
  if (parsed === undefined) return { entries: [], notice: keepAside(path, 'not a buddy list') };
  if (parsed.dropped === 0) return { entries: parsed.entries, notice: undefined };
  const notice = keepAside(path, `${parsed.dropped} entries make no sense`);
  writeBuddiesFile(profileDir, owner, parsed.entries);
  return { entries: parsed.entries, notice };
}

/** Replaces the stored list, whole or not at all. Throws `Refusal('disk-full')`; the old list is then untouched. */
export function writeBuddiesFile(profileDir: string, owner: string, entries: readonly RosterEntry[]): void {
  writeFileAtomic(join(profileDir, BUDDIES_FILE), printBuddies(owner, entries).xml);
}

function changeOwner(profileDir: string, owner: string): void {
  const path = join(profileDir, BUDDIES_FILE);
  const known = parseBuddies(readFileIfThere(path) ?? '')?.owner ?? '';
  if (known !== '' && known !== owner) renameSync(path, ownedPath(profileDir, known));
  const earlier = ownedPath(profileDir, owner);
  if (!existsSync(path) && existsSync(earlier)) renameSync(earlier, path);
}

function ownedPath(profileDir: string, owner: string): string {
  return join(profileDir, `buddies-${owner}.xml`);
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributesGroupName: '$',
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  isArray: (tag) => tag === 'buddy',
  // Without a document type only the five entities of XML itself are left, and these cannot grow a text.
  processEntities: { enabled: true, maxTotalExpansions: BUDDIES_FILE_BYTES_MAX, maxExpandedLength: Infinity },
});
const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributesGroupName: '$',
  attributeNamePrefix: '',
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
});

const Milliseconds = v.pipe(v.string(), v.regex(/^\d{1,16}$/), v.transform(Number), v.maxValue(8.64e15));
const Buddy = v.object({
  $: v.object({
    name: v.pipe(v.string(), v.check(isName)),
    relation: v.picklist(['both', 'outgoing', 'incoming', 'declined', 'blocked']),
    changed: Milliseconds,
    seen: v.optional(Milliseconds, '0'),
    display: v.optional(v.pipe(v.string(), v.maxLength(DISPLAY_NAME_LENGTH_MAX)), ''),
    removed: v.optional(v.picklist(['true', 'false']), 'false'),
  }),
  message: v.optional(v.pipe(v.string(), v.maxBytes(REQUEST_MESSAGE_BYTES_MAX)), ''),
});
const Root = v.object({
  $: v.object({
    version: v.literal('1'),
    owner: v.optional(v.union([v.literal(''), v.pipe(v.string(), v.check(isName))]), ''),
  }),
  buddy: v.optional(v.array(v.unknown()), []),
});

function documentOf(xml: string): v.InferOutput<typeof Root> | undefined {
  if (xml.includes('<!DOCTYPE')) return undefined;
  try {
    if (XMLValidator.validate(xml) !== true) return undefined;
    const document: { readonly buddies?: unknown } = parser.parse(xml);
    const root = v.safeParse(Root, document.buddies);
    return root.success ? root.output : undefined;
  } catch {
    // The parser throws at nesting and names that are attacks.
    return undefined;
  }
}

function entryOf(value: unknown): RosterEntry | undefined {
  const read = v.safeParse(Buddy, value);
  if (!read.success) return undefined;
  const { $, message } = read.output;
  return {
    name: $.name,
    displayName: cleaned($.display),
    relation: $.relation,
    message: cleaned(message),
    lastSeenAtMs: $.seen,
    changedAtMs: $.changed,
    removed: $.removed === 'true',
  };
}

/** From full to terse, in the order in which a person would miss it least. */
const TERSER: readonly ((entry: RosterEntry) => RosterEntry)[] = [
  (entry) => entry,
  (entry) => (entry.relation === 'outgoing' || entry.relation === 'incoming' ? entry : { ...entry, message: '' }),
  (entry) => ({ ...entry, message: entry.removed ? '' : entry.message, lastSeenAtMs: 0 }),
  (entry) => ({ ...entry, message: '', lastSeenAtMs: 0 }),
  (entry) => ({ ...entry, message: '', lastSeenAtMs: 0, displayName: '' }),
];

function documentText(owner: string, entries: readonly RosterEntry[]): string {
  const empty = builder.build({ buddies: { $: { version: '1', owner: foldName(owner) } } });
  return `${empty.replace('/>', '>')}\n${entries.map(entryText).join('')}</buddies>\n`;
}

function entryText(entry: RosterEntry): string {
  const message = cleaned(entry.message);
  const display = cleaned(entry.displayName);
  const $ = {
    name: entry.name,
    relation: entry.relation,
    changed: String(Math.round(entry.changedAtMs)),
    ...(entry.lastSeenAtMs > 0 ? { seen: String(Math.round(entry.lastSeenAtMs)) } : {}),
    ...(display === '' ? {} : { display }),
    ...(entry.removed ? { removed: 'true' } : {}),
  };
  return `  ${builder.build({ buddy: message === '' ? { $ } : { $, message } })}\n`;
}

/** What XML 1.0 cannot carry (control characters, lone surrogates) goes; line ends become one kind. */
function cleaned(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/[^\t\n\u0020-\uFFFD\u{10000}-\u{10FFFF}]|[\uD800-\uDFFF]/gu, '');
}
