/**
 * The rules of the login server, one generator for each request: it reads like the dialogue, yields what has to be
 * hashed, looked up or stored (`login-effects.ts`), gets the answer back in place, and returns the reply. A refusal
 * is thrown as `Refusal`, also into the generator when an effect failed; `login-server.ts` makes a `failure` of it.
 *
 * In every rule what costs nothing is checked first, and what changes the store comes last, after everything that
 * can fail: so a refusal of any kind has changed nothing.
 * More than 400 lines: one rule for each request, and they share their shape.
 */
import {
  type Endpoint,
  familyOf,
  isLoopbackHost,
  isPrivateHost,
  isUnicastHost,
  parseEndpoint,
  plainHost,
  printEndpoint,
} from '../protocol/endpoint.ts';
import { Refusal } from '../protocol/failures.ts';
import { bytesOf, foldName, isName, isPersonName, isServiceName, type NodeId } from '../protocol/ids.ts';
import { REACHED_HOSTS_BYTES_MAX } from '../protocol/overlay-params.ts';
import {
  BUDDY_LIST_BYTES_MAX,
  CERTIFICATE_LIFETIME_MS,
  DEVICE_LIST_BYTES_MAX,
  PASSWORD_BYTES_MAX,
  PASSWORD_LENGTH_MAX,
  PASSWORD_LENGTH_MIN,
  SEALED_KEY_BYTES,
  SUPERNODE_CERTIFICATE_LIFETIME_MS,
  SUPERNODE_ENDPOINTS_MAX,
  SUPERNODES_TOLD_CLIENTS_MAX,
  SUPERNODES_TOLD_MAX,
} from '../protocol/params.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import { type Body, decodeBody, encodeBody, type Message, message } from '../wire/messages.ts';
import { slimCertificate } from '../wire/slim-certificate.ts';
import type { Account, StoredDevices, StoredSupernode } from './account-store.ts';
import { nodeIdOf, publicKeyFit } from './credential.ts';
import type { IssuedCertificate } from './credential-issuer.ts';
import {
  type DeviceList,
  type OpenedDevices,
  openDevices,
  readDevices,
  standingOf,
  successor,
  withCertificates,
} from './device-list.ts';
import { cleanDisplayName } from './display-name.ts';
import { accountKeyOf, certificateHere, certifiedPerson, type LoginClient, type LoginDesk } from './login-desk.ts';
import type { EffectKind, EffectOf, EffectValues, LoginEffect } from './login-effects.ts';
import { SALT_BYTES } from './password-hash.ts';

export type Answer = EffectValues[EffectKind];
type Work<T> = Generator<LoginEffect, T, Answer>;
type Rule<K extends RequestKind> = (desk: LoginDesk, client: LoginClient, body: Body<K>) => Work<Message>;

export type RequestKind =
  | 'signUp'
  | 'signIn'
  | 'renew'
  | 'signOut'
  | 'buddyListGet'
  | 'buddyListPut'
  | 'devicesGet'
  | 'devicesPut'
  | 'enrolSupernode'
  | 'supernodesGet'
  | 'nameAsk';
export type Request = Extract<Message, { kind: RequestKind }>;

export const RULES: { readonly [K in RequestKind]: Rule<K> } = {
  signUp,
  signIn,
  renew,
  signOut,
  buddyListGet,
  buddyListPut,
  devicesGet,
  devicesPut,
  enrolSupernode,
  supernodesGet,
  nameAsk,
};

export function isRequest(value: Message): value is Request {
  return Object.hasOwn(RULES, value.kind);
}

function* signUp(desk: LoginDesk, client: LoginClient, body: Body<'signUp'>): Work<Message> {
  const { name } = body;
  const key = foldName(name);
  if (!isPersonName(name) && !(isServiceName(name) && desk.serviceNames.has(key))) throw new Refusal('name-malformed');
  if (!isPasswordFit(body.password)) throw new Refusal('password-weak');
  const spki = fitKey(body.publicKey);
  desk.holdHash();
  try {
    desk.spend(desk.limits.signUpHost, hostKey(client.session.remoteHost));
    if (yield* ask({ effect: 'store.find', key })) throw new Refusal('name-taken');
    const salt = desk.random.bytes(SALT_BYTES);
    const passwordHash = yield* ask({ effect: 'hash', password: prepared(body.password), salt });
    const certificate = desk.certify({ kind: 'person', name }, spki, CERTIFICATE_LIFETIME_MS);
    const displayName = cleanDisplayName(body.displayName, name);
    const at = { createdAtMs: desk.wallMs, lastSignInAtMs: desk.wallMs };
    const account: Account = { key, name, displayName, passwordHash, ...at };
    // Others may have hashed for the same name meanwhile; the store alone decides who was first.
    if (!(yield* ask({ effect: 'store.create', account }))) throw new Refusal('name-taken');
    client.standing = { state: 'signed-in', key, nodeId: nodeIdOf(spki), certificate: certificate.der };
    return signedIn(desk, body.requestId, { account, certificate, buddyListVersion: 0 });
  } finally {
    desk.releaseHash();
  }
}

