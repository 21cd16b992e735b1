/**
 * Two files of the profile (PROTOCOL.md 9.15). `devices.json`: what makes this machine a device of its account, private
 * keys among it, so as secret as `key.pem`; signing out takes it away. `people-NAME.json`: the device lists of that
 * account's buddies, which outlive a sign-out, so that a changed account key is noticed; it has its own bound, for it may
 * hold a list for each buddy.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { KnownDevices } from '../net/index.ts';
import { foldName, isIdHex, isName } from '../net/protocol/ids.ts';
import { ACCOUNT_SEED_BYTES, DEVICES_PEOPLE_MAX, PEOPLE_FILE_BYTES_MAX } from '../net/protocol/params.ts';
import { readFileIfThere, writeFileAtomic } from './atomic-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import type { OwnMailKeys } from './own-mail-keys.ts';

export const DEVICES_FILE = 'devices.json';

export interface OwnDevice {
  /** Account, folded. */
  readonly owner: string;
  /** Ed25519 private key, 32 bytes; none while there is none that we could open. */
  readonly accountSeed: Buffer | undefined;
  readonly mail: OwnMailKeys;
  /** Our list; undefined before the first. */
  readonly signed: { readonly list: Buffer; readonly signature: Buffer } | undefined;
  /** Only while the login server does not have the key yet. */
  readonly sealedKey: Buffer | undefined;
  /** The login server's version of the list, as far as we know; 0: none. */
  readonly storedVersion: number;
  /** Wall clock, ms: when it was compared with the login server's. */
  readonly comparedAtMs: number;
}

const Bytes = v.pipe(
  v.string(),
  v.base64(),
  v.transform((text) => Buffer.from(text, 'base64')),
);
const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Seed = v.pipe(
  Bytes,
  v.check((seed) => seed.length === ACCOUNT_SEED_BYTES),
);
const Signed = v.object({ list: Bytes, signature: Bytes });
const Own = v.object({
  owner: v.string(),
  accountSeed: v.optional(Seed),
  mailSeed: Seed,
  // In files of before there was more than one.
  mailSinceMs: v.optional(Whole, 0),
  mailOld: v.optional(v.array(v.object({ seed: Seed, untilMs: v.nullable(Whole) })), []),
  signed: v.optional(Signed),
  sealedKey: v.optional(Bytes),
  storedVersion: Whole,
  comparedAtMs: Whole,
});
const Node = v.pipe(v.string(), v.check(isIdHex));
const Known = v.object({
  name: v.pipe(v.string(), v.check(isName)),
  signed: v.optional(Signed),
  holds: v.array(v.tuple([Node, Whole])),
});

/** Undefined when nothing of this account is there. Throws what the system says. */
export function readOwnDevice(folder: string, owner: string): OwnDevice | undefined {
  const own = readJsonFile(join(folder, DEVICES_FILE), Own).value;
  if (own?.owner !== foldName(owner)) return undefined;
  const { accountSeed, signed, sealedKey, mailSeed, mailSinceMs, mailOld, ...rest } = own;
  return { ...rest, accountSeed, signed, sealedKey, mail: { seed: mailSeed, sinceMs: mailSinceMs, old: mailOld } };
}

/** Throws `Refusal('disk-full')`. */
export function writeOwnDevice(folder: string, own: OwnDevice): void {
  const { mail, ...rest } = own;
  writeJsonFile(join(folder, DEVICES_FILE), {
    ...rest,
    accountSeed: own.accountSeed?.toString('base64'),
    mailSeed: mail.seed.toString('base64'),
    mailSinceMs: mail.sinceMs,
    mailOld: mail.old.map(({ seed, untilMs }) => ({ seed: seed.toString('base64'), untilMs })),
    signed: own.signed && textOf(own.signed),
    sealedKey: own.sealedKey?.toString('base64'),
  });
}

export function forgetOwnDevice(folder: string): void {
  rmSync(join(folder, DEVICES_FILE), { force: true });
}

/** Empty when there is no such file, and when it is damaged: then lists are learnt anew. */
export function readPeople(folder: string, owner: string): KnownDevices[] {
  const bytes = readFileIfThere(pathOf(folder, owner));
  if (!bytes || bytes.length > PEOPLE_FILE_BYTES_MAX) return [];
  const read = v.safeParse(v.array(Known), documentOf(bytes));
  return read.success ? read.output.map((one) => ({ ...one, signed: one.signed })) : [];
}

/** Throws `Refusal('disk-full')`. */
export function writePeople(folder: string, owner: string, people: readonly KnownDevices[]): void {
  let room = PEOPLE_FILE_BYTES_MAX - 2;
  const lines: string[] = [];
  for (const { name, signed, holds } of people.slice(-DEVICES_PEOPLE_MAX)) {
    const line = JSON.stringify({ name, ...(signed ? { signed: textOf(signed) } : {}), holds });
    room -= line.length + 2;
    if (room > 0) lines.push(line);
  }
  writeFileAtomic(pathOf(folder, owner), `[${lines.join(',\n')}]`);
}

function pathOf(folder: string, owner: string): string {
  return join(folder, `people-${foldName(owner)}.json`);
}

function textOf({ list, signature }: { readonly list: Buffer; readonly signature: Buffer }) {
  return { list: list.toString('base64'), signature: signature.toString('base64') };
}

function documentOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
