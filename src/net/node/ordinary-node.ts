/**
 * An ordinary node, assembled: one person's program on the network. It joins carriers, switchboard, supernode link,
 * login client, sessions to people, people's services and the media of calls. A decision between two of them is one
 * row in a table here; everything else is in the rooms themselves. The five verbs of `core.ts`, and questions that change
 * nothing.
 *
 *   driver -> carriers -> switchboard -> (by whose session it is) link | login client | peer sessions -> people
 *   people -> peer sessions -> switchboard -> carriers | forward through the link
 *
 * Well above 400 lines, because the table of what leads to what is one thing to read.
 */

import { createPublicKey } from 'node:crypto';
import type { OwnFacts } from '../call/conference-record.ts';
import type { RosterEntry } from '../chat/roster-entry.ts';
import { shownName } from '../chat/roster-rules.ts';
import { spkiOf } from '../login/credential.ts';
import { type OpenedDevices, standingOf } from '../login/device-list.ts';
import { LoginClient, type LoginClientOutput } from '../login/login-client.ts';
import type { CallPath } from '../media/quality.ts';
import { type DiscoveryOutput, NatDiscovery } from '../nat/discovery.ts';
import { type NatKind, natClass } from '../nat/nat-kind.ts';
import { natSeen } from '../nat/seen-from-outside.ts';
import { type KnownOutput, KnownSupernodes } from '../overlay/known-supernodes.ts';
import { Publisher } from '../overlay/publisher.ts';
import type { Tried } from '../overlay/supernode-link.ts';
import { type PairOutput, SupernodePair } from '../overlay/supernode-pair.ts';
import { type QuestionOutput, SupernodeQuestions } from '../overlay/supernode-questions.ts';
import type { Core, Millis } from '../protocol/core.ts';
import { type Endpoint, parseEndpoint, printEndpoint, sameEndpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, foldName, hexOf, isIdHex, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { MAIL_CLOCK_MS, MAIL_LIFETIME_MS } from '../protocol/mail-params.ts';
import { FORWARD_DATAGRAM_BYTES_MAX, LOGIN_SERVERS_NAMED_MAX } from '../protocol/params.ts';
import type { NetInput, NetOutput, Route } from '../protocol/traffic.ts';
import { isByProxy } from '../protocol/ways.ts';
import { type SessionId, Switchboard, type SwitchboardOutput } from '../transport/switchboard.ts';
import { type Ticket, TicketBook } from '../transport/tickets.ts';
import type { PeerIdentity } from '../transport/trust.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import { isHelloPacket, PacketKind } from '../wire/packet.ts';
import { CallMedia } from './call-media.ts';
import { type CallMediaOutput, isCallMediaMessage } from './call-media-port.ts';
import { type CarrierOutput, Carriers, type ClearPacket, type LinkId } from './carriers.ts';
import type { KnownDevices } from './device-book.ts';
import { Links } from './links.ts';
import { MailDesk, type MailDeskOutput } from './mail-desk.ts';
import { type FallbackOutput, NameFallback } from './name-fallback.ts';
import type { Member, OrdinaryNodeCommand, OrdinaryNodeEvent, OrdinaryNodeOptions } from './ordinary-node-port.ts';
import { OwnEndpoints } from './own-endpoints.ts';
import { isPathTestMessage, PathDesk, type PathDeskOutput } from './path-desk.ts';
import { PeerSessions, type PeerSessionsOutput } from './peer-sessions.ts';
import { People, type PeopleOutput } from './people.ts';
import { PromotionDesk, type PromotionDeskOutput } from './promotion-desk.ts';
import { Renewal } from './renewal.ts';
import { RevocationDesk } from './revocation-desk.ts';
import { Signpost, type SignpostOutput } from './signpost.ts';
import { PinnedTrust } from './trust.ts';

export type {
  Member,
  OrdinaryNodeCommand,
  OrdinaryNodeEvent,
  OrdinaryNodeOptions,
  Ticket,
} from './ordinary-node-port.ts';

/** What is said of media in a call that goes well; it concerns the packets of the call alone. */
const OF_VOICE: ReadonlySet<CallMediaOutput['type']> = new Set(['send-voice', 'play', 'send-datagram', 'quality']);

function isReport(output: SwitchboardOutput): boolean {
  return output.type === 'message' && output.message.kind === 'mediaReport';
}

/** Tickets of our own questions to the login server; the agent's are positive. */
const RENEW_TICKET = -1;
const SUPERNODES_TICKET = -2;
/** A certificate may end while a letter lies. */
const LETTER_GRACE_MS = MAIL_LIFETIME_MS + MAIL_CLOCK_MS;
/** From here downwards. */
const NAME_TICKETS = -10;

export class OrdinaryNode implements Core<NetInput, OrdinaryNodeCommand, NetOutput | OrdinaryNodeEvent> {
  readonly #options: OrdinaryNodeOptions;
  readonly #trust: PinnedTrust;
  readonly #switchboard: Switchboard;
  readonly #tickets: TicketBook;
  readonly #carriers: Carriers;
  readonly #links: Links;
  readonly #link: SupernodePair;
  readonly #questions = new SupernodeQuestions();
  readonly #fallback = new NameFallback();
  readonly #publisher: Publisher;
  readonly #judgesLetters: PinnedTrust;
  #mail: MailDesk | undefined;
  readonly #login = new LoginClient();
  readonly #peers: PeerSessions;
  readonly #media: CallMedia;
  readonly #paths: PathDesk;
  readonly #nat: NatDiscovery;
  readonly #promotion: PromotionDesk;
  readonly #signpost: Signpost;
  readonly #revocations: RevocationDesk;
  #people: People | undefined;
  #member: Member | undefined;
  /** What is told while we leave is read after we have left. */
  #rosterLeft: readonly RosterEntry[] = [];
  #ticketsLeft: readonly Ticket[] = [];
  #devicesLeft: readonly KnownDevices[] = [];

  readonly #connecting = new Map<NodeId, SessionId>();
  readonly #known: KnownSupernodes;
  readonly #own = new OwnEndpoints();
  readonly #renewal: Renewal;
  #detailsChanged = false;
  /** As the agent told last; 0: never. */
  #idleCenticores = 0;
  /** Of the newest call. */
  #lastPath: CallPath | undefined;
  /** The supernodes that forward for us, our first one first. */
  #relays: readonly NodeId[] = [];
  /** When a room that no voice packet passes is to be woken; undefined since one of them may have changed its mind. */
  #restAt: Millis | undefined;
  #out: (NetOutput | OrdinaryNodeEvent)[] = [];

  constructor(options: OrdinaryNodeOptions) {
    this.#options = options;
    const { random, wallClock, pin, authorityDer } = options;
    this.#trust = new PinnedTrust({ pin, authorityDer, wallClock });
    this.#judgesLetters = new PinnedTrust({ pin, authorityDer, wallClock, graceMs: LETTER_GRACE_MS });
    // Nobody has to know from an address who is here: people come through the supernode.
    const welcome = { ways: 'forward', kinds: ['person'] } as const;
    this.#tickets = new TicketBook(wallClock);
    this.#switchboard = new Switchboard({ random, trust: this.#trust, welcome, tickets: this.#tickets });
    this.#nat = new NatDiscovery(random);
    const onClear = (now: Millis, clear: ClearPacket): void => this.#fromClear(now, clear);
    this.#promotion = new PromotionDesk(random);
    this.#renewal = new Renewal(random, wallClock);
    this.#signpost = new Signpost({ random, pin });
    this.#revocations = new RevocationDesk({ wallClock, authorityKey: () => this.#trust.authorityKey });
    const onHello = (now: Millis, { from, packet }: ClearPacket): void => {
      this.#restAt = undefined;
      this.#signpost.hello(now, from, packet);
    };
    this.#carriers = new Carriers(this.#switchboard, { pin, random, onClear, onHello });
    this.#links = new Links(this.#carriers, this.#switchboard, () => this.#trust.authorityDer === undefined);
    this.#link = new SupernodePair(random);
    this.#known = new KnownSupernodes({
      ...{ random, wallClock, invite: options.supernodes, remembered: options.remembered },
      judge: (der) => this.#trust.judge(der, undefined),
    });
    this.#peers = new PeerSessions((session) => this.#switchboard.heardAt(session));
    const relayedPath = (through: NodeId | undefined) => this.#relayedPath(through);
    const rttMs = this.#rttMs;
    const self = () => this.#own.seenAs(this.#nat.kind);
    const level = {
      get: () => this.#known.level,
      set: (now: Millis, reached: number) => this.#known.setLevel(now, reached),
    };
    this.#media = new CallMedia({ random, fillerBody: options.fillerBody, rttMs, relayedPath, self, level });
    this.#paths = this.#makePaths(rttMs, relayedPath);
    this.#publisher = new Publisher(wallClock);
    this.#login.setServers(options.loginServers);
    this.#login.setSupernodes(this.#known.order());
    this.#setHasProxy(options.hasProxy ?? false);
  }

  #makePaths(
    rttMs: (node: NodeId) => number | undefined,
    relayedPath: (through: NodeId | undefined) => { readonly path: CallPath },
  ): PathDesk {
    const media = this.#media;
    return new PathDesk({
      ...{ random: this.#options.random, rttMs, relayedPath },
      isBuddy: (name) => this.#people?.roster.relationOf(name) === 'both',
      isInvisible: () => this.#people?.status === 'invisible',
      answers: this.#options.answersPathTests ?? (() => true),
      natKind: () => this.#nat.kind,
      surroundingsOf: (node) => {
        const lent = media.surroundingsOf(node);
        // Many ports are for whoever talks.
        return { ...lent, mayGoWide: (now) => !media.talking && lent.mayGoWide(now) };
      },
      here: () => ({ candidates: this.#own.candidates, ours: this.#own.local, relays: this.#relays }),
    });
  }

  /** Round trip of the signalling with a node, if it is known. */
  readonly #rttMs = (node: NodeId): number | undefined => {
    const session = this.#peers.sessionTo(node);
    return session === undefined ? undefined : this.#switchboard.rttMs(session);
  };

  /** Why a line to this person cannot be taken; undefined when it can. */
  admitsChat(to: string, text: string): FailureCode | undefined {
    return this.#people ? this.#people.admits(to, text) : 'not-signed-in';
  }

  /** What stands between us and the internet, as far as it is known; told anew by the event `nat`. */
  get natKind(): NatKind {
    return this.#nat.kind;
  }

  /** The buddy list with its tombstones, to be stored and merged; after leaving, as it was then. */
  rosterEntries(): readonly RosterEntry[] {
    return this.#people?.roster.entries() ?? this.#rosterLeft;
  }

  /** What this person's account has signed of its devices, ours included; undefined when nothing is known. */
  deviceListOf(name: string): OpenedDevices | undefined {
    return this.#people?.devices.listOf(name);
  }

  /** Our own other devices that are here now. */
  ownDevicesHere(): readonly NodeId[] {
    return this.#people?.devices.ownNodes() ?? [];
  }

  /** Device lists of other people, to be stored and handed back with the member; after leaving, as then. */
  knownDevices(): readonly KnownDevices[] {
    return this.#people?.devices.stored() ?? this.#devicesLeft;
  }

  /** To be stored for the next start, and handed back with the member; after leaving, as then. As secret as the private key. */
  tickets(): readonly Ticket[] {
    return this.#member ? this.#tickets.entries() : this.#ticketsLeft;
  }

  /** Packets, streams and entries dropped as garbage, or because a bound forbade them. Only rises. */
  get dropped(): number {
    return this.#carriers.dropped + this.#switchboard.dropped + this.#known.dropped + this.#signpost.dropped;
  }

  receive(now: Millis, input: NetInput): void {
    if (input.type === 'datagram') {
      this.#carriers.receive(now, input);
      return this.#settlePackets(now);
    }
    if (input.type === 'local-endpoints') {
      this.#enterNetwork(now, input.network ?? '');
      this.#setHostCandidates(now, input.endpoints);
    } else if (input.type === 'no-way') this.#noWay(now, input.to);
    else if (input.type === 'slept') this.#link.check(now);
    else if (input.type === 'stream-backlog') this.#backlog(now, input);
    else if (input.type === 'sockets-open') {
      this.#media.socketsOpen(now, input.sockets);
      this.#paths.socketsOpen(now, input.sockets);
      // Nothing is served here by streams, but whoever looks for a supernode is led to ours.
    } else if (!this.#signpost.receive(now, input)) this.#carriers.receive(now, input);
    this.#settle(now);
  }

  command(now: Millis, command: OrdinaryNodeCommand): void {
    switch (command.type) {
      case 'login':
        this.#login.ask(now, command.ticket, command.request);
        break;
      case 'become':
        this.#become(now, command.member);
        break;
      case 'leave':
        this.#leave(now);
        break;
      case 'search':
        this.#search(now, command.ticket, command.pattern, command.limit);
        break;
      case 'test-path':
        this.#paths.ask(now, command.ticket, command.name);
        break;
      case 'call-ways':
        this.#media.tellWays(now, command.ticket);
        break;
      case 'voice':
        this.#media.voice(now, command.call, command.body);
        return this.#settlePackets(now);
      case 'voice-stats':
        this.#media.stats(now, command.call, command.stats);
        return this.#settlePackets(now);
      case 'mapped':
        this.#own.mapped = command.endpoint;
        this.#promotion.setMapped(now, command.endpoint !== undefined);
        this.#tellCandidates(now);
        break;
      case 'promotion':
        this.#promotion.fact(now, command.fact);
        break;
      case 'machine':
        this.#idleCenticores = command.idleCenticores;
        break;
      case 'mail-keys':
        this.#setMailKeys(now, command.seeds, command.sinceMs);
        break;
      case 'reattach':
        this.#link.restart(now);
        break;
      case 'proxy':
        this.#setHasProxy(command.known);
        if (!this.#link.attached) this.#link.restart(now);
        break;
      default:
        if (command.type === 'messenger' && command.command.type === 'stored') {
          this.#mail?.stored(now, command.command.from, command.command.id);
        }
        this.#people?.command(now, command);
    }
    this.#settle(now);
  }

  wake(now: Millis): void {
    this.#switchboard.wake(now);
    this.#media.wake(now);
    if (this.#restAt !== undefined && now < this.#restAt) return this.#settlePackets(now);
    this.#link.wake(now);
    this.#login.wake(now);
    this.#people?.wake(now);
    this.#mail?.wake(now);
    this.#peers.wake(now);
    this.#paths.wake(now);
    if (this.#renewal.due(now)) this.#renew(now);
    this.#known.wake(now);
    this.#questions.wake(now);
    this.#fallback.wake(now);
    this.#publisher.wake(now);
    this.#nat.wake(now);
    this.#promotion.wake(now);
    this.#signpost.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    this.#restAt ??= this.#wakeRestAt();
    return Math.min(this.#restAt, this.#switchboard.wakeAt(), this.#media.wakeAt());
  }

  #wakeRestAt(): Millis {
    let at = Math.min(this.#renewal.wakeAt(), this.#link.wakeAt(), this.#login.wakeAt());
    at = Math.min(at, this.#known.wakeAt(), this.#paths.wakeAt());
    at = Math.min(at, this.#people?.wakeAt() ?? Number.POSITIVE_INFINITY);
    at = Math.min(at, this.#mail?.wakeAt() ?? Number.POSITIVE_INFINITY);
    at = Math.min(at, this.#promotion.wakeAt(), this.#signpost.wakeAt(), this.#fallback.wakeAt());
    return Math.min(at, this.#publisher.wakeAt(), this.#questions.wakeAt(), this.#peers.wakeAt(), this.#nat.wakeAt());
  }

  drain(): (NetOutput | OrdinaryNodeEvent)[] {
    if (this.#tickets.takeChanged()) this.#out.push({ type: 'tickets-changed' });
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #setHasProxy(known: boolean): void {
    this.#link.setHasProxy(known);
    this.#login.setHasProxy(known);
  }

  // ------------------------------------------------------------------ signing in and out

  #become(now: Millis, member: Member): void {
    if (this.#people) this.#leave(now);
    this.#member = member;
    this.#switchboard.setIdentity(member);
    this.#publisher.setIdentity(member);
    for (const ticket of member.tickets ?? []) this.#tickets.keep(ticket);
    // These are stored already.
    this.#tickets.takeChanged();
    const { random, wallClock } = this.#options;
    const rttMs = this.#rttMs;
    const ownFacts = () => this.#ownFacts();
    const judge = (der: Uint8Array) => this.#trust.judgePast(der);
    this.#people = new People({ ...member, random, wallClock, rttMs, ownFacts, judge });
    this.#mail = this.#makeMail(member);
    this.#tellCandidates(now);
    this.#renewal.schedule(now, member.expiresAtMs);
    this.#tellLink('connecting', undefined);
    this.#known.looking(now);
    this.#startLink(now);
  }

  /** Calls end, buddies see us go, sessions and links close, in this order; then nothing of the account is left. */
  #leave(now: Millis): void {
    for (const { call } of this.#people?.calls.list() ?? []) {
      this.#people?.command(now, { type: 'calls', command: { type: 'hang-up', call } });
    }
    const conference = this.#people?.conferences.live?.call;
    if (conference !== undefined)
      this.#people?.command(now, { type: 'conference', command: { type: 'hang-up', call: conference } });
    this.#people?.command(now, { type: 'presence', status: 'invisible' });
    this.#paths.stop(now);
    this.#settle(now);
    this.#peers.leave();
    this.#settle(now);
    this.#link.stop('signed out');
    this.#promotion.setAttached(now, false);
    this.#signpost.setSupernode(undefined);
    this.#login.stop('not-signed-in');
    this.#questions.stop('not-signed-in');
    this.#settle(now);
    this.#switchboard.closeAll('signed out');
    this.#media.stopAll();
    this.#forgetMember();
    this.#settle(now);
    this.#switchboard.setIdentity(undefined);
    this.#tickets.clear();
    this.#tellLink('offline', undefined);
  }

  #makeMail(member: Member): MailDesk {
    const { random, wallClock } = this.#options;
    const mail = new MailDesk({
      ...{ random, wallClock },
      judge: (der) => this.#judgesLetters.judge(der, this.#trust.authorityDer),
      devicesOf: (name) => this.#people?.devices.listOf(name)?.devices,
      standing: (name, node) => this.#people?.devices.standing(name, node) ?? 'unlisted',
    });
    mail.setIdentity({ ...member, mailSeeds: member.mailSeeds ?? [], mailSinceMs: member.mailSinceMs ?? 0 });
    return mail;
  }

  #setMailKeys(now: Millis, mailSeeds: readonly Buffer[], mailSinceMs: number): void {
    if (!this.#member) return;
    this.#member = { ...this.#member, mailSeeds, mailSinceMs };
    this.#mail?.setIdentity({ ...this.#member, mailSeeds, mailSinceMs });
    this.#publish(now);
  }

  #forgetMember(): void {
    this.#rosterLeft = this.rosterEntries();
    this.#ticketsLeft = this.tickets();
    this.#devicesLeft = this.knownDevices();
    this.#people = undefined;
    this.#mail = undefined;
    this.#member = undefined;
    this.#revocations.clear();
    this.#publisher.setIdentity(undefined);
    this.#nat.stop();
    this.#renewal.stop();
    this.#known.stop();
    this.#connecting.clear();
  }

  /** Supernodes that may be tried from here, best first. */
  #order(): Endpoint[] {
    return this.#own.within(this.#known.order());
  }

  /** While the login server looks at a password a supernode can prove itself: who we are is said when we know. */
  #prepareLink(now: Millis): void {
    if (this.#people || !this.#login.enters) return;
    this.#setWorked();
    this.#link.prepare(now, this.#order());
    this.#nat.prepare(now, this.#order());
  }

  /** What let the sign-in through lets the link through, most likely; a server's own port needs no such word. */
  #setWorked(): void {
    const { worked } = this.#login;
    this.#link.setWorked(this.#known.way ?? (worked === 'tcp' ? undefined : worked));
  }

  #startLink(now: Millis): void {
    const supernodes = this.#order();
    this.#setWorked();
    if (!this.#people || supernodes.length === 0) return;
    this.#link.start(now, supernodes, this.#details(this.#people));
    this.#nat.start(now, supernodes);
  }

  #details(people: People) {
    const { displayName = '' } = this.#member ?? {};
    return {
      displayName,
      listed: people.status !== 'invisible',
      hiddenFrom: people.hidden,
      watch: this.#watched(people),
      software: this.#options.software,
    };
  }

  /** Our other devices as well, once there are any. */
  #watched(people: People): readonly UserName[] {
    const own = this.#member?.name ?? '';
    const others = (people.devices.listOf(own)?.devices.length ?? 0) > 1;
    return others ? [own, ...people.watched] : people.watched;
  }

  #renew(now: Millis): void {
    if (!this.#member) return;
    const publicKey = spkiOf(createPublicKey(this.#member.privateKey));
    this.#login.ask(now, RENEW_TICKET, { kind: 'renew', publicKey });
  }

  #fromKnown(now: Millis, output: KnownOutput): true {
    if (output.type === 'ask-login') this.#login.ask(now, SUPERNODES_TICKET, { kind: 'supernodesGet' });
    else if (output.type === 'ask-supernode') this.#sendToSupernode(now, output.message, true);
    else if (output.type === 'named') this.#supernodesNamed(now);
    else if (output.type === 'nobody') this.#tellNobody({ supernodes: 0, ways: [] });
    else this.#out.push(output);
    return true;
  }

  /** What is known of another network is another order, and another way that worked. */
  #enterNetwork(now: Millis, print: string): void {
    if (!this.#known.enter(print)) return;
    this.#link.setWorked(this.#known.way);
    this.#link.setSupernodes(now, this.#order());
    if (!this.#link.attached) this.#link.restart(now);
  }

  // ------------------------------------------------------------------ questions to the supernode

  #search(now: Millis, ticket: number, pattern: string, limit: number): void {
    this.#fallback.asked({ ticket, pattern, limit }, this.#member?.name);
    if (this.#link.attached) this.#questions.search(now, ticket, pattern, limit);
    else this.#fallback.outcome(now, { type: 'search-failed', ticket, code: 'unreachable-network', retryAfterMs: 0 });
  }

  /** To our first supernode; or in the session of this attempt, attached or not yet. */
  #sendToSupernode(now: Millis, value: Message, reliable: boolean, attempt = this.#link.attemptAt()): true {
    const session = attempt === undefined ? undefined : this.#links.sessionOf('supernode', attempt);
    if (session === undefined) return true;
    if (reliable) this.#switchboard.send(now, session, value);
    else this.#switchboard.sendDatagram(session, value);
    return true;
  }

  // ------------------------------------------------------------------ the table

  /**
   * The same for the rooms that a voice packet passes, which are a hundred times a second in a call: all others are asked only
   * when something was said that is their business.
   */
  #settlePackets(now: Millis): void {
    let isVoice = true;
    for (let busy = true; busy; ) {
      busy = false;
      for (const output of this.#media.drain()) {
        isVoice &&= OF_VOICE.has(output.type);
        busy = this.#fromMedia(now, output);
      }
      for (const output of this.#switchboard.drain()) {
        isVoice &&= output.type === 'send' || output.type === 'voice' || isReport(output);
        busy = this.#fromSwitchboard(now, output);
      }
      for (const output of this.#carriers.drain()) {
        isVoice &&= output.type === 'send-datagram' || output.type === 'write-stream';
        busy = this.#fromCarriers(now, output);
      }
    }
    if (!isVoice || this.#restAt === undefined) this.#settle(now);
  }

  /** Moves what one room said to the next, until all are silent. */
  #settle(now: Millis): void {
    this.#restAt = undefined;
    for (let busy = true; busy; ) {
      busy = false;
      for (const output of this.#switchboard.drain()) busy = this.#fromSwitchboard(now, output);
      for (const output of this.#carriers.drain()) busy = this.#fromCarriers(now, output);
      for (const output of this.#link.drain()) busy = this.#fromLink(now, output);
      for (const output of this.#known.drain()) busy = this.#fromKnown(now, output);
      for (const output of this.#nat.drain()) busy = this.#fromNat(now, output);
      for (const output of this.#promotion.drain()) busy = this.#fromPromotion(now, output);
      for (const output of this.#signpost.drain()) busy = this.#fromSignpost(now, output);
      for (const output of this.#questions.drain()) busy = this.#fromQuestions(now, output);
      for (const output of this.#fallback.drain()) busy = this.#fromFallback(now, output);
      for (const output of this.#publisher.drain()) busy = this.#sendToSupernode(now, output, true);
      for (const output of this.#login.drain()) busy = this.#fromLogin(now, output);
      for (const output of this.#peers.drain()) busy = this.#fromPeers(now, output);
      for (const output of this.#people?.drain() ?? []) busy = this.#fromPeople(now, output);
      for (const output of this.#mail?.drain() ?? []) busy = this.#fromMail(now, output);
      for (const output of this.#media.drain()) busy = this.#fromMedia(now, output);
      for (const output of this.#paths.drain()) busy = this.#fromMedia(now, output);
      if (busy || !this.#detailsChanged || !this.#people) continue;
      this.#detailsChanged = false;
      this.#link.update(now, this.#details(this.#people));
      this.#publish(now);
      busy = true;
    }
  }

  #fromSwitchboard(now: Millis, output: SwitchboardOutput): true {
    switch (output.type) {
      case 'send':
        if (output.route.via === 'forward') this.#forward(now, output.route, output.bytes);
        else this.#transmit(output.route, output.bytes, output.ttl);
        return true;
      case 'established':
        this.#established(now, output.session, output.peer, output.route);
        return true;
      case 'answered': {
        const whose = this.#links.answered(output.session);
        if (whose) this.#link.answered(now, whose.attempt);
        return true;
      }
      case 'failed':
        if (!this.#carriers.ended(output.session, output.code)) this.#connectFailed(output.session);
        return true;
      case 'closed':
        if (!this.#carriers.ended(output.session, 'unreachable')) this.#peers.closed(output.session);
        this.#links.endOrphans(now);
        return true;
      case 'voice':
        this.#voice(now, output);
        return true;
      case 'message':
        this.#receiveMessage(now, output.session, output.route, output.message);
        return true;
    }
  }

  #voice(now: Millis, { session, route, bytes }: Extract<SwitchboardOutput, { type: 'voice' }>): void {
    const key = this.#media.arrived(now, this.#switchboard.peerOf(session)?.nodeId ?? '', route, bytes);
    if (key === undefined || !this.#people?.conferences.live) return;
    this.#restAt = undefined;
    this.#people.voiceHeard(now, key);
  }

  /** Whom we say Hello to may lead us elsewhere. */
  #transmit(route: Route, bytes: Buffer, ttl: number | undefined): void {
    const to = isHelloPacket(bytes) ? this.#carriers.remoteOf(route) : undefined;
    if (to) {
      this.#restAt = undefined;
      this.#signpost.sent(to, bytes);
    }
    this.#carriers.send(route, bytes, ttl);
  }

  #fromPromotion(now: Millis, output: PromotionDeskOutput): true {
    if (output.type === 'to-supernode') return this.#sendToSupernode(now, output.message, output.reliable);
    this.#out.push({ type: 'promotion', news: output.news });
    return true;
  }

  #fromSignpost(now: Millis, output: SignpostOutput): true {
    if (output.type === 'to-supernode') this.#sendToSupernode(now, output.message, true);
    else if (output.type === 'pointed') this.#known.pointed(now, output.record);
    else this.#out.push(output);
    return true;
  }

  /** Handshakes and long segments go reliably, since they would not fit a datagram inside a datagram. */
  #forward(now: Millis, { node, through }: Extract<Route, { via: 'forward' }>, packet: Buffer): void {
    const attempt = this.#link.attemptAt(through);
    // A supernode to which we only have a session forwards nothing for us yet.
    if (attempt === undefined) return;
    const reliable = packet.length > FORWARD_DATAGRAM_BYTES_MAX;
    this.#sendToSupernode(now, message('forward', { target: bytesOf(node), packet }), reliable, attempt);
  }

  #established(now: Millis, session: SessionId, peer: PeerIdentity, route: Route): void {
    if (this.#carriers.established(session, peer)) return;
    const expected = route.via === 'forward' ? route.node : undefined;
    const isExpected = this.#people?.conferences.expects(peer.nodeId) ?? false;
    const blocked = (this.#people?.roster.isBlocked(peer.name) ?? true) && !isExpected;
    if (peer.kind !== 'person' || peer.nodeId !== expected) {
      this.#switchboard.close(session, 'not wanted');
      return;
    }
    this.#connecting.delete(peer.nodeId);
    if (!blocked) return this.#peers.established(now, session, peer.name, peer.nodeId);
    this.#switchboard.close(session, 'not wanted');
    this.#peers.connectFailed(peer.nodeId);
  }

  #connectFailed(session: SessionId): void {
    for (const [node, id] of this.#connecting) {
      if (id !== session) continue;
      this.#connecting.delete(node);
      this.#peers.connectFailed(node);
    }
  }

  #receiveMessage(now: Millis, session: SessionId, route: Route, value: Message): void {
    const peer = this.#switchboard.peerOf(session);
    if (!peer) return;
    if (peer.kind === 'person') return this.#fromPerson(now, peer, route, value);
    this.#restAt = undefined;
    if (peer.kind === 'login-server') this.#fromLoginServer(now, session, value);
    else if (peer.kind === 'supernode') this.#fromSupernode(now, { session, route, node: peer.nodeId }, value);
  }

  #fromPerson(now: Millis, peer: PeerIdentity, route: Route, value: Message): void {
    if (
      this.#people &&
      value.kind !== 'devicesTold' &&
      this.#people.devices.standing(peer.name, peer.nodeId) !== 'listed'
    ) {
      // Media and path tests do not pass by the people's services.
      if (isCallMediaMessage(value) || isPathTestMessage(value)) return;
    }
    if (isCallMediaMessage(value)) {
      this.#media.receive(now, peer.nodeId, route, value);
      this.#paths.receivePath(now, peer.nodeId, route, value);
    } else if (isPathTestMessage(value)) {
      const { name, nodeId: node } = peer;
      if (this.#people?.roster.isBlocked(name) === false) this.#paths.receive(now, { name, node }, route, value);
    } else this.#people?.tell(now, { type: 'message', from: peer.name, node: peer.nodeId, message: value });
  }

  #fromLoginServer(now: Millis, session: SessionId, value: Message): void {
    const owner = this.#links.ownerOf(session);
    if (owner?.owner === 'login') this.#login.receive(now, owner.attempt, value);
  }

  #fromSupernode(now: Millis, from: { session: SessionId; route: Route; node: NodeId }, value: Message): void {
    const { session } = from;
    const owner = this.#links.ownerOf(session);
    if (owner && value.kind === 'loginCarried') return this.#links.carried(now, session, value.body);
    if (owner?.owner === 'supernode' && value.kind === 'attached' && this.#link.isFirst(owner.attempt)) {
      this.#publisher.held(value.body.record);
    }
    if (owner?.owner === 'supernode' && value.kind === 'leaving') {
      this.#link.prefer(this.#known.handedOver(now, value.body.next, this.#carriers.remoteOf(from.route)));
    }
    if (owner?.owner === 'supernode' && value.kind === 'revokedTold') return this.#toldOfRevoked(value.body);
    if (owner?.owner !== 'supernode' || this.#link.receive(now, owner.attempt, value)) return;
    if (value.kind === 'forwarded') {
      const node = hexOf(value.body.source);
      const route: Route = { via: 'forward', node, through: from.node };
      return this.#switchboard.receiveBytes(now, route, Buffer.from(value.body.packet));
    }
    if (value.kind === 'entries' && this.#signpost.entries(now, value.body)) return;
    if (value.kind === 'entries')
      return this.#known.fromSupernode(now, value.body, this.#carriers.remoteOf(from.route));
    if (value.kind === 'redirect') {
      const targets = this.#known.redirected(now, value.body, this.#carriers.remoteOf(from.route));
      return this.#link.redirected(now, owner.attempt, value.body, targets);
    }
    if (value.kind === 'vouched') {
      this.#media.vouched(now, hexOf(value.body.source), value.body.host);
      return this.#paths.vouched(now, hexOf(value.body.source), value.body.host);
    }
    // The second one has only this to tell: that somebody has taken it for the first.
    if (!this.#link.isFirst(owner.attempt)) return value.kind === 'seen' ? this.#link.hint(now) : undefined;
    switch (value.kind) {
      case 'forwardFailed':
        this.#forwardFailed(hexOf(value.body.target));
        return;
      case 'seen':
        this.#seen(now, value.body);
        return;
      default:
        if (
          this.#mail?.receive(now, value) ||
          this.#promotion.receive(now, value) ||
          this.#publisher.receive(now, value)
        )
          return;
        this.#questions.receive(now, value);
    }
  }

  /** Whoever turns us out must show the authority's word; else it is one supernode that does not take us. */
  #toldOfRevoked(body: Body<'revokedTold'>): void {
    const { name, nodeId } = this.#member ?? { name: '', nodeId: '' };
    if (!this.#revocations.isRevoked(body, name, nodeId)) return;
    this.#out.push({ type: 'devices', news: { type: 'revoked' } });
  }

  /** Those that we are attached to hear of devices that our account has revoked. */
  #tellRevoked(now: Millis): void {
    for (const { to, message: value } of this.#revocations.toTell(this.#link.attached ? this.#relays : []))
      this.#sendToSupernode(now, value, true, this.#link.attemptAt(to));
  }

  #seen(now: Millis, { name, nodeId, attached, wasHere }: Body<'seen'>): void {
    const node = hexOf(nodeId);
    if (!isName(name) || !isIdHex(node) || node === this.#member?.nodeId) return;
    if (attached && wasHere) this.#peers.present(now, name, node);
    else if (attached) this.#peers.seen(now, name, node);
    else this.#peers.gone(name, node);
  }

  #forwardFailed(node: NodeId): void {
    const session = this.#connecting.get(node);
    this.#connecting.delete(node);
    if (session !== undefined) this.#switchboard.forget(session);
    this.#peers.forwardFailed(node);
  }

  #fromCarriers(now: Millis, output: CarrierOutput): true {
    if (output.type === 'link-up') this.#linkUp(now, output);
    else if (output.type === 'link-down') this.#linkDown(now, output.link, output.code);
    else if (output.type === 'carry') this.#links.carry(now, output);
    else this.#out.push(output);
    return true;
  }

  /** What came without a session answers a question of ours, or is nothing to us. */
  #fromClear(now: Millis, { from, packet }: ClearPacket): void {
    this.#restAt = undefined;
    if (packet.kind === PacketKind.youAre && from.carrier === 'udp') this.#nat.receive(now, from, packet.body);
    else if (packet.kind === PacketKind.elsewhere) this.#signpost.elsewhere(from, packet.body);
  }

  #fromNat(now: Millis, output: DiscoveryOutput): true {
    if (output.type === 'ask') this.#carriers.sendClear(output.to, output.packet);
    else {
      this.#known.setConnectivity(now, natClass(output.kind));
      this.#promotion.setNat(now, output.kind);
      this.#own.spares = this.#nat.spares;
      this.#tellCandidates(now);
      this.#out.push({ type: 'nat', kind: output.kind });
    }
    return true;
  }

  #linkUp(now: Millis, { link, peer }: Extract<CarrierOutput, { type: 'link-up' }>): void {
    const whose = this.#links.up(now, link);
    if (whose?.owner === 'login') {
      this.#login.connected(now, whose.attempt);
      this.#prepareLink(now);
    } else if (whose) this.#link.connected(now, whose.attempt, peer.nodeId);
  }

  #linkDown(now: Millis, link: LinkId, code: FailureCode): void {
    const whose = this.#links.down(now, link);
    if (whose?.owner === 'login') this.#login.failed(now, whose.attempt, code);
    else if (whose) this.#link.failed(now, whose.attempt);
  }

  #fromLink(now: Millis, output: PairOutput): true {
    switch (output.type) {
      case 'connect':
        if (output.endpoint.carrier === 'udp') this.#nat.written(output.endpoint.host);
        this.#links.connect(now, { owner: 'supernode', attempt: output.attempt, once: output.once }, output);
        return true;
      case 'prove':
        this.#links.prove(now, 'supernode', output.attempt);
        return true;
      case 'abandon':
        this.#links.abandon('supernode', output.attempt);
        this.#links.endOrphans(now);
        return true;
      case 'send':
        this.#sendToSupernode(now, output.message, output.reliable, output.attempt);
        return true;
      case 'attached':
        this.#attached(now, output);
        this.#mail?.setAttached(now, true);
        this.#peers.setOnline(true);
        for (const { name, node } of output.present) if (this.#isOther(name, node)) this.#peers.met(now, name, node);
        return true;
      case 'moved':
        this.#attached(now, output);
        this.#mail?.setAttached(now, false);
        this.#mail?.setAttached(now, true);
        this.#questions.repeat();
        return true;
      case 'relays':
        this.#relays = output.nodes;
        this.#signpost.setSupernode(output.nodes[0]);
        this.#media.setRelays(now, output.nodes);
        this.#tellCandidates(now);
        this.#publish(now);
        this.#tellRevoked(now);
        this.#out.push({ type: 'standby', endpoint: this.#link.standbyAt });
        return true;
      case 'wants-supernodes':
        this.#login.ask(now, SUPERNODES_TICKET, { kind: 'supernodesGet' });
        return true;
      case 'observed':
        this.#observed(now, output.observed);
        return true;
      case 'present':
        this.#present(now, output);
        return true;
      case 'detached':
        this.#mail?.setAttached(now, false);
        this.#peers.setOnline(false);
        this.#publisher.detached();
        this.#tellRevoked(now);
        this.#promotion.setAttached(now, false);
        this.#signpost.setSupernode(undefined);
        this.#questions.stop(output.code);
        this.#tellLink('connecting', output.code);
        this.#known.looking(now);
        this.#login.setSupernodes(this.#order());
        return true;
      case 'nobody':
        this.#tellNobody(output.tried);
        return true;
      case 'rtt':
        this.#out.push({ type: 'rtt', rttMs: output.rttMs });
        return true;
      case 'limited':
        this.#media.quota(now);
        this.#out.push({ type: 'limited', cap: output.cap, dropped: output.dropped });
        return true;
    }
  }

  #fromQuestions(now: Millis, output: QuestionOutput): true {
    if (output.type === 'send') this.#sendToSupernode(now, output.message, true);
    else if (output.type === 'found') {
      const others = output.nodes.filter((node) => node !== this.#member?.nodeId);
      this.#peers.whereabouts(now, output.name, others);
    } else if (output.type === 'records') this.#mail?.cardsTold(now, output.name, output.records, output.complete);
    else if (output.type === 'search-failed') this.#fallback.outcome(now, output);
    else {
      // Written by strangers and handed on by a supernode: nothing that a terminal would obey.
      const others = output.hits.filter(({ name }) => foldName(name) !== foldName(this.#member?.name ?? ''));
      const hits = others.map(({ name, displayName }) => ({ name, displayName: shownName(displayName) }));
      this.#fallback.outcome(now, { ...output, hits });
    }
    return true;
  }

  #fromFallback(now: Millis, output: FallbackOutput): true {
    if (output.type !== 'ask') this.#out.push(output);
    else this.#login.ask(now, NAME_TICKETS - output.question, { kind: 'nameAsk', name: output.name });
    return true;
  }

  /** What the index is to know of us. */
  #publish(now: Millis): void {
    if (!this.#people || !this.#link.attached || this.#relays.length === 0) return;
    const { displayName, listed, hiddenFrom } = this.#details(this.#people);
    this.#publisher.say(now, { homes: this.#relays, displayName, listed, hiddenFrom, mailKey: this.#mail?.ownKey });
  }

  /** Those of the watched who are here now: whoever is not among them has left while we were not told. */
  #present(now: Millis, { present, follows }: Extract<PairOutput, { type: 'present' }>): void {
    const watched = this.#people ? this.#watched(this.#people) : [];
    if (follows) this.#peers.presentFollows(now, watched);
    else this.#peers.onlyPresent(watched, new Set(present.map(({ node }) => node)));
    for (const { name, node } of present) if (this.#isOther(name, node)) this.#peers.present(now, name, node);
  }

  #isOther(name: string, node: string): boolean {
    return isName(name) && isIdHex(node) && node !== this.#member?.nodeId;
  }

  /** Our first supernode is this one now. */
  #attached(now: Millis, output: Extract<PairOutput, { type: 'attached' | 'moved' }>): void {
    this.#observed(now, output.observed);
    const texts = output.loginServers.slice(0, LOGIN_SERVERS_NAMED_MAX);
    const named = texts.map(parseEndpoint).filter((one) => one !== undefined);
    const known = this.#options.loginServers;
    this.#login.setServers([...known, ...named.filter((one) => !known.some((old) => sameEndpoint(old, one)))]);
    const { endpoint, way } = output;
    this.#known.attached(now, { server: output.server, way }, output.missed);
    this.#tellRevoked(now);
    // Where people gather is not forgotten because it missed once; only the next start begins elsewhere.
    if (output.type === 'attached') this.#link.setSupernodes(now, this.#order());
    this.#login.setSupernodes([endpoint]);
    const observed = parseEndpoint(output.observed);
    this.#promotion.setAttached(now, true, observed);
    const byProxy = isByProxy(way);
    this.#nat.attached(now, endpoint, byProxy ? undefined : observed, this.#order());
    // What it sees is the proxy, then.
    const nat = byProxy ? 'unknown' : natSeen(observed, this.#own.local);
    const { carrier } = endpoint;
    this.#out.push({
      type: 'link',
      state: 'online',
      endpoint,
      carrier,
      byProxy,
      trouble: undefined,
      observed,
      nat,
      ...this.#knowing(),
    });
  }

  #fromLogin(now: Millis, output: LoginClientOutput): true {
    if (output.type === 'connect') {
      const attached = this.#link.attemptAt();
      const through = attached === undefined ? undefined : this.#links.sessionOf('supernode', attached);
      this.#links.connectLogin(now, output, through);
    } else if (output.type === 'abandon') this.#links.abandonLogin(output.attempt);
    else if (output.type === 'send') {
      const session = this.#links.sessionOf('login', output.attempt);
      if (session !== undefined) this.#switchboard.send(now, session, output.message);
    } else if (output.ticket === RENEW_TICKET) this.#renewed(now, output);
    else if (output.ticket <= NAME_TICKETS) this.#fallback.answered(now, NAME_TICKETS - output.ticket, output);
    else if (output.ticket === SUPERNODES_TICKET) {
      if (output.type === 'reply' && output.message.kind === 'supernodes')
        this.#known.fromLogin(now, output.message.body);
      else this.#known.loginSilent();
    } else if (output.type === 'reply') {
      const { ticket } = output;
      this.#revocations.learn(output.message);
      this.#tellRevoked(now);
      this.#out.push({ type: 'login-reply', ticket, message: output.message, authorityDer: this.#trust.authorityDer });
    } else {
      const { ticket, code, retryAfterMs } = output;
      if (!this.#people) {
        this.#link.stop('nobody signs in');
        this.#nat.stop();
      }
      this.#out.push({ type: 'login-failed', ticket, code, retryAfterMs });
    }
    return true;
  }

  #renewed(now: Millis, output: Extract<LoginClientOutput, { type: 'reply' | 'failed' }>): void {
    if (output.type === 'failed' && output.code === 'device-revoked') {
      this.#out.push({ type: 'devices', news: { type: 'revoked' } });
    }
    if (!this.#member || output.type !== 'reply' || output.message.kind !== 'signedIn') return;
    const { certificate, expiresAtMs, serverTimeMs } = output.message.body;
    const certificateDer = Buffer.from(certificate);
    const judged = this.#trust.judge(certificateDer, undefined);
    if (!judged.ok || judged.identity.nodeId !== this.#member.nodeId) return;
    this.#member = { ...this.#member, certificateDer, expiresAtMs };
    this.#switchboard.setIdentity(this.#member);
    this.#publisher.setIdentity(this.#member);
    const { mailSeeds = [], mailSinceMs = 0 } = this.#member;
    // Letters are signed under a certificate, too.
    this.#mail?.setIdentity({ ...this.#member, mailSeeds, mailSinceMs });
    this.#renewal.schedule(now, expiresAtMs);
    this.#out.push({ type: 'renewed', certificateDer, expiresAtMs, serverTimeMs });
    // With the old one nobody may have let us in; the pause until the next try can be a minute.
    if (!this.#link.attached) this.#startLink(now);
  }

  #supernodesNamed(now: Millis): void {
    const order = this.#order();
    if (!this.#link.attached) this.#login.setSupernodes(order);
    if (this.#link.idle) this.#startLink(now);
    else this.#link.setSupernodes(now, order);
  }

  #fromPeers(now: Millis, output: PeerSessionsOutput): true {
    switch (output.type) {
      case 'lookup':
        if (this.#link.attached) this.#questions.lookup(now, output.name);
        else this.#peers.whereabouts(now, output.name, []);
        return true;
      case 'connect': {
        const { node } = output;
        const expect = { kind: 'person', nodeId: node } as const;
        this.#connecting.set(node, this.#switchboard.connect(now, { via: 'forward', node }, { expect }));
        return true;
      }
      case 'transmit':
        this.#switchboard.send(now, output.session, output.message);
        return true;
      case 'close':
        this.#switchboard.close(output.session, 'let go');
        return true;
      case 'retire':
        this.#switchboard.retire(output.session);
        return true;
      case 'tell':
        this.#mail?.tell(now, output.input);
        this.#people?.tell(now, output.input);
        this.#paths.tell(now, output.input);
        return true;
    }
  }

  #fromPeople(now: Millis, output: PeopleOutput): true {
    if (output.type === 'send') this.#peers.send(now, output.to, output.message, output.node);
    else if (output.type === 'details-changed') this.#detailsChanged = true;
    else if (output.type === 'post') this.#mail?.post(now, output.posted);
    else if (output.type === 'reached') this.#mail?.reached(output.to, output.node, output.id);
    else if (output.type === 'withdrawn') this.#mail?.withdrawn(output.to, output.id);
    else if (output.type === 'parted') this.#mail?.parted(output.name);
    else if (output.type === 'collect') this.#mail?.collectSoon(now);
    else if (output.type === 'missed-call') this.#out.push({ type: 'mail', news: output });
    else if (output.type === 'dismissed') this.#dismiss(now, output.name, output.node);
    else if (output.type === 'datagram') {
      const session = this.#peers.sessionTo(output.node);
      if (session !== undefined) this.#switchboard.sendDatagram(session, output.message);
    } else if (output.type === 'leg-media') this.#legMedia(now, output.order);
    else if (output.type === 'devices') {
      if (output.news.type === 'list-changed') this.#mail?.devicesChanged(now, output.news.name);
      this.#out.push(output);
    } else {
      if (output.type === 'call' && output.news.type === 'media-start') {
        this.#media.start(now, output.news);
        if (output.news.onHold) this.#media.hold(now, output.news.call, true);
      }
      if (output.type === 'call' && output.news.type === 'media-candidates') this.#media.candidates(now, output.news);
      if (output.type === 'call' && output.news.type === 'media-stop') {
        this.#media.stop(now, output.news.call);
        // At once, so that the totals come before the end of the call.
        for (const last of this.#media.drain()) this.#fromMedia(now, last);
      }
      if (output.type === 'call' && (output.news.type === 'held' || output.news.type === 'resumed')) {
        this.#media.hold(now, output.news.call, output.news.heldBy !== 'nobody');
      }
      // The choice of a mixer needs to know; once is enough.
      if (output.type === 'conference' && output.news.type === 'begun' && this.#promotion.uplinkKbps === 0)
        this.#promotion.measureUplink();
      this.#link.setInCall(now, this.#media.talking, this.#media.onHold);
      this.#out.push(output);
    }
    return true;
  }

  #fromMail(now: Millis, output: MailDeskOutput): true {
    if (output.type === 'to-supernode') this.#sendToSupernode(now, output.message, true);
    else if (output.type === 'ask-cards') this.#questions.records(now, output.name);
    else if (output.type === 'opened') {
      const { letter, from, node } = output;
      this.#mail?.opened(now, letter, from, this.#people?.heardInLetter(now, from, node, output.message));
    } else this.#out.push({ type: 'mail', news: output });
    return true;
  }

  #legMedia(now: Millis, order: Extract<PeopleOutput, { type: 'leg-media' }>['order']): void {
    if (order.type === 'media-start') this.#media.start(now, order);
    else if (order.type === 'media-candidates') this.#media.candidates(now, order);
    else if (order.type === 'media-hold') this.#media.hold(now, order.call, order.on);
    else this.#media.stop(now, order.call);
    for (const last of this.#media.drain()) this.#fromMedia(now, last);
    this.#link.setInCall(now, this.#media.talking, this.#media.onHold);
  }

  /** Whoever was revoked is told so, by the list that says it, before the session ends. */
  #dismiss(now: Millis, name: UserName, node: NodeId): void {
    const list = this.#people?.devices.listOf(name);
    if (!list || standingOf(list, node) !== 'revoked') return;
    this.#peers.dismiss(now, name, node, message('devicesTold', { list: list.signed as never }));
  }

  /** Of calls and of silent tests: both look for ways. */
  #fromMedia(now: Millis, output: CallMediaOutput | PathDeskOutput): true {
    if (output.type === 'send-voice') {
      const session = this.#peers.sessionTo(output.node);
      if (session !== undefined) this.#switchboard.sendVoice(session, output.bytes, output.routes);
    } else if (output.type === 'send-datagram') {
      const session = this.#peers.sessionTo(output.node);
      if (session !== undefined) this.#switchboard.sendDatagram(session, output.message, output.route, output.ttl);
    } else if (output.type === 'send') {
      // Behind the answer of the call, if that is still on its way out.
      this.#peers.send(now, output.to, output.message, output.node);
    } else if (output.type === 'vouch') {
      // Each that forwards for us: only one that the other end is attached to as well can answer.
      for (const relay of this.#relays) {
        const attempt = this.#link.attemptAt(relay);
        this.#sendToSupernode(now, message('vouch', { target: bytesOf(output.node) }), true, attempt);
      }
    } else if (output.type === 'use-route') {
      const session = this.#peers.sessionTo(output.node);
      if (session !== undefined) {
        this.#switchboard.setRoute(session, output.route, output.fallback ? { fallback: output.fallback } : {});
      }
    } else if (output.type === 'relay-silent') this.#link.check(now);
    else if (output.type === 'alive') this.#people?.mediaAlive(now, { type: 'media-alive', call: output.call });
    else {
      if (output.type === 'path') this.#lastPath = output.path;
      // No way was punched in a whole call: perhaps the NAT is no longer what we take it for.
      else if (output.type === 'media-totals' && this.#lastPath === 'relay') this.#nat.refresh(now);
      this.#out.push(output);
    }
    return true;
  }

  /** What a conference should know of us as a mixer. */
  #ownFacts(): OwnFacts {
    const word = natClass(this.#nat.kind);
    const isOpen = word === 'public' || word === 'full-cone' || this.#own.mapped !== undefined;
    const reach = isOpen ? 5 : word === 'no-udp' ? 1 : word === 'symmetric' ? 2 : word === 'unknown' ? 3 : 4;
    return { uplinkKbps: this.#promotion.uplinkKbps, idleCenticores: this.#idleCenticores, reach };
  }

  /** Relayed voice takes the way of our link: by datagrams, or inside its stream (slides, "Call Establishment"). */
  #relayedPath(through: NodeId | undefined) {
    const endpoint = this.#link.endpointAt(through);
    const via = endpoint ? printEndpoint(endpoint) : '';
    if (endpoint?.carrier !== 'tcp') return { path: 'relay' as const, via };
    return { path: endpoint.port === 443 ? ('tcp443' as const) : ('tcp' as const), via };
  }

  // ------------------------------------------------------------------ where we are

  #setHostCandidates(now: Millis, endpoints: readonly Endpoint[]): void {
    const first = this.#own.local.length === 0;
    this.#own.local = endpoints;
    this.#media.ours = endpoints;
    this.#nat.setLocal(now, endpoints);
    if (!first) {
      this.#media.doubt(now);
      this.#link.check(now);
    }
    this.#tellCandidates(now);
  }

  /** A stream of ours takes less than we send: the calls that go by it send less. */
  #backlog(now: Millis, { stream, waitingBytes }: Extract<NetInput, { type: 'stream-backlog' }>): void {
    this.#media.backlog(now, waitingBytes, (route) => {
      if (route.via !== 'forward') return route.via === 'stream' && route.stream === stream;
      const attempt = this.#link.attemptAt(route.through);
      const session = attempt === undefined ? undefined : this.#links.sessionOf('supernode', attempt);
      const way = session === undefined ? undefined : this.#switchboard.routeOf(session);
      return way?.via === 'stream' && way.stream === stream;
    });
  }

  /** Candidates of other people lead nowhere all the time; only ways in use are news. */
  #noWay(now: Millis, to: Endpoint): void {
    this.#media.noWay(now, to);
    if (this.#link.uses(to)) this.#link.check(now);
  }

  #observed(now: Millis, text: string): void {
    const reflexive = this.#own.observed(text);
    if (reflexive) this.#nat.observed(now, reflexive);
    this.#tellCandidates(now);
  }

  #tellCandidates(now: Millis): void {
    const endpoints = this.#own.candidates;
    this.#people?.command(now, { type: 'calls', command: { type: 'candidates', endpoints, relays: this.#relays } });
  }

  #knowing() {
    return { known: this.#known.size };
  }

  /** A round came to nothing: what was tried, for a person. */
  #tellNobody({ supernodes, ways }: Tried): void {
    const tried = { supernodes, ways, loginServer: this.#known.loginServer };
    const trouble = 'unreachable-network';
    this.#out.push({ type: 'link', state: 'connecting', endpoint: undefined, carrier: undefined, trouble, tried });
  }

  #tellLink(state: 'connecting' | 'offline', trouble: FailureCode | undefined): void {
    this.#out.push({ type: 'link', state, endpoint: undefined, carrier: undefined, trouble });
  }
}