function* signIn(desk: LoginDesk, client: LoginClient, body: Body<'signIn'>): Work<Message> {
  if (!isName(body.name)) throw new Refusal('name-malformed');
  const spki = fitKey(body.publicKey);
  const key = foldName(body.name);
  desk.holdHash();
  try {
    desk.spend(desk.limits.signInHost, hostKey(client.session.remoteHost));
    const account = yield* provenAccount(desk, key, body.password);
    const devices = yield* ask({ effect: 'store.device-list', key });
    if (isRevoked(devices, nodeIdOf(spki))) throw new Refusal('device-revoked');
    const { version } = yield* ask({ effect: 'store.buddy-list', key });
    const certificate = desk.certify({ kind: 'person', name: account.name }, spki, CERTIFICATE_LIFETIME_MS);
    yield* ask({ effect: 'store.touch', key, lastSignInAtMs: desk.wallMs });
    client.standing = { state: 'signed-in', key, nodeId: nodeIdOf(spki), certificate: certificate.der };
    return signedIn(desk, body.requestId, { account, certificate, buddyListVersion: version, devices });
  } finally {
    desk.releaseHash();
  }
}

/**
 * The account, if the password is right. An unknown name costs a hash too, so time does not tell the two apart.
 * Only wrong guesses are counted by name: the token is taken first, so that guesses side by side count as well, and
 * given back to who knows the password and to who was not told whether it was right.
 */
function* provenAccount(desk: LoginDesk, key: string, password: string): Work<Account> {
  // No account has such a password, and refusing it at once says nothing about the name.
  if (!isPasswordFit(password)) throw new Refusal('password-wrong');
  desk.spend(desk.limits.signInName, key);
  let wrong = false;
  try {
    const account = yield* ask({ effect: 'store.find', key });
    const passwordHash = account?.passwordHash ?? desk.dummyHash;
    const right = yield* ask({ effect: 'verify', password: prepared(password), passwordHash });
    wrong = !account || !right;
    if (!account) throw new Refusal('name-unknown');
    if (!right) throw new Refusal('password-wrong');
    return account;
  } finally {
    if (!wrong) desk.limits.signInName.giveBack(desk.now, key);
  }
}

function* renew(desk: LoginDesk, client: LoginClient, body: Body<'renew'>): Work<Message> {
  const key = foldName(certifiedPerson(client, desk.wallMs));
  if (client.standing.state === 'signed-out') throw new Refusal('not-allowed');
  const spki = fitKey(body.publicKey);
  const account = yield* ask({ effect: 'store.find', key });
  if (!account) throw new Refusal('name-unknown');
  const devices = yield* ask({ effect: 'store.device-list', key });
  if ([nodeIdOf(spki), nodeOf(client)].some((node) => isRevoked(devices, node))) throw new Refusal('device-revoked');
  const { version } = yield* ask({ effect: 'store.buddy-list', key });
  const certificate = desk.certify({ kind: 'person', name: account.name }, spki, CERTIFICATE_LIFETIME_MS);
  return signedIn(desk, body.requestId, { account, certificate, buddyListVersion: version });
}

/** Certificates that were issued stay good until they expire; they are short-lived for that reason. */
// biome-ignore lint/correctness/useYield: the rules share one shape, and this one asks nothing of the world.
function* signOut(desk: LoginDesk, client: LoginClient, body: Body<'signOut'>): Work<Message> {
  accountKeyOf(client, desk.wallMs);
  client.standing = { state: 'signed-out' };
  return message('done', { requestId: body.requestId });
}

function* buddyListGet(desk: LoginDesk, client: LoginClient, body: Body<'buddyListGet'>): Work<Message> {
  const { version, xml } = yield* ask({ effect: 'store.buddy-list', key: yield* accountOfDevice(desk, client) });
  return message('buddyList', { requestId: body.requestId, version, xml: Buffer.from(xml, 'utf8') });
}

