/**
 * The list of an account's devices, signed by the account (PROTOCOL.md 9.15): made by whichever device changes it, kept
 * by the login server, told to buddies. Pure: `signDevices` and the changes make lists, `openDevices` judges what came
 * from outside by itself, `successor` judges it against what is known. `node/device-book.ts` keeps those of other
 * people, `login-rules.ts` the stored one, the agent its own.
 *
 * Versions count up by one at the login server, which takes a list only on top of the one that it has; so everybody
 * follows the newest, and an older one is a replay. Nobody who was revoked is ever listed again.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  ACCOUNT_SEED_BYTES,
  CERTIFICATE_BYTES_MAX,
  DEVICE_LABEL_LENGTH_MAX,
  DEVICE_LIST_BYTES_MAX,
  DEVICES_MAX,
  REVOKED_DEVICES_MAX,
} from '../protocol/params.ts';
import { decodeBody, encodeBody } from '../wire/messages.ts';
import { slimCertificate, wholeCertificate } from '../wire/slim-certificate.ts';
import { type AccountKey, accountPublicKey } from './account-key.ts';

export interface Device {
  readonly nodeId: NodeId;
  /** For people; from outside, without controls. */
  readonly label: string;
  /** Wall clock, ms. */
  readonly addedAtMs: number;
  /** X.509, DER, as it was when the device was added: it may have ended since. */
  readonly certificate: Buffer;
  /** X25519, 32 bytes. */
  readonly mailKey: Buffer;
  /** Since when, by the wall clock of the device, ms; left out: unknown. */
  readonly mailKeyAtMs?: number;
}

export interface RevokedDevice {
  readonly nodeId: NodeId;
  /** Wall clock, ms. */
  readonly atMs: number;
}

export interface DeviceList {
  readonly name: UserName;
  /** Ed25519, 32 bytes. */
  readonly accountKey: Buffer;
  readonly version: number;
  /** In the order in which they were added. */
  readonly devices: readonly Device[];
  readonly revoked: readonly RevokedDevice[];
}

/** As it travels and is stored. */
export interface SignedDevices {
  readonly list: Buffer;
  readonly signature: Buffer;
}

/** From the wire: anything may be missing. */
export type WireDevices =
  | { readonly list?: Uint8Array | null; readonly signature?: Uint8Array | null }
  | null
  | undefined;

export interface OpenedDevices extends DeviceList {
  readonly signed: SignedDevices;
}

/**
 * `misplaced`: of another account; `forged`: not signed by its own key; `forged-device`: one in it was never certified
 * for that name; `old`: not newer than what is known; `revived`: somebody who was revoked is in it, or missing from
 * those who were.
 */
export type DevicesRefusal = 'malformed' | 'oversized' | 'misplaced' | 'forged' | 'forged-device' | 'old' | 'revived';

/** Whose key did the authority certify by this? Its end does not matter. */
export type DeviceJudge = (
  certificateDer: Uint8Array,
) => { readonly kind: string; readonly name: UserName; readonly nodeId: NodeId } | undefined;

const PREFIX = Buffer.from('wren device list');
const SIGNATURE_BYTES = 64;

/** `list.accountKey` is not looked at: it is that of the key. */
export function signDevices(list: Omit<DeviceList, 'accountKey'>, key: AccountKey): OpenedDevices {
  const { name, version, devices, revoked } = list;
  const bytes = encodeBody('DeviceList', {
    name,
    version,
    accountKey: key.publicBytes,
    devices: devices.map((device) => ({
      ...device,
      nodeId: bytesOf(device.nodeId),
      certificate: slimCertificate(device.certificate),
    })) as never,
    revoked: revoked.map(({ nodeId, atMs }) => ({ nodeId: bytesOf(nodeId), atMs })) as never,
  });
  const signature = sign(null, Buffer.concat([PREFIX, bytes]), key.privateKey);
  return { name, version, devices, revoked, accountKey: key.publicBytes, signed: { list: bytes, signature } };
}

export type OpenDevices =
  | { readonly ok: true; readonly devices: OpenedDevices }
  | { readonly ok: false; readonly why: DevicesRefusal };

/**
 * What a list says, if it is this account's and nothing in it is made up; which account key it must be, `successor` asks.
 * Cheap checks first. Never throws.
 */
