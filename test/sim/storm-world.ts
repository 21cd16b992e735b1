/**
 * Clients and supernodes when everything goes wrong at once, in virtual time: the real cores of both ends of an
 * attachment (`SupernodePair` with `HostCache`, `Registrar`) and of membership, joined by a network with latency.
 * Handshakes are not played but for what they cost: round trips, a share of the supernode's core, its bucket of
 * signatures. Each supernode has one core on which it does one thing after the other, so that overload means delay.
 */
import type { Beyond } from '../../src/net/overlay/beyond.ts';
import { HostCache } from '../../src/net/overlay/host-cache.ts';
import { lessLoaded } from '../../src/net/overlay/less-loaded.ts';
import { viewOf } from '../../src/net/overlay/member-table.ts';
import { Membership } from '../../src/net/overlay/membership.ts';
import { Registrar } from '../../src/net/overlay/registrar.ts';
import { type PairOutput, SupernodePair } from '../../src/net/overlay/supernode-pair.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { bytesOf, hexOf, type NodeId } from '../../src/net/protocol/ids.ts';
import { LOAD_LOOK_MS, LOAD_STEP_PERMILLE, WORK_COST_MS } from '../../src/net/protocol/overlay-params.ts';
import { ENTRIES_PER_ANSWER_MAX, HANDSHAKES_PER_SECOND_MAX } from '../../src/net/protocol/params.ts';
import { TokenBucket } from '../../src/net/protocol/token-bucket.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/net/wire/messages.ts';
import { Chance } from './chance.ts';
import { Timeline } from './timeline.ts';

const WALL_MS = Date.UTC(2026, 5, 1);
/** A packet that is opened, read and answered (bench: 62 microseconds), and a probe of membership. */
const MESSAGE_COST_MS = 0.1;
/** A handshake takes so many round trips; who has a ticket saves none. */
const HANDSHAKE_ROUND_TRIPS = 2;
/** Supernodes that a client has heard of, beside those of the invite. */
const HEARD = 32;
const INVITED = 4;
/** Supernodes that one supernode may name to a client in a day. */
const DRAWN = 24;
/** A supernode's timers are looked at so often: news waits 20 to 60 ms. */
const STEP_MS = 50;

interface Session {
  readonly client: StormClient;
  readonly attempt: number;
  readonly life: number;
}

export interface StormSupernode {
  readonly id: NodeId;
  readonly place: Endpoint;
  readonly x: number;
  readonly y: number;
  life: number;
  membership: Membership;
  registrar: Registrar;
  signatures: TokenBucket;
  readonly sessions: Map<number, Session>;
  busyUntil: number;
  announced: number;
  /** ms of its core, by second. */
  readonly work: Map<number, number>;
  alive: boolean;
}

interface StormClient {
  readonly id: NodeId;
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly cache: HostCache;
  pair: SupernodePair;
  life: number;
  /** attempt -> session at which supernode. */
  readonly sessions: Map<number, { readonly at: StormSupernode; readonly session: number }>;
  runs: boolean;
  wakeAt: number;
  cancel: () => void;
  lastGood: Endpoint | undefined;
}

const DETAILS = { displayName: '', listed: true, hiddenFrom: [], watch: [], software: 'wren sim' };
const NOTHING_BEYOND: Beyond = {
  hasOthers: true,
  setWatch: () => undefined,
  changedHere: () => undefined,
  sees: () => false,
  seenBy: () => [],
  lookup: () => undefined,
  forward: () => undefined,
  vouch: () => undefined,
  search: () => ({ hits: [], next: '', whole: true, complete: true }),
  publish: () => undefined,
  printOf: () => 0,
  records: () => undefined,
};

export interface StormOptions {
  readonly seed: number;
  readonly supernodes: number;
  readonly clients: number;
  /** Of each supernode. */
  readonly clientsMax: number;
}