/** Answered by `done`: the list then has version `base_version` + 1. */
function* buddyListPut(desk: LoginDesk, client: LoginClient, body: Body<'buddyListPut'>): Work<Message> {
  const key = yield* accountOfDevice(desk, client);
  if (body.xml.length > BUDDY_LIST_BYTES_MAX) throw new Refusal('too-large');
  const xml = textOf(body.xml);
  if (xml === undefined) throw new Refusal('request-malformed', 'the list is not UTF-8 text');
  const version = yield* ask({ effect: 'store.put-buddy-list', key, baseVersion: body.baseVersion, xml });
  if (version === undefined) throw new Refusal('stale');
  return message('done', { requestId: body.requestId });
}

function* devicesGet(desk: LoginDesk, client: LoginClient, body: Body<'devicesGet'>): Work<Message> {
  const key = yield* accountOfDevice(desk, client);
  const stored = yield* ask({ effect: 'store.device-list', key });
  const revocations = desk.revocations(key, revokedLately(desk, stored && openStored(stored)));
  return message('devices', {
    requestId: body.requestId,
    ...(stored ? wireDevices(stored) : {}),
    revocations: revocations as never,
  });
}

/** Whoever has not just shown the password must go on with the account key that there is. */
function* devicesPut(desk: LoginDesk, client: LoginClient, body: Body<'devicesPut'>): Work<Message> {
  const key = accountKeyOf(client, desk.wallMs);
  if ((body.list?.list?.length ?? 0) > DEVICE_LIST_BYTES_MAX) throw new Refusal('too-large');
  const stored = yield* ask({ effect: 'store.device-list', key });
  if (isRevoked(stored, nodeOf(client))) throw new Refusal('device-revoked');
  const known = stored && openStored(stored);
  if ((known?.version ?? 0) !== body.baseVersion) throw new Refusal('stale');
  const list = withCertificates(body.list, (node) => certificateHere(client, known, node));
  const opened = openDevices(list, { name: key, judge: (der) => desk.certified(der) });
  if (!opened.ok) throw new Refusal(opened.why === 'malformed' ? 'request-malformed' : 'device-forged', opened.why);
  const { devices } = opened;
  if (devices.version !== body.baseVersion + 1 || successor(known, devices)) throw new Refusal('device-forged');
  const isSameKey = known?.accountKey.equals(devices.accountKey) ?? false;
  if (!isSameKey && client.standing.state !== 'signed-in') throw new Refusal('not-allowed');
  if (!isSameKey && body.sealedKey.length !== SEALED_KEY_BYTES) throw new Refusal('request-malformed');
  const sealedKey = isSameKey && stored ? stored.sealedKey : Buffer.from(body.sealedKey);
  const put = { ...devices.signed, version: devices.version, sealedKey };
  if (!(yield* ask({ effect: 'store.put-device-list', key, devices: put }))) throw new Refusal('stale');
  // Of what was never in a list nobody holds a certificate that others should fear.
  const revoked = (known?.devices ?? []).filter(({ nodeId }) => standingOf(devices, nodeId) === 'revoked');
  const words = desk.revocations(
    key,
    revoked.map(({ nodeId }) => nodeId),
  );
  return message('done', { requestId: body.requestId, revocations: words as never });
}

/** Their certificates may be good still, as far as the list says. */
function revokedLately(desk: LoginDesk, list: DeviceList | undefined): NodeId[] {
  const since = desk.wallMs - CERTIFICATE_LIFETIME_MS;
  return (list?.revoked ?? []).filter(({ atMs }) => atMs > since).map(({ nodeId }) => nodeId);
}

/** The account that this device acts for, if the account has not revoked it. */
function* accountOfDevice(desk: LoginDesk, client: LoginClient): Work<string> {
  const key = accountKeyOf(client, desk.wallMs);
  const stored = yield* ask({ effect: 'store.device-list', key });
  if (isRevoked(stored, nodeOf(client))) throw new Refusal('device-revoked');
  return key;
}

/** The node of this session: the one that has just signed in, or that of its certificate. */
function nodeOf({ standing, session }: LoginClient): NodeId {
  return standing.state === 'signed-in' ? standing.nodeId : (session.identity?.nodeId ?? '');
}

function isRevoked(stored: StoredDevices | undefined, node: NodeId): boolean {
  const list = stored && openStored(stored);
  return list !== undefined && standingOf(list, node) === 'revoked';
}

/** What we have taken once is not judged again. */
function openStored(stored: StoredDevices): OpenedDevices | undefined {
  const read = readDevices(stored);
  return read.ok ? read.devices : undefined;
}

function wireDevices({ list, signature, sealedKey }: StoredDevices) {
  return { list: { list, signature }, sealedKey };
}

