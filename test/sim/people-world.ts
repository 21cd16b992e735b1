/**
 * The whole network in virtual time: a login server, supernodes and people, each the real core under the real driver.
 * A person here is what the agent is there, without files: lines are "stored" in memory, sound is a number in a body.
 * Words of the scenes: `signUp`, `befriend`, `says`, `calls`, `hears`.
 */
import { silenceBody } from '../../src/audio/voice-body.ts';
import type { CallElsewhere } from '../../src/net/call/own-calls.ts';
import type { RosterEntry } from '../../src/net/chat/roster-entry.ts';
import { accountKeyOf, mailKeyOf } from '../../src/net/login/account-key.ts';
import { nodeIdOf } from '../../src/net/login/credential.ts';
import { type Device, type OpenedDevices, type SignedDevices, signDevices } from '../../src/net/login/device-list.ts';
import type { DevicesNews, KnownDevices } from '../../src/net/node/device-book.ts';
import { LoginNode, type LoginNodeCommand, type LoginNodeEvent } from '../../src/net/node/login-node.ts';
import {
  type Member,
  OrdinaryNode,
  type OrdinaryNodeCommand,
  type OrdinaryNodeEvent,
  type OrdinaryNodeOptions,
} from '../../src/net/node/ordinary-node.ts';
import type { PromotionNews } from '../../src/net/node/promotion-desk.ts';
import { Supernode, type SupernodeCommand, type SupernodeEvent } from '../../src/net/node/supernode.ts';
import type { Remembered } from '../../src/net/overlay/known-supernodes.ts';
import type { SealedWord } from '../../src/net/overlay/revoked-devices.ts';
import type { IndexSizes } from '../../src/net/overlay/sized-index.ts';
import type { Core } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { foldName, hexOf } from '../../src/net/protocol/ids.ts';
import { SEALED_KEY_BYTES } from '../../src/net/protocol/params.ts';
import type { NetInput } from '../../src/net/protocol/traffic.ts';
import type { Ticket } from '../../src/net/transport/tickets.ts';
import { keyPair, makeAuthority } from '../support/identities.ts';
import { MemoryAccounts, performNow } from '../support/memory-account-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { Running } from './host.ts';
import { type Place, place } from './places.ts';
import type { World } from './world.ts';

const PORT = 4000;
/** Servers are reached here as well, from behind firewalls that let little else through. */
const ALSO_TCP_PORTS = [80, 443];
/** Where supernodes answer and send what finds out the kind of a NAT. */
const SIDE_UDP_PORTS = [4001, 4002];
/** One authority for all worlds: an RSA-3072 key costs a second. */
let authority: ReturnType<typeof makeAuthority> | undefined;

export type PersonOptions = Partial<OrdinaryNodeOptions> & {
  readonly proxy?: Endpoint;
  /** Whose device it is, when its host is called otherwise. */
  readonly account?: string;
};

export class Person {
  readonly name: string;
  /** Host and key. */
  readonly label: string;
  readonly world: PeopleWorld;
  /** What is special of this one's node, and where the proxy of the machine listens. */
  readonly options: PersonOptions;
  node!: Running<OrdinaryNodeCommand, OrdinaryNodeEvent>;
  core!: OrdinaryNode;
  roster: readonly RosterEntry[] = [];
  certificate: { der: Buffer; expiresAtMs: number } | undefined;
  authorityDer: Buffer | undefined;
  /** What the profile keeps of supernodes and networks. */
  remembered: Remembered | undefined;
  /** Supernodes in the invite; all there are, when not said. */
  invited: readonly Endpoint[] | undefined;
  tickets: readonly Ticket[] = [];
  /** Our own list, and those of others, as the profile keeps them. */
  devices: SignedDevices | undefined;
  knownDevices: readonly KnownDevices[] = [];
  readonly deviceNews: DevicesNews[] = [];
  /** Lines received, each once, in order. */
  readonly lines: { from: string; text: string }[] = [];
  readonly delivered = new Set<string>();
  readonly #known = new Set<string>();
  readonly #outbox = new Map<string, { to: string; id: string; sequence: number; text: string; sentAtMs: number }>();
  #sequence = 0;
  #ticket = 0;
  readonly presence = new Map<string, string>();
  /** What happened to calls: `ringing`, `answered`, ..., with the path words among them. */
  readonly callLog: string[] = [];
  /** When, by the world's clock. */
  readonly callTimes: number[] = [];
  call: string | undefined;
  /** Calls at other devices of the account. */
  elsewhere: readonly CallElsewhere[] = [];
  readonly heard: Buffer[] = [];
  /** An agent's rooms hear what the node says, before this person does. */
  onEvent: (event: OrdinaryNodeEvent) => void = () => {};
  /** What the agent would do with the news of promotion. */
  onPromotion: (news: PromotionNews) => void = () => {};

