import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RosterRelation } from '../../src/net/chat/roster-entry.ts';
import { BUDDIES_MAX, BUDDY_LIST_BYTES_MAX } from '../../src/net/protocol/params.ts';
import {
  BUDDIES_FILE,
  parseBuddies,
  printBuddies,
  readBuddiesFile,
  writeBuddiesFile,
} from '../../src/store/buddies-file.ts';
import { mergeBuddies } from '../../src/store/buddy-merge.ts';
import type { BuddyRelation } from '../../src/store/state.ts';
import { anyWildList, buddy } from '../support/roster-scenes.ts';

let profile: string;
beforeEach(() => {
  profile = mkdtempSync(join(tmpdir(), 'wren-buddies-'));
});
afterEach(() => rmSync(profile, { recursive: true, force: true }));

test('the file reads as the header of its source promises', () => {
  const { xml } = printBuddies('Alice1', [
    buddy('carol1', { removed: true }),
    buddy('bobby1', { displayName: 'Bob "B" <Marley>', message: 'Hi & welcome', lastSeenAtMs: 1_700_000_100_000 }),
  ]);
  expect(xml).toBe(`<buddies version="1" owner="alice1">
  <buddy name="bobby1" relation="both" changed="1700000000000" seen="1700000100000" display="Bob &quot;B&quot; &lt;Marley&gt;"><message>Hi &amp; welcome</message></buddy>
  <buddy name="carol1" relation="both" changed="1700000000000" removed="true"/>
</buddies>
`);
});

test('any list that is printed is read back the same, whatever people wrote', () => {
  fc.assert(
    fc.property(anyWildList, (entries) => {
      const { xml, entriesLeftOut } = printBuddies('alice1', entries);
      expect(entriesLeftOut).toBe(0);
      expect(parseBuddies(xml)).toEqual({ owner: 'alice1', dropped: 0, entries: mergeBuddies(entries, []) });
      expect(printBuddies('alice1', entries.toReversed()).xml).toBe(xml);
    }),
  );
});

test('white space, entity look-alikes and line ends survive; what XML cannot carry is left out', () => {
  const hard = '  &amp; &#10; ]]> <!-- $& $1 -->\n\ttab  ';
  const read = (message: string) => parseBuddies(printBuddies('a', [buddy('bobby1', { message })]).xml)?.entries[0];
  expect(read(hard)?.message).toBe(hard);
  expect(read('a\u0000b\u001bc\ud800d\r\ne\ufffff')?.message).toBe('abcd\nef');
});

test.each([
  ['nothing', ''],
  ['words', 'hello'],
  ['another document', '<html/>'],
  ['a list cut short', '<buddies version="1"><buddy name="bobby1" relation="both" changed="1"/>'],
  ['two roots', '<buddies version="1"/><buddies version="1"/>'],
  ['a later format', '<buddies version="2"/>'],
  ['a document type', '<!DOCTYPE buddies [<!ENTITY a "b">]><buddies version="1"/>'],
  ['reserved names', '<buddies version="1" __proto__="x"/>'],
  ['a deep nest', `<buddies version="1">${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}</buddies>`],
  ['zero bytes', Buffer.alloc(100)],
  ['too much', Buffer.alloc(5_000_000, ' ')],
])('%s is no list', (_, xml) => {
  expect(parseBuddies(xml)).toBeUndefined();
});

test('no bytes whatever make the parser throw', () => {
  const good = printBuddies('alice1', [buddy('bobby1', { message: 'hi & bye' }), buddy('carol1')]).xml;
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(good.length), fc.string({ unit: 'binary' }), (from, length, noise) => {
      parseBuddies(good.slice(0, from) + noise + good.slice(from + length));
      parseBuddies(Buffer.from(noise));
    }),
  );
});

test('an entry that makes no sense is left out and counted, the others stay', () => {
  const parsed = parseBuddies(`<buddies version="1" owner="alice1" later="x">
    <buddy name="bobby1" relation="both" changed="5" mood="good"/>
    <buddy name="no spaces allowed" relation="both" changed="5"/>
    <buddy name="carol1" relation="friend" changed="5"/>
    <buddy name="dave11" relation="both" changed="-5"/>
    <buddy name="erin11" relation="both" changed="99999999999999999999"/>
    <buddy/>
    <buddy name="BOBBY1" relation="blocked" changed="6"/>
  </buddies>`);
  expect(parsed?.dropped).toBe(5);
  expect(parsed?.entries).toEqual([buddy('BOBBY1', { relation: 'blocked', changedAtMs: 6 })]);
});

