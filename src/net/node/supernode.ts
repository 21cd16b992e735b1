/**
 * A dedicated supernode: carriers and switchboard in front of the registrar, and a login client that gets it certified
 * and keeps that certificate fresh. Until it is certified it answers nobody.
 *
 * With the other supernodes it holds the Global Index and reaches people who are attached to them (`mesh-desk.ts`).
 * It also carries the sealed dialogue of clients that reach no login server (`overlay/login-relay.ts`).
 *
 *   start -> enrol at the login server -> certified -> clients attach -> registrar serves and forwards
 *
 * Above 400 lines: like the ordinary node it is one table of what leads to what.
 */
import type { KeyObject } from 'node:crypto';
import { certifiedSpki } from '../login/credential.ts';
import { LoginClient, type LoginClientOutput } from '../login/login-client.ts';
import { isByAuthority, isInForce, readRevocation } from '../login/revocation.ts';
import { readYouAre } from '../nat/clear-questions.ts';
import { EntryDesk } from '../overlay/entry-desk.ts';
import { RECORD_LIFETIME_MS } from '../overlay/index-record.ts';
import { LoginRelay, type LoginRelayOutput } from '../overlay/login-relay.ts';
import { isOfMail, type MailClient, MailRoom, type MailRoomOutput } from '../overlay/mail-room.ts';
import { Registrar, type RegistrarLoad, type RegistrarOutput, type RegistrarPeer } from '../overlay/registrar.ts';
import { RevokedDevices, type RevokedOutput, type SealedWord } from '../overlay/revoked-devices.ts';
import type { IndexForm, IndexSizes } from '../overlay/sized-index.ts';
import { signRecord } from '../overlay/supernode-entry.ts';
import type { Core, Millis, Random, WallClock } from '../protocol/core.ts';
import {
  type Carrier,
  type Endpoint,
  familyOf,
  isLoopbackHost,
  isPrivateHost,
  isUnicastHost,
  printEndpoint,
} from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, foldName, type NodeId } from '../protocol/ids.ts';
import { REACH_SAID_MAX } from '../protocol/overlay-params.ts';
import {
  ENTRIES_LEARN_FIRST_MS,
  ENTRIES_LEARN_MS,
  LEAVE_DEADLINE_MS,
  REATTACH_BACKOFF_MS,
  SUPERNODE_ENDPOINTS_MAX,
  SUPERNODE_ENTRY_REFRESH_MS,
} from '../protocol/params.ts';
import type { NetInput, NetOutput, Route } from '../protocol/traffic.ts';
import { type SessionId, Switchboard, type SwitchboardOutput } from '../transport/switchboard.ts';
import { TicketBook } from '../transport/tickets.ts';
import type { Welcome } from '../transport/trust.ts';
import { type Message, message } from '../wire/messages.ts';
import { PacketKind } from '../wire/packet.ts';
import { type CarrierOutput, Carriers, type ClearPacket, type LinkId } from './carriers.ts';
import { DialDesk } from './dial-desk.ts';
import { MeshDesk, type MeshLoad } from './mesh-desk.ts';
import { NatDesk } from './nat-desk.ts';
import { SearchDesk } from './search-desk.ts';
import { PinnedTrust } from './trust.ts';

/** What is asked of the login server. */
const ENROL_TICKET = 1;
const LEARN_TICKET = 2;

const LOGIN_SERVER = { kind: 'login-server' } as const;
/**
 * The anonymous have no certificate yet, and may ask for one through us; nothing else is done for them. Supernodes
 * reach people through one another, and ask for probes.
 */
const WELCOME: Welcome = { ways: 'all', kinds: ['person', 'anonymous', 'supernode'] };

export type SupernodeCommand =
  /** Tells the load; the answer is a `load` event. */
  | { readonly type: 'report' }
  /** Our gateway passes these endpoints on to us: others are told of them as well. */
  | { readonly type: 'mapped'; readonly endpoints: readonly Endpoint[] }
  /** After `waits`: others reach us there; enrol and serve. */
  | { readonly type: 'serve'; readonly endpoints: readonly Endpoint[]; readonly relayKbps?: number }
  /** Sends the clients to other supernodes; `left` follows when all have gone, or it took too long. */
  | { readonly type: 'leave' };