  constructor(world: PeopleWorld, name: string, options: PersonOptions = {}) {
    this.world = world;
    this.label = name;
    this.name = options.account ?? name;
    this.options = options;
  }

  /** Starts the program anew on its host: what was stored is there, the rest is gone. */
  start(): void {
    const { world } = this;
    const random = world.world.random(`${this.label} ${world.starts++}`);
    this.core = new OrdinaryNode({
      random,
      wallClock: world.world.wallClock,
      pin: world.authority.pin,
      authorityDer: this.authorityDer,
      loginServers: world.loginEndpoints(),
      supernodes: this.invited ?? world.supernodeEndpoints(),
      remembered: this.remembered,
      software: 'wren test',
      fillerBody: silenceBody,
      hasProxy: this.options.proxy !== undefined,
      ...this.options,
    });
    world.watch?.(this.label, this.core);
    const { proxy } = this.options;
    this.node = world.world.host(this.label).run(this.core, { proxy, onEvent: (event) => this.#happened(event) });
    if (this.certificate) this.#become();
  }

  /** Killed without warning. */
  kill(): void {
    this.node.stop();
  }

  signUp(password = 'correct horse battery'): void {
    const publicKey = keyPair(this.label).spki;
    const request = { kind: 'signUp', name: this.name, password, displayName: this.name, publicKey } as const;
    this.node.command({ type: 'login', ticket: ++this.#ticket, request });
    this.world.world.until(() => this.online, 20_000);
  }

  /** The same with an account that there is. */
  signIn(password = 'correct horse battery'): void {
    const request = { kind: 'signIn', name: this.name, password, publicKey: keyPair(this.label).spki } as const;
    this.node.command({ type: 'login', ticket: ++this.#ticket, request });
    this.world.world.until(() => this.online, 20_000);
  }

  get nodeId(): string {
    return nodeIdOf(keyPair(this.label).spki);
  }

  /** As the list of its account has it; after a sign-in. */
  get device(): Device {
    const { label, nodeId } = this;
    const mailKey = mailKeyOf(mailSeedOf(label)).publicBytes;
    return { nodeId, label, addedAtMs: 0, certificate: this.certificate?.der ?? Buffer.alloc(0), mailKey };
  }

  /** As after a sign-in, or a change made here. */
  learns(list: OpenedDevices): void {
    this.devices = list.signed;
    this.does({ type: 'devices', own: list.signed });
  }

  get online(): boolean {
    const link = this.node.events.findLast((event) => event.type === 'link');
    return link?.type === 'link' && link.state === 'online';
  }

  relation(name: string): string | undefined {
    return this.core.rosterEntries().find((entry) => foldName(entry.name) === foldName(name) && !entry.removed)
      ?.relation;
  }

  does(command: OrdinaryNodeCommand): void {
    this.node.command(command);
  }

  befriend(other: Person): void {
    this.does({ type: 'roster', command: { type: 'add', name: other.name, message: 'hello' } });
    this.world.world.until(() => other.relation(this.name) === 'incoming', 20_000);
    other.does({ type: 'roster', command: { type: 'accept', name: this.name } });
    this.world.world.until(() => this.relation(other.name) === 'both' && other.relation(this.name) === 'both', 20_000);
  }

  says(to: Person, text: string): string {
    const id = hexOf(this.world.world.random(`line ${this.label} ${this.#sequence}`).bytes(16));
    this.#sequence += 1;
    const line = { to: to.name, id, sequence: this.#sequence, text, sentAtMs: this.world.world.wallClock() };
    this.#outbox.set(id, line);
    this.does({ type: 'messenger', command: { type: 'send', ...line } });
    return id;
  }

  /** The list of our account, brought to the login server. */
  puts(list: OpenedDevices): void {
    const ticket = ++this.#ticket;
    const sealedKey = Buffer.alloc(SEALED_KEY_BYTES);
    const request = { kind: 'devicesPut', baseVersion: list.version - 1, list: list.signed, sealedKey } as const;
    this.node.command({ type: 'login', ticket, request });
    const isOver = () =>
      this.node.events.some((event) => event.type.startsWith('login-') && 'ticket' in event && event.ticket === ticket);
    this.world.world.until(isOver, 20_000);
  }

  calls(other: Person): void {
    this.does({ type: 'calls', command: { type: 'place', to: other.name } });
  }

  /** Acts on the newest call. */
  call_(word: 'answer' | 'decline' | 'hang-up' | 'hold' | 'resume' | 'mute' | 'unmute'): void {
    this.does({ type: 'calls', command: { type: word, call: this.call ?? '' } });
  }

  get path(): string | undefined {
    const event = this.node.events.findLast((one) => one.type === 'path');
    return event?.type === 'path' ? event.path : undefined;
  }

  count(type: OrdinaryNodeEvent['type']): number {
    return this.node.events.filter((event) => event.type === type).length;
  }

  #become(): void {
    const { privateKey } = keyPair(this.label);
    const member: Member = {
      name: this.name,
      displayName: this.name,
      nodeId: this.nodeId,
      privateKey,
      certificateDer: this.certificate?.der ?? Buffer.alloc(0),
      expiresAtMs: this.certificate?.expiresAtMs ?? 0,
      roster: this.roster,
      presence: 'online',
      isService: false,
      tickets: this.tickets,
      devices: { own: this.devices, people: this.knownDevices },
      mailSeeds: [mailSeedOf(this.label)],
    };
    this.node.command({ type: 'become', member });
    this.node.command({ type: 'messenger', command: { type: 'restore', lines: [...this.#outbox.values()] } });
  }

  #happened(event: OrdinaryNodeEvent): void {
    this.onEvent(event);
    switch (event.type) {
      case 'login-reply':
        if (event.message.kind !== 'signedIn') return;
        this.authorityDer = event.authorityDer;
        this.certificate = {
          der: Buffer.from(event.message.body.certificate),
          expiresAtMs: event.message.body.expiresAtMs,
        };
        return this.#become();
      case 'renewed':
        this.certificate = { der: event.certificateDer, expiresAtMs: event.expiresAtMs };
        return;
      case 'remember':
        this.remembered = event.remembered;
        return;
      case 'roster':
        this.roster = this.core.rosterEntries();
        return;
      case 'devices':
        this.deviceNews.push(event.news);
        if (event.news.type === 'own-changed') this.devices = event.news.list.signed;
        this.knownDevices = this.core.knownDevices();
        return;
      case 'tickets-changed':
        this.tickets = this.core.tickets();
        return;
      case 'presence':
        this.presence.set(event.news.name, event.news.status);
        return;
      case 'mail':
        if (event.news.type !== 'missed-call') return;
        return this.does({
          type: 'messenger',
          command: { type: 'stored', from: event.news.from, id: String(event.news.call) },
        });
      case 'messenger':
        return this.#chat(event.news);
      case 'call':
        if (event.news.type === 'elsewhere') {
          this.elsewhere = event.news.calls;
          return;
        }
        if ('call' in event.news && event.news.type !== 'refused') this.call = event.news.call;
        this.callTimes[this.callLog.length] = this.world.world.now;
        this.callLog.push(event.news.type === 'ended' ? `ended ${event.news.reason}` : event.news.type);
        return;
      case 'play':
        this.heard.push(event.body);
        return;
      case 'promotion':
        this.onPromotion(event.news);
    }
  }

  #chat(news: Extract<OrdinaryNodeEvent, { type: 'messenger' }>['news']): void {
    if (news.type === 'received') {
      if (!this.#known.has(news.id)) this.lines.push({ from: news.from, text: news.text });
      this.#known.add(news.id);
      this.does({ type: 'messenger', command: { type: 'stored', from: news.from, id: news.id } });
    } else if (news.type === 'delivered') {
      this.delivered.add(news.id);
      this.#outbox.delete(news.id);
    }
  }
}

function mailSeedOf(label: string): Buffer {
  return seededRandom(`mail key ${label}`).bytes(32);
}

export class PeopleWorld {
  readonly world: World;
  readonly authority: ReturnType<typeof makeAuthority>;
  readonly accounts = new MemoryAccounts();
  starts = 0;
  loginAddress: string;
  /** Of each supernode that starts. */
  relayKbps = 1000;
  clientsMax: number | undefined;
  login!: Running<LoginNodeCommand, LoginNodeEvent>;
  readonly supernodes = new Map<string, Running<SupernodeCommand, SupernodeEvent>>();
  readonly #kept = new Map<string, { der: Buffer; expiresAtMs: number; authorityDer: Buffer }>();
  readonly #revocations = new Map<string, readonly SealedWord[]>();
  /** Of each supernode: when the index goes over to slots. */
  readonly indexSizes: IndexSizes | undefined;
  /** Is shown every core before it runs, with the name of its host. */
  readonly watch: ((name: string, core: Core<NetInput, never, { readonly type: string }>) => void) | undefined;

  constructor(
    world: World,
    supernodes: readonly string[] = ['super1'],
    watch?: PeopleWorld['watch'],
    indexSizes?: IndexSizes,
  ) {
    this.world = world;
    this.watch = watch;
    this.indexSizes = indexSizes;
    authority ??= makeAuthority();
    this.authority = authority;
    this.loginAddress = world.host('login').address;
    this.startLogin();
    for (const name of supernodes) {
      world.host(name);
      this.startSupernode(name);
    }
    world.until(
      () => [...this.supernodes.values()].every((one) => one.events.some((event) => event.type === 'certified')),
      20_000,
    );
  }

  startLogin(): void {
    const { world } = this;
    const core = new LoginNode({
      random: world.random(`login ${this.starts++}`),
      wallClock: world.wallClock,
      issuer: this.authority.issuer,
      identity: this.authority.issue('login-server', 'login server', 3650 * 86_400_000),
      passwordCost: { n: 16, r: 8, p: 1 },
    });
    this.watch?.('login', core);
    this.login = world.host('login').run<LoginNodeCommand, LoginNodeEvent>(core, {
      port: PORT,
      ...{ alsoTcpPorts: ALSO_TCP_PORTS, offersTls: true },
      onEvent: (event) => {
        if (event.type !== 'effect') return;
        this.login.command({ type: 'effect-done', id: event.id, result: performNow(this.accounts, event.effect) });
      },
    });
  }

  startSupernode(name: string): void {
    const { world } = this;
    const { privateKey, spki } = keyPair(name);
    const host = world.host(name);
    const kept = this.#kept.get(name);
    const core = new Supernode({
      random: world.random(`${name} ${this.starts++}`),
      wallClock: world.wallClock,
      pin: this.authority.pin,
      authorityDer: kept?.authorityDer,
      certificate: kept,
      revocations: this.#revocations.get(name),
      loginServers: [{ carrier: 'tcp', host: this.loginAddress, port: PORT }],
      endpoints: [{ carrier: 'udp', host: host.address, port: PORT }],
      relayKbps: this.relayKbps,
      clientsMax: this.clientsMax,
      indexSizes: this.indexSizes,
      privateKey,
      publicKeySpki: spki,
      nodeId: nodeIdOf(spki),
    });
    const onEvent = (event: SupernodeEvent): void => {
      if (event.type === 'revocations') this.#revocations.set(name, event.words);
      if (event.type !== 'certified') return;
      const { certificateDer: der, expiresAtMs, authorityDer } = event;
      this.#kept.set(name, { der, expiresAtMs, authorityDer });
    };
    this.watch?.(name, core);
    const ports = { port: PORT, alsoTcpPorts: ALSO_TCP_PORTS, sideUdpPorts: SIDE_UDP_PORTS, offersTls: true };
    this.supernodes.set(name, host.run(core, { ...ports, onEvent }));
  }

  /** The login server by each of its addresses. */
  loginEndpoints(): Endpoint[] {
    return this.world.host('login').addresses.map((host) => ({ carrier: 'tcp', host, port: PORT }));
  }

  supernodeEndpoints() {
    return [...this.supernodes.keys()].map((name) => ({
      carrier: 'udp' as const,
      host: this.world.host(name).address,
      port: PORT,
    }));
  }

  /** A person whose program runs, not signed up yet; on a host that is there already, or in this place. */
  person(name: string, where?: Place, options: PersonOptions = {}): Person {
    if (where) place(this.world, where, name);
    else this.world.host(name);
    const person = new Person(this, name, options);
    person.start();
    return person;
  }

  /** The account of these devices signs that it has them: `learns` of a person takes it, as its agent would. */
  sign(version: number, devices: readonly Person[], revoked: readonly Person[] = []): OpenedDevices {
    const name = devices[0]?.name ?? '';
    const list = signDevices(
      {
        ...{ name, version, devices: devices.map(({ device }) => device) },
        revoked: revoked.map(({ nodeId }) => ({ nodeId, atMs: version })),
      },
      accountKeyOf(seededRandom(`account key ${name}`).bytes(32)),
    );
    return list;
  }

  /** Two buddies, online. */
  buddies(where: { readonly alice1?: Place; readonly bobby1?: Place } = {}): [Person, Person] {
    const alice = this.person('alice1', where.alice1);
    const bobby = this.person('bobby1', where.bobby1);
    alice.signUp();
    bobby.signUp();
    alice.befriend(bobby);
    return [alice, bobby];
  }
}