export class StormWorld {
  readonly supernodes: StormSupernode[];
  readonly clients: StormClient[];
  readonly chance: Chance;
  readonly #options: StormOptions;
  readonly #timeline = new Timeline(0);
  readonly #byId = new Map<NodeId, StormSupernode>();
  readonly #byPlace = new Map<string, StormSupernode>();
  /** Supernodes that were never away, and that somebody held for dead. */
  falseDeaths = 0;
  redirects = 0;
  attempts = 0;
  #session = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.chance = new Chance(options.seed, 'storm');
    this.supernodes = Array.from({ length: options.supernodes }, (_, i) => this.#makeSupernode(i));
    const view = viewOf([...this.#byId.keys()], 0);
    for (const one of this.supernodes) {
      one.membership.adopt(0, view);
      this.#run(one);
    }
    this.clients = Array.from({ length: options.clients }, (_, i) => this.#makeClient(i));
  }

  get now(): number {
    return this.#timeline.now;
  }

  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.#timeline.step(limit));
  }

  after(ms: number, happen: () => void): void {
    this.#timeline.after(ms, happen);
  }

  online(): number {
    return this.clients.filter(({ runs, pair }) => runs && this.#isServed(pair)).length;
  }

  startClient(client: StormClient): void {
    client.life += 1;
    client.runs = true;
    client.pair = new SupernodePair(new Chance(this.#options.seed, `${client.name} ${client.life}`));
    client.pair.start(this.now, this.#order(client), DETAILS);
    this.#settleClient(client);
  }

  /** Gone without a word. */
  stopClient(client: StormClient): void {
    client.runs = false;
    client.life += 1;
    client.cancel();
    client.sessions.clear();
  }

  kill(one: StormSupernode): void {
    one.alive = false;
    one.life += 1;
    one.sessions.clear();
  }

  /** It has forgotten everything but whom it knew. */
  restart(one: StormSupernode): void {
    one.alive = true;
    one.life += 1;
    one.busyUntil = this.now;
    Object.assign(one, this.#cores(one.id));
    const known = this.supernodes.filter((other) => other !== one && this.chance.hits(8 / this.supernodes.length));
    for (const { id } of known) one.membership.entryKnown(this.now, id, 1);
    one.membership.announce(this.now, { loadPermille: 0, entryIssuedAtMs: 1 });
    const contacts = known.slice(0, 4).map(({ id }) => id);
    one.membership.start(this.now, contacts);
    this.#run(one);
  }

  #isServed(pair: SupernodePair): boolean {
    const at = pair.attached ? pair.endpointAt() : undefined;
    return at !== undefined && (this.#byPlace.get(at.host)?.alive ?? false);
  }

  // ------------------------------------------------------------------ supernodes

  #makeSupernode(number: number): StormSupernode {
    const id = this.chance.bytes(16).toString('hex');
    const place: Endpoint = { carrier: 'udp', host: `10.${number >> 8}.${number & 255}.1`, port: 4000 };
    const where = { x: this.chance.fraction() * 80, y: this.chance.fraction() * 80 };
    const state = { life: 0, sessions: new Map(), busyUntil: 0, announced: 0, work: new Map(), alive: true };
    const one: StormSupernode = { id, place, ...where, ...state, ...this.#cores(id) };
    this.#byId.set(id, one);
    this.#byPlace.set(place.host, one);
    return one;
  }

  #cores(id: NodeId) {
    const membership = new Membership({ random: new Chance(this.#options.seed, `member ${id} ${this.now}`), self: id });
    const sealed = (of: NodeId) => ({ certificate: Buffer.of(1), record: bytesOf(of), signature: Buffer.of(1) });
    const drawn = (client: NodeId): { nodeId: NodeId }[] => {
      const lots = new Chance(this.#options.seed, `lots ${id} ${client}`);
      const places = Array.from({ length: DRAWN }, () => lots.between(0, this.supernodes.length - 1));
      return [...new Set(places)]
        .map((at) => ({ nodeId: this.supernodes[at]?.id ?? '' }))
        .filter((one) => one.nodeId !== id);
    };
    const registrar = new Registrar({
      ...{ loginServers: [], relayKbps: 1_000, clientsMax: this.#options.clientsMax, beyond: NOTHING_BEYOND },
      entriesFor: (client) =>
        drawn(client)
          .slice(0, ENTRIES_PER_ANSWER_MAX)
          .map(({ nodeId }) => sealed(nodeId)),
      lessLoaded: (client) => lessLoaded(drawn(client), (of) => membership.get(of)).map(({ nodeId }) => sealed(nodeId)),
      wallClock: () => WALL_MS + this.now,
    });
    const signatures = new TokenBucket(HANDSHAKES_PER_SECOND_MAX, HANDSHAKES_PER_SECOND_MAX);
    return { membership, registrar, signatures };
  }

  /** Wakes its rooms as a driver would: when its core is free. */
  #run(one: StormSupernode): void {
    const { life } = one;
    const step = (): void => {
      if (!one.alive || one.life !== life) return;
      this.#works(one, 0, () => {
        one.membership.wake(this.now);
        one.registrar.wake(this.now);
        this.#settle(one);
        const at = Math.min(one.membership.wakeAt(), one.registrar.wakeAt(), this.now + STEP_MS);
        this.#timeline.at(Math.max(at, this.now + 1), step);
      });
    };
    const looksAtLoad = (): void => {
      if (!one.alive || one.life !== life) return;
      const loadPermille = one.registrar.loadPermille(this.now);
      if (Math.abs(loadPermille - one.announced) >= LOAD_STEP_PERMILLE) {
        one.announced = loadPermille;
        one.membership.announce(this.now, { loadPermille, entryIssuedAtMs: 1 });
      }
      this.after(LOAD_LOOK_MS, looksAtLoad);
    };
    this.after(LOAD_LOOK_MS * this.chance.fraction(), looksAtLoad);
    step();
  }

  /** Does it when the core gets round to it. */
  #works(one: StormSupernode, costMs: number, what: () => void): void {
    const { life } = one;
    const begin = Math.max(one.busyUntil, this.now);
    one.busyUntil = begin + costMs;
    const second = Math.floor(begin / 1_000);
    one.work.set(second, (one.work.get(second) ?? 0) + costMs);
    const happens = (): void => {
      if (one.alive && one.life === life) what();
    };
    if (begin + costMs <= this.now) happens();
    else this.#timeline.at(begin + costMs, happens);
  }

  #settle(one: StormSupernode): void {
    for (const output of one.membership.drain()) {
      if (output.type === 'send') this.#toMember(one, output.to, output.message);
      else if (output.type === 'doubted') one.registrar.doubted(output.id);
      else if (output.type === 'changed') {
        // Of those that started again the old death may still be told.
        if (!output.lives && this.#byId.get(output.id)?.life === 0) this.falseDeaths += 1;
      } else {
        this.after(150, () => {
          if (one.alive) one.membership.entryKnown(this.now, output.id, 1);
        });
      }
    }
    for (const { session, message } of one.registrar.drain()) {
      const to = one.sessions.get(session);
      if (!to) continue;
      if (message.kind === 'redirect') this.redirects += 1;
      this.after(this.#delayMs(one, to.client), () => {
        if (to.client.life === to.life) this.#toClient(to.client, to.attempt, travelled(message));
      });
    }
  }

  #toMember(from: StormSupernode, to: NodeId, value: Message): void {
    const other = this.#byId.get(to);
    if (!other) return;
    const message = travelled(value);
    this.after(this.#delayMs(from, other), () => {
      if (!other.alive) return;
      this.#works(other, MESSAGE_COST_MS, () => {
        other.membership.receive(this.now, from.id, message);
        this.#settle(other);
      });
    });
  }

  // ------------------------------------------------------------------ clients

  #makeClient(number: number): StormClient {
    const chance = new Chance(this.#options.seed, `client ${number}`);
    const invite = this.supernodes.slice(0, INVITED).map(({ place }) => place);
    const cache = new HostCache(chance, invite);
    for (let i = 0; i < HEARD; i += 1) {
      const { id, place } = this.supernodes[chance.between(0, this.supernodes.length - 1)] as StormSupernode;
      cache.name({ nodeId: id, endpoints: [place], issuedAtMs: WALL_MS - i * 60_000 }, 'heard');
    }
    const client: StormClient = {
      ...{ id: chance.bytes(16).toString('hex'), name: `person-${number}`, cache, life: 0, runs: false },
      ...{ x: chance.fraction() * 80, y: chance.fraction() * 80, sessions: new Map(), lastGood: undefined },
      ...{ pair: new SupernodePair(chance), wakeAt: Number.POSITIVE_INFINITY, cancel: () => undefined },
    };
    return client;
  }

  #order({ cache, lastGood }: StormClient): Endpoint[] {
    return cache.order(WALL_MS + this.now, 'home', { lastGood });
  }

  #settleClient(client: StormClient): void {
    const { pair, life } = client;
    for (let said = pair.drain(); said.length > 0; said = pair.drain()) {
      for (const output of said) this.#act(client, output);
    }
    const at = pair.wakeAt();
    if (at === client.wakeAt) return;
    client.cancel();
    client.wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    client.cancel = this.#timeline.at(Math.max(at, this.now), () => {
      client.wakeAt = Number.POSITIVE_INFINITY;
      if (client.life !== life) return;
      pair.wake(this.now);
      this.#settleClient(client);
    });
  }

  #act(client: StormClient, output: PairOutput): void {
    if (output.type === 'connect') this.#connect(client, output.attempt, output.endpoint);
    else if (output.type === 'abandon') {
      const open = client.sessions.get(output.attempt);
      client.sessions.delete(output.attempt);
      if (open) this.#reach(client, open.at, MESSAGE_COST_MS, () => this.#closes(open.at, open.session));
    } else if (output.type === 'send') {
      const open = client.sessions.get(output.attempt);
      if (!open) return;
      const message = travelled(output.message);
      const costMs = message.kind === 'attach' ? WORK_COST_MS.attach / 3 : MESSAGE_COST_MS;
      this.#reach(client, open.at, costMs, () => this.#serves(open.at, open.session, message));
    } else if (output.type === 'attached' || output.type === 'moved') {
      client.lastGood = output.server;
      client.cache.raced(WALL_MS + this.now, 'home', { server: output.server, way: output.way }, output.missed);
      if (output.type === 'attached') client.pair.setSupernodes(this.now, this.#order(client));
    }
  }

  /** All that a handshake is to both: packets, a signature, time. Nobody answers where nobody lives. */
  #connect(client: StormClient, attempt: number, endpoint: Endpoint): void {
    this.attempts += 1;
    const at = this.#byPlace.get(endpoint.host);
    if (!at) return;
    const { life } = client;
    const delayMs = this.#delayMs(at, client);
    this.after(delayMs, () => {
      if (!at.alive || !at.signatures.take(this.now)) return;
      this.#works(at, (2 * WORK_COST_MS.attach) / 3, () => {
        this.after((2 * HANDSHAKE_ROUND_TRIPS - 1) * delayMs, () => {
          if (client.life !== life || !at.alive) return;
          this.#session += 1;
          const session = this.#session;
          at.sessions.set(session, { client, attempt, life });
          client.sessions.set(attempt, { at, session });
          client.pair.connected(this.now, attempt, at.id);
          this.#settleClient(client);
        });
      });
    });
  }

  #reach(client: StormClient, at: StormSupernode, costMs: number, what: () => void): void {
    const { life } = at;
    this.after(this.#delayMs(at, client), () => {
      if (at.alive && at.life === life) this.#works(at, costMs, what);
    });
  }

  #serves(at: StormSupernode, session: number, value: Message): void {
    const known = at.sessions.get(session);
    if (!known) return;
    const { name, id: nodeId } = known.client;
    const observed = 'udp:192.0.2.1:4000';
    const peer = { session, name, nodeId, observed };
    at.registrar.receive(this.now, { session, observed, host: '192.0.2.1', peer }, value);
    this.#settle(at);
  }

  #closes(at: StormSupernode, session: number): void {
    at.sessions.delete(session);
    at.registrar.sessionClosed(session);
    this.#settle(at);
  }

  #toClient(client: StormClient, attempt: number, value: Message): void {
    if (value.kind === 'redirect') {
      const named = value.body.entries.flatMap(({ record }) => this.#byId.get(hexOf(record ?? Buffer.alloc(0))) ?? []);
      for (const { id, place } of named)
        client.cache.name({ nodeId: id, endpoints: [place], issuedAtMs: WALL_MS }, 'heard');
      client.pair.redirected(
        this.now,
        attempt,
        value.body,
        named.map(({ place }) => place),
      );
    } else client.pair.receive(this.now, attempt, value);
    this.#settleClient(client);
  }

  #delayMs(a: { x: number; y: number }, b: { x: number; y: number }): number {
    return 5 + 0.6 * Math.hypot(a.x - b.x, a.y - b.y) + 5 * this.chance.fraction();
  }
}

/** As it comes out of a packet, with every field. */
function travelled(value: Message): Message {
  return decodeMessage(encodeMessage(value)) as Message;
}