function* enrolSupernode(desk: LoginDesk, client: LoginClient, body: Body<'enrolSupernode'>): Work<Message> {
  const { remoteHost, identity } = client.session;
  const spki = fitKey(body.publicKey);
  const nodeId = nodeIdOf(spki);
  const endpoints = announced(body.endpoints, remoteHost);
  desk.spend(desk.limits.enrolHost, hostKey(remoteHost));
  const known = yield* ask({ effect: 'store.find-supernode', nodeId });
  const itself = identity?.nodeId === nodeId && identity.kind !== 'anonymous';
  if (known && isCurrent(known, desk.wallMs) && !itself && !isAtHome(known, remoteHost)) {
    throw new Refusal('not-allowed', 'this key is enrolled elsewhere');
  }
  const reached = yield* reachedOf(desk, client, { nodeId, endpoints });
  const hosts = hostsThatFit(reached);
  const subject = { kind: 'supernode', hosts } as const;
  const { der, expiresAtMs } = desk.certify(subject, spki, SUPERNODE_CERTIFICATE_LIFETIME_MS);
  const told = reached.filter(({ host }) => hosts.includes(host)).map(printEndpoint);
  const signed = signedEntry(desk, body, der, told);
  const entry = { nodeId, endpoints: told, enrolledAtMs: desk.wallMs, ...(signed ? { entry: signed } : {}) };
  yield* ask({ effect: 'store.put-supernode', entry });
  return message('supernodeEnrolled', { requestId: body.requestId, certificate: der, expiresAtMs });
}

/**
 * Of the endpoints announced those at whose address it was reached, by UDP and by TCP, at the first port: whoever cannot be reached is no
 * use as a supernode, and whoever says to be elsewhere would have others knock there.
 */
function* reachedOf(
  desk: LoginDesk,
  client: LoginClient,
  { nodeId, endpoints }: { readonly nodeId: NodeId; readonly endpoints: readonly Endpoint[] },
): Work<readonly Endpoint[]> {
  if (desk.vouched.has(nodeId)) return endpoints;
  const firstAt = (host: string) => endpoints.findIndex((other) => other.host === host);
  const asked = endpoints.filter(({ host }, at) => firstAt(host) === at && !desk.vouched.has(host));
  const session = client.session.id;
  const answered = asked.length > 0 ? yield* ask({ effect: 'dial', session, endpoints: asked }) : [];
  const hosts = new Set([...desk.vouched, ...answered.map(({ host }) => host)]);
  const reached = endpoints.filter(({ host }) => hosts.has(host));
  if (reached.length === 0) throw new Refusal('not-reached');
  return reached;
}

/** Its certificate must fit a datagram. */
function hostsThatFit(endpoints: readonly Endpoint[]): string[] {
  const hosts = [...new Set(endpoints.map(({ host }) => host))];
  // A record names addresses of one family, that of the first.
  const isOther = (host: string): number => (familyOf(host) === familyOf(hosts[0] ?? '') ? 0 : 1);
  let room = REACHED_HOSTS_BYTES_MAX;
  return hosts
    .toSorted((a, b) => isOther(a) - isOther(b))
    .filter((host) => {
      const bytes = 1 + (familyOf(host) === 6 ? 16 : 4);
      if (bytes > room) return false;
      room -= bytes;
      return true;
    });
}

/** Supernodes collect them; a client needs one that answers, and pays for each with 1.2 kB. */
function* supernodesGet(desk: LoginDesk, client: LoginClient, body: Body<'supernodesGet'>): Work<Message> {
  const collects = client.session.identity?.kind === 'supernode';
  const limit = collects ? SUPERNODES_TOLD_MAX : SUPERNODES_TOLD_CLIENTS_MAX;
  const stored = yield* ask({ effect: 'store.supernodes', limit });
  const entries = stored
    .filter((entry) => isCurrent(entry, desk.wallMs))
    .map((one) => ({
      ...(one.entry ? decodeBody('SupernodeEntry', one.entry) : {}),
      nodeId: bytesOf(one.nodeId),
      endpoints: [...one.endpoints],
    }));
  return message('supernodes', { requestId: body.requestId, entries });
}

/** No more than a sign-up tells anybody: that the name is taken. Who asks is known, and asks a few. */
function* nameAsk(desk: LoginDesk, client: LoginClient, body: Body<'nameAsk'>): Work<Message> {
  const asker = accountKeyOf(client, desk.wallMs);
  if (!isName(body.name)) throw new Refusal('name-malformed');
  desk.spend(desk.limits.nameAsk, asker);
  desk.spend(desk.limits.nameAskHost, hostKey(client.session.remoteHost));
  const account = yield* ask({ effect: 'store.find', key: foldName(body.name) });
  return message('nameKnown', { requestId: body.requestId, exists: account !== undefined, name: account?.name ?? '' });
}