test('a list for the login server gets terser until it fits, and loses nobody while it can', () => {
  const many = Array.from({ length: BUDDIES_MAX }, (_, i) =>
    buddy(`person.${i}`, { message: 'x'.repeat(200), displayName: 'A name', lastSeenAtMs: 1_700_000_000_000 }),
  );
  const { xml, entriesLeftOut } = printBuddies('alice1', many, BUDDY_LIST_BYTES_MAX);
  expect(entriesLeftOut).toBe(0);
  expect(Buffer.byteLength(xml)).toBeLessThanOrEqual(BUDDY_LIST_BYTES_MAX);
  const back = parseBuddies(xml)?.entries ?? [];
  expect(mergeBuddies(many, back)).toEqual(mergeBuddies(many, []));
});

test('when even the tersest list is too long, tombstones are left out first', () => {
  const entries = [buddy('bobby1'), buddy('carol1', { removed: true }), buddy('dave11', { relation: 'declined' })];
  const { xml, entriesLeftOut } = printBuddies('alice1', entries, 200);
  expect(entriesLeftOut).toBe(1);
  expect(parseBuddies(xml)?.entries.map((entry) => entry.name)).toEqual(['bobby1', 'dave11']);
  expect(printBuddies('alice1', entries, 10).entriesLeftOut).toBe(3);
});

test('a list is stored for its owner only and found again', () => {
  expect(readBuddiesFile(profile, 'alice1')).toEqual({ entries: [], notice: undefined });
  writeBuddiesFile(profile, 'alice1', [buddy('bobby1')]);
  expect(readBuddiesFile(profile, 'Alice1')).toEqual({ entries: [buddy('bobby1')], notice: undefined });
  expect(statSync(join(profile, BUDDIES_FILE)).mode & 0o777).toBe(0o600);
});

test('a damaged file is kept aside with a notice and the start goes on', () => {
  writeFileSync(join(profile, BUDDIES_FILE), '<buddies vers');
  const { entries, notice } = readBuddiesFile(profile, 'alice1');
  expect(entries).toEqual([]);
  expect(notice).toEqual({
    code: 'profile-damaged',
    detail: 'buddies.xml: not a buddy list; kept as buddies.xml.damaged-1',
  });
  expect(readFileSync(join(profile, 'buddies.xml.damaged-1'), 'utf8')).toBe('<buddies vers');
  writeFileSync(join(profile, BUDDIES_FILE), 'again');
  expect(readBuddiesFile(profile, 'alice1').notice?.detail).toContain('damaged-2');
});

test('of a partly damaged file the good entries stay in use and the whole is kept aside', () => {
  writeFileSync(
    join(profile, BUDDIES_FILE),
    '<buddies version="1" owner="alice1"><buddy name="bobby1" relation="both" changed="5"/><buddy name="?"/></buddies>',
  );
  expect(readBuddiesFile(profile, 'alice1').entries).toHaveLength(1);
  expect(readdirSync(profile).sort()).toEqual(['buddies.xml', 'buddies.xml.damaged-1']);
  expect(readBuddiesFile(profile, 'alice1')).toEqual({
    entries: [buddy('bobby1', { changedAtMs: 5 })],
    notice: undefined,
  });
});

test('the list of another account is not used, and comes back with that account', () => {
  writeBuddiesFile(profile, 'Alice1', [buddy('bobby1')]);
  expect(readBuddiesFile(profile, 'zelda1')).toEqual({ entries: [], notice: undefined });
  writeBuddiesFile(profile, 'zelda1', [buddy('carol1')]);
  expect(readBuddiesFile(profile, 'alice1').entries).toEqual([buddy('bobby1')]);
  expect(readBuddiesFile(profile, 'zelda1').entries).toEqual([buddy('carol1')]);
});

test('an owner that is no name cannot lead a file out of the profile', () => {
  expect(parseBuddies('<buddies version="1" owner="../../x"/>')).toBeUndefined();
});

test('relations of the roster and of the screen are the same words', () => {
  const shown: BuddyRelation = 'both' as RosterRelation;
  const kept: RosterRelation = 'both' as BuddyRelation;
  expect(shown).toBe(kept);
});