export type SupernodeLoad = RegistrarLoad & MeshLoad;

export type SupernodeEvent =
  /** Certified (again): to be stored, with the CA certificate. */
  | {
      readonly type: 'certified';
      readonly certificateDer: Buffer;
      readonly expiresAtMs: number;
      readonly authorityDer: Buffer;
    }
  /** Could not be certified now; tried again by itself. */
  | { readonly type: 'enrolment-failed'; readonly code: FailureCode }
  | { readonly type: 'load'; readonly load: SupernodeLoad }
  /** Somebody said this number at our port (hexadecimal): it is reached from there. */
  | { readonly type: 'dialled'; readonly nonce: string; readonly carrier: Carrier }
  /** The Global Index goes over to slots, or back to full copies. */
  | { readonly type: 'index-form'; readonly form: IndexForm }
  /** Devices that their accounts have revoked, as far as we know: to be stored, for the next start. */
  | { readonly type: 'revocations'; readonly words: readonly SealedWord[] }
  | { readonly type: 'left' };

export interface SupernodeOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly pin: Buffer;
  readonly authorityDer?: Buffer | undefined;
  readonly loginServers: readonly Endpoint[];
  /** How others reach us. */
  readonly endpoints: readonly Endpoint[];
  readonly relayKbps: number;
  /** Clients whose first supernode we are, at most; what a dedicated supernode takes, when not said. */
  readonly clientsMax?: number | undefined;
  /** Is only dialled until `serve` comes: nothing leaves our port, nobody is told of it. */
  readonly waits?: boolean | undefined;
  /** With how many supernodes the index goes over to slots and back; tests lower it. */
  readonly indexSizes?: IndexSizes | undefined;
  /** The sockets know a proxy, through which the login server may be asked. */
  readonly hasProxy?: boolean;
  readonly privateKey: KeyObject;
  readonly publicKeySpki: Buffer;
  readonly nodeId: NodeId;
  /** From the last run, when it is still good. */
  readonly certificate?: { readonly der: Buffer; readonly expiresAtMs: number } | undefined;
  /** As the event of the last run said. */
  readonly revocations?: readonly SealedWord[] | undefined;
}

export class Supernode implements Core<NetInput, SupernodeCommand, NetOutput | SupernodeEvent> {
  readonly #options: SupernodeOptions;
  readonly #trust: PinnedTrust;
  /** Certificates of records may have ended while the record has not. */
  readonly #judgesRecords: PinnedTrust;
  readonly #switchboard: Switchboard;
  readonly #carriers: Carriers;
  readonly #registrar: Registrar;
  readonly #login = new LoginClient();
  /** The other supernodes. */
  readonly #entries: EntryDesk;
  readonly #loginLinks = new Map<number, LinkId>();
  readonly #relay = new LoginRelay();
  readonly #nat: NatDesk;
  readonly #mesh: MeshDesk;
  readonly #dials: DialDesk;
  readonly #searches: SearchDesk;
  readonly #mail: MailRoom;
  readonly #revoked: RevokedDevices;
  #membersVersion = 0;
  /** How others reach us. */
  #endpoints: readonly Endpoint[];
  /** Our session with a login server for carried dialogues; the login servers that failed since the last that did not. */
  #relayLink: LinkId | undefined;
  #relayFailures = 0;
  #mapped: readonly Endpoint[] = [];
  /** What we said last of where we are. */
  #own:
    | {
        readonly record: Buffer;
        readonly signature: Buffer;
        readonly issuedAtMs: number;
        readonly endpoints: readonly Endpoint[];
      }
    | undefined;
  #enrolAt: Millis = 0;
  #learnAt: Millis = Number.POSITIVE_INFINITY;
  #enrolFailures = 0;
  /** Numbers heard at our port that the login server may have said, since we asked it last. */
  #heard = { fromServers: 0, fromOthers: 0 };
  /** The last request of ours left out where the one before it had shown that we are not reached. */
  #enrolsAgain = false;
  #mayEnrol: boolean;
  #certificate: Buffer | undefined;
  /** Where we are reached, as it says. */
  #reachedAt: readonly string[] = [];
  #indexForm: IndexForm = 'full';
  /** We stop, and wait for the last client until then. */
  #leaveBy: Millis = Number.POSITIVE_INFINITY;
  #out: (NetOutput | SupernodeEvent)[] = [];