function* ask<K extends EffectKind>(effect: EffectOf<K> & { readonly effect: K }): Work<EffectValues[K]> {
  return (yield effect) as EffectValues[K];
}

interface Entered {
  readonly account: Account;
  readonly certificate: IssuedCertificate;
  readonly buddyListVersion: number;
  readonly devices?: StoredDevices | undefined;
}

function signedIn(desk: LoginDesk, requestId: number, entered: Entered): Message {
  const { account, certificate, buddyListVersion, devices } = entered;
  const { list, sealedKey } = devices ? wireDevices(devices) : {};
  return message('signedIn', {
    requestId,
    name: account.name,
    displayName: account.displayName,
    // Whoever asked knows the key.
    certificate: slimCertificate(certificate.der, true),
    expiresAtMs: certificate.expiresAtMs,
    buddyListVersion,
    serverTimeMs: desk.wallMs,
    ...(list && sealedKey ? { devices: list, sealedKey } : {}),
  });
}

function fitKey(publicKey: Uint8Array): Buffer {
  if (!publicKeyFit(publicKey)) throw new Refusal('key-unfit');
  return Buffer.from(publicKey);
}

function isPasswordFit(password: string): boolean {
  if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) return false;
  const length = [...password].length;
  return length >= PASSWORD_LENGTH_MIN && length <= PASSWORD_LENGTH_MAX;
}

/** As RFC 8265 4.2.2 prepares passwords: systems compose accents differently, the person types the same. */
function prepared(password: string): string {
  return password.normalize('NFC');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined when the bytes are not UTF-8, or hold NUL, which no text store keeps. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = UTF8.decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * The endpoints that a supernode may announce from where it asks: its own host, or anything near by when it asks
 * from near by. Otherwise one enrolment would send a whole network's hellos to somebody else's machine.
 */
function announced(texts: readonly string[], remoteHost: string): Endpoint[] {
  if (texts.length === 0 || texts.length > SUPERNODE_ENDPOINTS_MAX) throw new Refusal('request-malformed');
  const endpoints = texts.map(parseEndpoint).filter((endpoint) => endpoint && isUnicastHost(endpoint.host));
  if (endpoints.length !== texts.length) throw new Refusal('request-malformed', 'an endpoint is no address and port');
  const remote = plainHost(remoteHost);
  const own = endpoints.flatMap((endpoint) => (endpoint && mayAnnounce(endpoint.host, remote) ? endpoint : []));
  if (own.length === 0) throw new Refusal('not-allowed', 'none of the endpoints is where the request came from');
  return own;
}

/**
 * What the supernode signed of itself, with the certificate that it gets now. Nobody can leave anything out of it: it
 * counts only when every endpoint in it is one that may be announced from there.
 */
function signedEntry(
  desk: LoginDesk,
  { publicKey, entry }: Body<'enrolSupernode'>,
  certificate: Buffer,
  endpoints: readonly string[],
): Buffer | undefined {
  const key = publicKeyFit(publicKey);
  if (!entry?.record || !entry.signature || !key) return undefined;
  const signed = { record: Buffer.from(entry.record), signature: Buffer.from(entry.signature) };
  const record = desk.openRecord(signed, key);
  if (record?.nodeId !== nodeIdOf(publicKey)) return undefined;
  if (!record.endpoints.every((one) => endpoints.includes(printEndpoint(one)))) return undefined;
  return encodeBody('SupernodeEntry', { ...signed, certificate });
}

function mayAnnounce(host: string, remoteHost: string): boolean {
  if (isLoopbackHost(host)) return isLoopbackHost(remoteHost);
  return isPrivateHost(remoteHost) || hostKey(host) === hostKey(remoteHost);
}

/**
 * The key of a supernode is known to all, so a stranger must not move its entry elsewhere. From where it is enrolled
 * it may enrol anew, with other ports or because our answer was lost; from a new address it proves itself first.
 */
function isAtHome(entry: StoredSupernode, remoteHost: string): boolean {
  const remote = plainHost(remoteHost);
  const hosts = entry.endpoints.map((text) => parseEndpoint(text)?.host ?? '');
  return isLoopbackHost(remote) || hosts.some((host) => hostKey(host) === hostKey(remote));
}

function isCurrent(entry: StoredSupernode, wallMs: number): boolean {
  return wallMs < entry.enrolledAtMs + SUPERNODE_CERTIFICATE_LIFETIME_MS;
}