export function openDevices(
  signed: WireDevices,
  options: { readonly name: UserName; readonly judge: DeviceJudge },
): OpenDevices {
  const read = readDevices(signed);
  if (!read.ok) return read;
  const { devices: list } = read;
  if (foldName(list.name) !== foldName(options.name)) return { ok: false, why: 'misplaced' };
  const key = accountPublicKey(list.accountKey);
  if (!key || !isSigned(list.signed, key)) return { ok: false, why: 'forged' };
  for (const device of list.devices) {
    const owner = options.judge(device.certificate);
    const isTheirs = owner?.kind === 'person' && foldName(owner.name) === foldName(list.name);
    if (!isTheirs || owner.nodeId !== device.nodeId) return { ok: false, why: 'forged-device' };
  }
  return read;
}

/** The same of what we have stored ourselves: its form is looked at, nobody's word. */
export function readDevices(signed: WireDevices): OpenDevices {
  if (!signed?.list || signed.signature?.length !== SIGNATURE_BYTES) return { ok: false, why: 'malformed' };
  if (signed.list.length > DEVICE_LIST_BYTES_MAX) return { ok: false, why: 'oversized' };
  const body = decodeBody('DeviceList', signed.list);
  const list = body && listOf(body);
  if (!list) return { ok: false, why: 'malformed' };
  const kept = { list: Buffer.from(signed.list), signature: Buffer.from(signed.signature) };
  return { ok: true, devices: { ...list, signed: kept } };
}

/**
 * May `next` take the place of what is known? Undefined when it may. That its account key is another one is no refusal
 * here: the login server asks for the password then, and people are told.
 */
export function successor(known: DeviceList | undefined, next: DeviceList): DevicesRefusal | undefined {
  const revoked = new Set(next.revoked.map(({ nodeId }) => nodeId));
  if (next.devices.some(({ nodeId }) => revoked.has(nodeId))) return 'revived';
  if (!known) return undefined;
  if (next.version <= known.version) return 'old';
  // Only a full list of the revoked may have let go of its oldest.
  if (revoked.size >= REVOKED_DEVICES_MAX) return undefined;
  return known.revoked.every(({ nodeId }) => revoked.has(nodeId)) ? undefined : 'revived';
}

/** Is it here, was it, or was it never? */
export function standingOf(list: DeviceList, node: NodeId): 'listed' | 'revoked' | 'unlisted' {
  if (list.devices.some(({ nodeId }) => nodeId === node)) return 'listed';
  return list.revoked.some(({ nodeId }) => nodeId === node) ? 'revoked' : 'unlisted';
}

/** The next version, with this device in it. Of 16 the one added first makes room, and is revoked. */
export function withAdded(list: Pick<DeviceList, 'name' | 'version' | 'devices' | 'revoked'>, device: Device) {
  const others = list.devices.filter(({ nodeId }) => nodeId !== device.nodeId);
  const gone = others.slice(0, Math.max(0, others.length - (DEVICES_MAX - 1)));
  const devices = [...others.slice(gone.length), device];
  const revoked = gone.map(({ nodeId }) => ({ nodeId, atMs: device.addedAtMs }));
  return {
    ...list,
    version: list.version + 1,
    devices,
    revoked: [...list.revoked, ...revoked].slice(-REVOKED_DEVICES_MAX),
  };
}

/** The next version, in which this node is revoked, for ever. */
export function withRevoked(
  list: Pick<DeviceList, 'name' | 'version' | 'devices' | 'revoked'>,
  node: NodeId,
  atMs: number,
) {
  const devices = list.devices.filter(({ nodeId }) => nodeId !== node);
  const others = list.revoked.filter(({ nodeId }) => nodeId !== node);
  const revoked = [...others, { nodeId: node, atMs }].slice(-REVOKED_DEVICES_MAX);
  return { ...list, version: list.version + 1, devices, revoked };
}

/** The next version, in which this device has another mail key. */
export function withMailKey(
  list: Pick<DeviceList, 'name' | 'version' | 'devices' | 'revoked'>,
  node: NodeId,
  key: Required<Pick<Device, 'mailKey' | 'mailKeyAtMs'>>,
) {
  const devices = list.devices.map((device) => (device.nodeId === node ? { ...device, ...key } : device));
  return { ...list, version: list.version + 1, devices };
}

/** The next version without this node, which has taken itself off. */
export function withoutDevice(list: Pick<DeviceList, 'name' | 'version' | 'devices' | 'revoked'>, node: NodeId) {
  const devices = list.devices.filter(({ nodeId }) => nodeId !== node);
  return { ...list, version: list.version + 1, devices };
}