  constructor(options: SupernodeOptions) {
    this.#options = options;
    const { random, wallClock, pin, authorityDer } = options;
    this.#endpoints = options.endpoints;
    this.#mayEnrol = options.waits !== true;
    if (!this.#mayEnrol) this.#enrolAt = Number.POSITIVE_INFINITY;
    this.#trust = new PinnedTrust({ pin, authorityDer, wallClock });
    this.#judgesRecords = new PinnedTrust({ pin, authorityDer, wallClock, graceMs: RECORD_LIFETIME_MS });
    this.#switchboard = new Switchboard({
      random,
      trust: this.#trust,
      welcome: WELCOME,
      tickets: new TicketBook(wallClock, { keepsCertificates: true }),
    });
    const onClear = (now: Millis, clear: ClearPacket): void => this.#fromClear(now, clear);
    this.#carriers = new Carriers(this.#switchboard, { pin, random, onClear });
    const loginServers = options.loginServers.map(printEndpoint);
    const judge = (der: Uint8Array) => this.#trust.judge(der, undefined);
    this.#entries = new EntryDesk({ own: options.nodeId, secret: random.bytes(32), judge });
    const entriesFor = (client: NodeId, ownWanted: boolean) =>
      ownWanted ? this.#entries.named([bytesOf(options.nodeId)]) : this.#entries.forClient(wallClock(), client);
    const rooms = { random, carriers: this.#carriers, switchboard: this.#switchboard };
    this.#mesh = new MeshDesk({
      ...{ ...rooms, wallClock, self: options.nodeId, entries: this.#entries },
      judge: (der) => this.#judgesRecords.judge(der, this.#trust.authorityDer),
      indexSizes: options.indexSizes,
      isRevoked: (key, node) => this.#revoked.of(key, node) !== undefined,
      registrar: () => this.#registrar,
    });
    const { beyond, tokens } = this.#mesh;
    const { endpoints, relayKbps, clientsMax } = options;
    const lessLoaded = (client: NodeId) => this.#mesh.lessLoaded(client);
    const nextAmong = () => this.#mesh.nextAmong();
    const elsewhere = { entriesFor, lessLoaded, nextAmong, beyond };
    const own = options.nodeId;
    this.#searches = new SearchDesk(tokens);
    this.#mail = new MailRoom({ self: own, random, wallClock, others: this.#mesh.partners.alive });
    this.#revoked = this.#makeRevoked();
    const revoked = this.#revoked.of.bind(this.#revoked);
    this.#registrar = new Registrar({ loginServers, relayKbps, clientsMax, ...elsewhere, wallClock, own, revoked });
    this.#nat = new NatDesk({ ...rooms, endpoints });
    this.#dials = new DialDesk({ random, pin, partners: this.#mesh.partners });
    this.#dials.setEndpoints(endpoints);
    this.#login.setServers(sameFamilyFirst(options.loginServers, options.endpoints));
    this.#login.setHasProxy(options.hasProxy ?? false);
    if (options.certificate && authorityDer) this.#adoptCertificate(options.certificate.der);
    this.#revoked.load(0, options.revocations ?? []);
  }

  receive(now: Millis, input: NetInput): void {
    if (input.type === 'local-endpoints') this.#nat.setSidePorts(input.sidePorts ?? []);
    else if (!this.#dials.receive(now, input)) this.#carriers.receive(now, input);
    if (!this.#relays(now)) this.#settle(now);
    this.#leftYet(now);
  }

  command(now: Millis, command: SupernodeCommand): void {
    if (command.type === 'report') {
      this.#out.push({ type: 'load', load: { ...this.#registrar.load(now), ...this.#mesh.load } });
    } else if (command.type === 'mapped') {
      this.#mapped = command.endpoints;
      if (this.#mayEnrol) this.#enrol(now);
    } else if (command.type === 'serve') {
      if (command.relayKbps !== undefined) this.#registrar.setRelayKbps(command.relayKbps);
      this.#serve(now, command.endpoints);
    } else {
      this.#leaveBy = now + LEAVE_DEADLINE_MS;
      this.#registrar.leave();
    }
    this.#settle(now);
    this.#leftYet(now);
  }

  wake(now: Millis): void {
    if (now >= this.#enrolAt) this.#enrol(now);
    if (now >= this.#learnAt) this.#learn(now);
    this.#switchboard.wake(now);
    this.#registrar.wake(now);
    this.#login.wake(now);
    this.#relay.wake(now);
    this.#nat.wake(now);
    this.#mesh.wake(now);
    this.#dials.wake(now);
    this.#searches.wake(now);
    this.#mail.wake(now);
    this.#revoked.wake(now);
    const asks = [this.#nat.asksForSupernodes(now), this.#mesh.asksForSupernodes(now)];
    if (asks.includes(true)) this.#login.ask(now, LEARN_TICKET, { kind: 'supernodesGet' });
    this.#settle(now);
    this.#leftYet(now);
  }

  wakeAt(): Millis {
    const roomsAt = Math.min(this.#registrar.wakeAt(), this.#login.wakeAt(), this.#relay.wakeAt(), this.#nat.wakeAt());
    return Math.min(
      this.#enrolAt,
      this.#learnAt,
      this.#switchboard.wakeAt(),
      roomsAt,
      this.#mesh.wakeAt(),
      this.#dials.wakeAt(),
      this.#searches.wakeAt(),
      this.#mail.wakeAt(),
      this.#revoked.wakeAt(),
      this.#leaveBy,
    );
  }

  drain(): (NetOutput | SupernodeEvent)[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Packets, streams and entries dropped as garbage, or because a bound forbade them. Only rises. */
  get dropped(): number {
    const rooms = this.#carriers.dropped + this.#switchboard.dropped + this.#entries.dropped;
    return (
      rooms + this.#nat.dropped + this.#mesh.dropped + this.#dials.dropped + this.#mail.refused + this.#revoked.refused
    );
  }

  #leftYet(now: Millis): void {
    if (this.#leaveBy === Number.POSITIVE_INFINITY || (!this.#registrar.empty && now < this.#leaveBy)) return;
    this.#leaveBy = Number.POSITIVE_INFINITY;
    this.#mesh.stop(now);
    this.#settle(now);
    this.#out.push({ type: 'left' });
  }

  #makeRevoked(): RevokedDevices {
    const { random, wallClock } = this.#options;
    return new RevokedDevices({
      ...{ random, wallClock, others: this.#mesh.partners.alive, read: readRevocation, isInForce },
      isSigned: ({ signed }) => {
        const key = this.#trust.authorityKey;
        return key !== undefined && isByAuthority(signed, key);
      },
    });
  }

  /** What waited may serve now. */
  #serve(now: Millis, endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#mayEnrol = true;
    this.#nat.setEndpoints(endpoints);
    this.#dials.setEndpoints(endpoints);
    this.#login.setServers(sameFamilyFirst(this.#options.loginServers, endpoints));
    this.#enrol(now);
  }

  #fromClear(now: Millis, clear: ClearPacket): void {
    const { from, packet } = clear;
    if (packet.kind === PacketKind.whoAmI && this.#mayEnrol) return this.#nat.receive(now, clear);
    const said = packet.kind === PacketKind.youAre ? readYouAre(packet.body) : undefined;
    if (!said) return;
    // Whose port waited is dialled by others as well, for whoever has us serve.
    if (this.#options.waits) this.#out.push({ type: 'dialled', nonce: said.transaction, carrier: from.carrier });
    // While we enrol the login server dials us, to see whether we are where we say.
    // Whoever else knows the way to us must not use up what is for the login server.
    const isServer = this.#options.loginServers.some(({ host }) => host === from.host);
    const heard = isServer ? this.#heard.fromServers++ : this.#heard.fromOthers++;
    if (heard < REACH_SAID_MAX / 2) {
      this.#login.tell(message('dialHeard', { nonces: [Buffer.from(said.transaction, 'hex')] }));
    }
  }

  #enrol(now: Millis): void {
    this.#enrolAt = Number.POSITIVE_INFINITY;
    const { nodeId, privateKey, publicKeySpki: publicKey, wallClock } = this.#options;
    const endpoints = this.#announced();
    const issuedAtMs = wallClock();
    const signed = this.#signable();
    const entry = signRecord({ nodeId, endpoints: signed, issuedAtMs }, privateKey);
    this.#own = { ...entry, issuedAtMs, endpoints: signed };
    this.#join(now);
    this.#heard = { fromServers: 0, fromOthers: 0 };
    const request = { kind: 'enrolSupernode', publicKey, endpoints: endpoints.map(printEndpoint), entry } as const;
    this.#login.ask(now, ENROL_TICKET, request);
  }

  /** Where our certificate says that we are reached; all, while it speaks of none of them. */
  #signable(): readonly Endpoint[] {
    const endpoints = this.#announced();
    // Of one family, the one by which the login server is asked first: it sees us at no address of the other.
    const [first] = endpoints;
    const seen = endpoints.filter(({ host }) => first && familyOf(host) === familyOf(first.host));
    const reached = seen.filter(({ host }) => this.#reachedAt.includes(host));
    return reached.length > 0 ? reached : seen;
  }

  /** The others take our word by our certificate, also while the login server is away. */
  #join(now: Millis): void {
    const certificate = this.#certificate;
    if (!certificate || !this.#own) return;
    const { record, signature, issuedAtMs } = this.#own;
    this.#mesh.start(now, { certificate, record, signature }, issuedAtMs);
  }

  /** What the login server may tell of us: it vouches for an entry only when it sees us at every address in it. */
  #announced(): Endpoint[] {
    const endpoints = this.#endpoints;
    const { loginServers } = this.#options;
    const isNear = loginServers.some(({ host }) => isPrivateHost(host) || isLoopbackHost(host));
    const all = this.#mapped.length > 0 && !isNear ? this.#mapped : [...this.#mapped, ...endpoints];
    return all.slice(0, SUPERNODE_ENDPOINTS_MAX);
  }

  /** Who else is there; asked of the login server, rarely. */
  #learn(now: Millis): void {
    this.#learnAt = now + this.#about(ENTRIES_LEARN_MS);
    this.#login.ask(now, LEARN_TICKET, { kind: 'supernodesGet' });
  }

  /** 20 % either way, so that many do not stay in step. */
  #about(ms: number): number {
    return ms * (0.8 + 0.4 * this.#options.random.fraction());
  }

  #adoptCertificate(certificateDer: Buffer): void {
    const { nodeId, privateKey } = this.#options;
    this.#switchboard.setIdentity({ nodeId, privateKey, certificateDer });
    this.#certificate = certificateDer;
    const judged = this.#trust.judge(certificateDer, undefined);
    this.#reachedAt = (judged.ok && judged.hosts) || [];
  }

  /**
   * The short way of packets from a client here to another, which are nearly all that comes where calls are relayed: true
   * when nothing else came, so that no other room need be asked what it has to say.
   */
  #relays(now: Millis): boolean {
    const said = this.#switchboard.drain();
    let isAll = said.length > 0;
    for (const output of said) {
      if (this.#passesOn(now, output)) continue;
      isAll = false;
      this.#fromSwitchboard(now, output);
    }
    if (!isAll) return false;
    for (const served of this.#registrar.drain()) this.#toClient(now, served);
    for (const output of this.#switchboard.drain()) {
      isAll &&= output.type === 'send';
      this.#fromSwitchboard(now, output);
    }
    for (const output of this.#carriers.drain()) this.#fromCarriers(now, output);
    return isAll;
  }

  #passesOn(now: Millis, output: SwitchboardOutput): boolean {
    if (output.type !== 'message' || output.message.kind !== 'forward') return false;
    const host = this.#carriers.remoteOf(output.route)?.host ?? '';
    return this.#registrar.forwardHere(now, { session: output.session, host }, output.message.body);
  }

  #toClient(now: Millis, { session, message, reliable }: RegistrarOutput): void {
    if (reliable) this.#switchboard.send(now, session, message);
    else this.#switchboard.sendDatagram(session, message);
  }

  #settle(now: Millis): void {
    for (;;) {
      const said = this.#switchboard.drain();
      for (const output of said) this.#fromSwitchboard(now, output);
      const served = this.#registrar.drain();
      for (const output of served) {
        if (!this.#searches.holds(output.session, output.message)) this.#toClient(now, output);
      }
      this.#searches.settle(now);
      for (const { session, message } of this.#searches.drain()) this.#switchboard.send(now, session, message);
      const asked = this.#login.drain();
      for (const output of asked) this.#fromLogin(now, output);
      const relayed = this.#relay.drain();
      for (const output of relayed) this.#fromRelay(now, output);
      const meshed = this.#mesh.settle(now);
      this.#settleMembers(now);
      const mailed = this.#settleMail(now);
      const revoked = this.#settleRevoked(now);
      const dialled = this.#dials.drain();
      for (const output of dialled) {
        if (output.type !== 'to-client') this.#out.push(output);
        else this.#switchboard.send(now, output.session, output.message);
      }
      if (this.#mesh.indexForm !== this.#indexForm) {
        this.#indexForm = this.#mesh.indexForm;
        this.#out.push({ type: 'index-form', form: this.#indexForm });
      }
      const moved = this.#carriers.drain();
      for (const output of moved) this.#fromCarriers(now, output);
      if (
        !meshed &&
        !mailed &&
        !revoked &&
        said.length + served.length + asked.length + relayed.length + moved.length + dialled.length === 0
      )
        return;
    }
  }

  #settleMembers(now: Millis): void {
    if (this.#mesh.membersVersion === this.#membersVersion) return;
    this.#membersVersion = this.#mesh.membersVersion;
    this.#mail.membersChanged(now);
    this.#revoked.membersChanged(now);
  }

  /** Devices that are let in nowhere. True when there was something. */
  #settleRevoked(now: Millis): boolean {
    const said: readonly RevokedOutput[] = this.#revoked.drain();
    for (const output of said) {
      if (output.type === 'to-supernode') this.#mesh.partners.send(now, output.to, output.message);
      else if (output.type === 'to-store') this.#out.push({ type: 'revocations', words: output.words });
      else {
        this.#mesh.revoked(foldName(output.word.name), output.word.nodeId);
        this.#registrar.revoke(output.word);
      }
    }
    return said.length > 0;
  }

  /** Letters: to clients and to the other supernodes. True when there was something. */
  #settleMail(now: Millis): boolean {
    const mailed: readonly MailRoomOutput[] = this.#mail.drain();
    for (const output of mailed) {
      if (output.type === 'to-client') this.#switchboard.send(now, output.session, output.message);
      else this.#mesh.partners.send(now, output.to, output.message);
    }
    return mailed.length > 0;
  }

  #fromCarriers(now: Millis, output: CarrierOutput): void {
    if (output.type === 'link-up') {
      if (output.link === this.#relayLink) this.#relayUp();
      else if (output.peer.kind === 'supernode') this.#supernodeUp(now, output);
      else if (!this.#nat.linkUp(now, output.link)) this.#login.connected(now, this.#attemptOf(output.link));
    } else if (output.type === 'link-down') {
      if (output.link === this.#relayLink) this.#relayDown(now);
      else if (!this.#nat.linkDown(now, output.link) && !this.#mesh.linkDown(now, output.link))
        this.#linkDown(now, output.link, output.code);
    } else if (output.type !== 'carry') this.#out.push(output);
  }

  #fromRelay(now: Millis, output: LoginRelayOutput): void {
    if (output.type === 'connect') this.#connectRelay(now);
    else if (output.type === 'disconnect') {
      if (this.#relayLink !== undefined) this.#carriers.drop(this.#relayLink, 'done');
      this.#relayLink = undefined;
    } else if (output.type === 'to-client') this.#switchboard.send(now, output.session, output.message);
    else {
      const session = this.#relayLink === undefined ? undefined : this.#carriers.sessionOf(this.#relayLink);
      if (session === undefined || !this.#switchboard.send(now, session, output.message)) this.#relay.loginGone();
    }
  }

  #connectRelay(now: Millis): void {
    const { loginServers } = this.#options;
    const endpoint = loginServers[this.#relayFailures % loginServers.length];
    if (!endpoint) return this.#relay.loginGone();
    const options = { anonymous: false, wantAuthority: false, face: 'classic', expect: LOGIN_SERVER } as const;
    this.#relayLink = this.#carriers.connect(now, endpoint, options);
  }

  #relayUp(): void {
    this.#relayFailures = 0;
    this.#relay.loginUp();
  }

  /** The next login server, until all have failed. */
  #relayDown(now: Millis): void {
    this.#relayLink = undefined;
    this.#relayFailures += 1;
    if (this.#relay.waits && this.#relayFailures < this.#options.loginServers.length) return this.#connectRelay(now);
    this.#relayFailures = 0;
    this.#relay.loginGone();
  }

  #fromSwitchboard(now: Millis, output: SwitchboardOutput): void {
    if (output.type === 'send') this.#carriers.send(output.route, output.bytes);
    else if (output.type === 'established') {
      if (this.#carriers.established(output.session, output.peer)) return;
      this.#nat.accept(output.session, output.peer, this.#carriers.remoteOf(output.route)?.host ?? '');
      if (output.peer.kind === 'supernode') this.#mesh.established(now, output.session, output.peer.nodeId);
    } else if (output.type === 'failed') this.#carriers.ended(output.session, output.code);
    else if (output.type === 'closed') {
      this.#mesh.closed(output.session);
      if (this.#carriers.ended(output.session, 'unreachable')) return;
      this.#registrar.sessionClosed(output.session);
      this.#relay.sessionClosed(output.session);
      this.#mail.sessionClosed(output.session);
    } else if (output.type === 'message') this.#receiveMessage(now, output.session, output.route, output.message);
  }

  #receiveMessage(now: Millis, session: SessionId, route: Route, message: Message): void {
    const peer = this.#switchboard.peerOf(session);
    if (peer?.kind === 'login-server') {
      if (message.kind === 'loginCarried') return this.#relay.fromLogin(now, message.body);
      for (const [attempt, link] of this.#loginLinks) {
        if (this.#carriers.sessionOf(link) === session) this.#login.receive(now, attempt, message);
      }
      return;
    }
    if (peer && this.#nat.receiveMessage(now, peer, message)) return;
    const remote = this.#carriers.remoteOf(route);
    const from = peer?.kind === 'supernode' ? { node: peer.nodeId, host: remote?.host ?? '' } : undefined;
    if (from && (this.#dials.fromSupernode(now, from.node, message) || this.#mesh.receive(now, from, message))) return;
    if (from && this.#mail.fromSupernode(now, from.node, message)) return;
    if (from && this.#revoked.fromSupernode(now, from.node, message)) return;
    if (message.kind === 'loginCarry') {
      return this.#relay.fromClient(now, session, remote?.host ?? '', message.body);
    }
    if (peer?.kind === 'anonymous') return;
    const observed = remote ? printEndpoint(remote) : '';
    const host = remote?.host ?? '';
    const certificate = this.#switchboard.certificateOf(session);
    const client: RegistrarPeer | undefined =
      peer?.kind === 'person' ? { session, name: peer.name, nodeId: peer.nodeId, observed, certificate } : undefined;
    const isAttached = client && this.#registrar.keyHere(client.nodeId) !== undefined;
    if (isAttached && message.kind === 'revokedTold') return this.#revoked.fromClient(now, client.nodeId, message.body);
    // Its certificate is read for letters alone: that costs more than all the rest of a packet that is forwarded.
    if (isAttached && isOfMail(message)) return void this.#mail.fromClient(now, mailClientOf(client), message);
    if (isAttached && this.#dials.fromClient(now, { session, node: client.nodeId, host }, message)) return;
    if (client && message.kind === 'search' && !this.#searches.admit(now, session, client.name, message.body)) return;
    this.#registrar.receive(now, { session, observed, host, peer: client }, message);
  }

  #fromLogin(now: Millis, output: LoginClientOutput): void {
    if (output.type === 'connect') {
      const wantAuthority = this.#trust.authorityDer === undefined;
      // Proven, once there is something to prove: only so may a known supernode announce a new address.
      const face = output.face === 'classic' ? 'classic' : 'plain';
      const { proxy, tls } = output;
      const options = {
        anonymous: this.#certificate === undefined,
        wantAuthority,
        face,
        expect: LOGIN_SERVER,
        proxy,
        tls,
      } as const;
      this.#loginLinks.set(output.attempt, this.#carriers.connect(now, output.endpoint, options));
    } else if (output.type === 'abandon') {
      const link = this.#loginLinks.get(output.attempt);
      this.#loginLinks.delete(output.attempt);
      if (link !== undefined) this.#carriers.drop(link, 'done');
    } else if (output.type === 'send') {
      const link = this.#loginLinks.get(output.attempt);
      const session = link === undefined ? undefined : this.#carriers.sessionOf(link);
      if (session !== undefined) this.#switchboard.send(now, session, output.message);
    } else if (output.ticket === LEARN_TICKET) {
      if (output.type !== 'reply' || output.message.kind !== 'supernodes') return;
      this.#mesh.learned(now, this.#entries.learn(this.#options.wallClock(), output.message.body));
      this.#nat.named(now, output.message.body);
    } else if (output.type === 'failed') this.#enrolmentFailed(now, output.code);
    else this.#enrolled(now, output.message);
  }

  #enrolled(now: Millis, message: Message): void {
    const authorityDer = this.#trust.authorityDer;
    if (message.kind !== 'supernodeEnrolled' || !authorityDer) return this.#enrolmentFailed(now, 'server-fault');
    const certificateDer = Buffer.from(message.body.certificate);
    const judged = this.#trust.judge(certificateDer, undefined);
    if (!judged.ok || judged.identity.nodeId !== this.#options.nodeId) {
      return this.#enrolmentFailed(now, 'certificate-invalid');
    }
    this.#enrolFailures = 0;
    this.#enrolAt = now + this.#about(SUPERNODE_ENTRY_REFRESH_MS);
    if (this.#learnAt === Number.POSITIVE_INFINITY) this.#learnAt = now + this.#about(ENTRIES_LEARN_FIRST_MS);
    this.#adoptCertificate(certificateDer);
    const textOf = (endpoints: readonly Endpoint[] = []): string => endpoints.map(printEndpoint).join();
    const isAsSigned = textOf(this.#signable()) === textOf(this.#own?.endpoints);
    // Once more with a word that its certificate bears out; those who are asked may be reached now and not then.
    if (!isAsSigned && !this.#enrolsAgain) this.#enrolAt = now;
    this.#enrolsAgain = !isAsSigned;
    this.#nat.open(now);
    this.#join(now);
    this.#out.push({ type: 'certified', certificateDer, expiresAtMs: message.body.expiresAtMs, authorityDer });
  }

  /** A session with another supernode that we opened, for probes or for the mesh: both use it. */
  #supernodeUp(now: Millis, { link, session, peer }: Extract<CarrierOutput, { type: 'link-up' }>): void {
    const [endpoint] = this.#entries.endpointsOf(peer.nodeId);
    if (!this.#nat.linkUp(now, link) && endpoint) this.#nat.accept(session, peer, endpoint.host);
    this.#mesh.established(now, session, peer.nodeId);
  }

  #enrolmentFailed(now: Millis, code: FailureCode): void {
    const backoff = REATTACH_BACKOFF_MS[Math.min(this.#enrolFailures++, REATTACH_BACKOFF_MS.length - 1)] ?? 60_000;
    this.#enrolAt = now + this.#about(backoff);
    this.#out.push({ type: 'enrolment-failed', code });
  }

  #linkDown(now: Millis, link: LinkId, code: FailureCode): void {
    const attempt = this.#attemptOf(link);
    this.#loginLinks.delete(attempt);
    this.#login.failed(now, attempt, code);
  }

  #attemptOf(link: LinkId): number {
    for (const [attempt, id] of this.#loginLinks) if (id === link) return attempt;
    return -1;
  }
}

/** A login server takes only what it sees us at: asked by IPv4 it believes nothing of our IPv6 address. */
function sameFamilyFirst(servers: readonly Endpoint[], ours: readonly Endpoint[]): Endpoint[] {
  const isIPv6 = ours[0]?.host.includes(':') ?? false;
  const differs = ({ host }: Endpoint): number => (isUnicastHost(host) && host.includes(':') !== isIPv6 ? 1 : 0);
  return servers.toSorted((a, b) => differs(a) - differs(b));
}

function mailClientOf({ session, nodeId: node, name, certificate }: RegistrarPeer): MailClient {
  return { session, node, name, publicKey: certificate && certifiedSpki(certificate) };
}