/**
 * The same list without what the login server has already: it puts certificates in again before it looks at the
 * signature, which is over the whole. The list as it is when that would not give these very bytes.
 */
export function withoutCertificates({ signed, devices }: OpenedDevices): SignedDevices {
  const body = decodeBody('DeviceList', signed.list);
  if (!body) return signed;
  const bare = body.devices.map((device) => ({ ...(device as object), certificate: undefined }));
  const without = { ...signed, list: encodeBody('DeviceList', { ...body, devices: bare as never }) };
  const find = (node: NodeId) => devices.find(({ nodeId }) => nodeId === node)?.certificate;
  return withCertificates(without, find)?.list.equals(signed.list) ? without : signed;
}

/** Puts in what was left out, where it can be found; garbage stays what it is. */
export function withCertificates(
  signed: WireDevices,
  find: (node: NodeId) => Buffer | undefined,
): SignedDevices | undefined {
  if (!signed?.list || !signed.signature) return undefined;
  const kept = { list: Buffer.from(signed.list), signature: Buffer.from(signed.signature) };
  const body = kept.list.length <= DEVICE_LIST_BYTES_MAX ? decodeBody('DeviceList', kept.list) : undefined;
  const devices = (body?.devices ?? []) as unknown as readonly WireDevice[];
  if (!body || devices.length > DEVICES_MAX || !devices.some(isBare)) return kept;
  const whole = devices.map((device) => {
    const found = isBare(device) ? find(hexOf(device.nodeId ?? NOTHING)) : undefined;
    return found ? { ...device, certificate: slimCertificate(found) } : device;
  });
  return { ...kept, list: encodeBody('DeviceList', { ...body, devices: whole as never }) };
}

function isBare({ certificate }: WireDevice): boolean {
  return !certificate || certificate.length === 0;
}

function isSigned({ list, signature }: SignedDevices, key: KeyObject): boolean {
  try {
    return verify(null, Buffer.concat([PREFIX, list]), key, signature);
  } catch {
    return false;
  }
}

type Wire = NonNullable<ReturnType<typeof decodeBody<'DeviceList'>>>;

function listOf(body: Wire): DeviceList | undefined {
  const { name, version } = body;
  if (!isName(name) || version < 1 || body.accountKey.length !== ACCOUNT_SEED_BYTES) return undefined;
  if (body.devices.length > DEVICES_MAX || body.revoked.length > REVOKED_DEVICES_MAX) return undefined;
  const devices = body.devices.map((device) => deviceOf(device as never));
  const revoked = body.revoked.map(({ nodeId, atMs }) => ({ nodeId: hexOf(nodeId ?? NOTHING), atMs: Number(atMs) }));
  if (!devices.every((device) => device !== undefined)) return undefined;
  if (revoked.some(({ nodeId }) => nodeId.length !== 2 * ID_BYTES)) return undefined;
  for (const some of [devices, revoked])
    if (new Set(some.map(({ nodeId }) => nodeId)).size < some.length) return undefined;
  return { name, version, accountKey: Buffer.from(body.accountKey), devices, revoked };
}

const NOTHING = Buffer.alloc(0);

interface WireDevice {
  readonly nodeId: Uint8Array;
  readonly label: string;
  readonly addedAtMs: number;
  readonly certificate: Uint8Array;
  readonly mailKey: Uint8Array;
  readonly mailKeyAtMs?: number;
}

function deviceOf({ nodeId, label, addedAtMs, certificate, mailKey, mailKeyAtMs }: WireDevice): Device | undefined {
  if (nodeId?.length !== ID_BYTES || mailKey?.length !== ACCOUNT_SEED_BYTES) return undefined;
  const der = certificate && wholeCertificate(certificate);
  if (!der || der.length > CERTIFICATE_BYTES_MAX) return undefined;
  return {
    nodeId: hexOf(nodeId),
    label: deviceLabel(label),
    addedAtMs: Number(addedAtMs),
    certificate: Buffer.from(der),
    mailKey: Buffer.from(mailKey),
    ...(mailKeyAtMs ? { mailKeyAtMs: Number(mailKeyAtMs) } : {}),
  };
}

/** Nothing that a terminal would obey, and short. */
export function deviceLabel(text: string): string {
  const clean = (text ?? '').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  return [...clean].slice(0, DEVICE_LABEL_LENGTH_MAX).join('') || 'unnamed';
}
