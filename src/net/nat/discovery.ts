/**
 * Finds out what stands between us and the internet, in the words of RFC 4787, by asking supernodes over our one UDP
 * socket, without a session: they are asked while we attach, so that the answer is there with the attachment. Methods of
 * RFC 5780, without its hairpin probe. Nobody is met at an address that was learned here, so a supernode that lies
 * gains nothing but a slower call.
 *
 *   mapping     two supernodes, at two ports each: where are we seen?
 *   filtering   one of them has two probes sent: by a supernode to whose address we never wrote, and from a port of
 *               its own to which we never wrote. Which of them comes through?
 *
 *   start --> questions --answer (cookie)--> question for probes --answer--> wait a moment --> kind
 *     unanswered: repeated, then the next supernode; probe missing: asked for again, for it may have been lost
 *   NAT_REFRESH_MS later, and when something changed: again
 *
 * With two supernodes the second is asked only after the probes, since it must be unknown to the NAT until then. With
 * one, its other ports must do.
 *
 * A little above 400 lines: one round of questions is one state machine.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isUnicastHost, sameEndpoint } from '../protocol/endpoint.ts';
import { hexOf } from '../protocol/ids.ts';
import {
  NAT_AVOID_MAX,
  NAT_PROBE_AGAIN_MS,
  NAT_PROBE_TRIES_MAX,
  NAT_PROBE_WAIT_MS_MAX,
  NAT_PROBE_WAIT_MS_MIN,
  NAT_PROBE_WAIT_RTT,
  NAT_REFRESH_MS,
  NAT_REFRESH_MS_MIN,
  NAT_RETRY_MS,
  NAT_SERVERS_ASKED,
  NAT_SERVERS_TRIED_MAX,
  NAT_SPARES_MAX,
  NAT_TRANSACTION_BYTES,
} from '../protocol/params.ts';
import { addressBytes } from './address-bytes.ts';
import { readYouAre, whoAmIPacket, type YouAre } from './clear-questions.ts';
import {
  addressesIn,
  filteringOf,
  mappingOf,
  NAT_UNKNOWN,
  type NatKind,
  type ProbesSeen,
  portsOf,
  type Sight,
} from './nat-kind.ts';

export type DiscoveryOutput =
  /** A whole packet, by UDP. */
  | { readonly type: 'ask'; readonly to: Endpoint; readonly packet: Buffer }
  /** Found, or found to be otherwise. */
  | { readonly type: 'kind'; readonly kind: NatKind };

interface Question {
  readonly to: Endpoint;
  readonly transaction: string;
  readonly packet: Buffer;
  /** At the port that everybody knows, not at the other one. */
  readonly isMain: boolean;
  sent: number;
  sentAt: Millis;
  /** Infinity when answered or given up. */
  nextAt: Millis;
  observed: Endpoint | undefined;
}

interface Probes extends ProbesSeen {
  readonly through: Endpoint;
  readonly cookie: Buffer;
  readonly fromHost: Buffer;
  readonly fromPort: Buffer;
  question: Question;
  rounds: number;
  againAt: Millis;
  /** When what has not come is taken for filtered. */
  decideAt: Millis;
  decided: boolean;
}

interface Run {
  readonly questions: Question[];
  /** Supernodes not asked yet, one endpoint for each address. */
  readonly queue: Endpoint[];
  asked: number;
  probes: Probes | undefined;
}

interface Link {
  readonly endpoint: Endpoint;
  readonly observed: Endpoint | undefined;
}

export class NatDiscovery {
  readonly #random: Random;
  #servers: readonly Endpoint[] = [];
  #ours: readonly Endpoint[] = [];
  #link: Link | undefined;
  #run: Run | undefined;
  #isPrepared = false;
  #begunAt: Millis = Number.NEGATIVE_INFINITY;
  #refreshAt: Millis = Number.POSITIVE_INFINITY;
  /** Addresses we have written to, the newest last. */
  readonly #written = new Set<string>();
  #kind: NatKind = NAT_UNKNOWN;
  #out: DiscoveryOutput[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** What is known now. */
  get kind(): NatKind {
    return this.#kind;
  }

  /**
   * Where else we are seen, by a NAT that keeps our port where it can: there a packet that came unasked has taken the port (realtime.md 1.6),
   * and Linux gives whatever is new the port that it gave instead. Empty for NATs that give ports as they like.
   */
  get spares(): readonly Endpoint[] {
    const seen = this.#sights().map(({ observed }) => observed);
    const isKept = ({ port }: Endpoint): boolean => this.#ours.some((one) => one.port === port);
    if (!seen.some(isKept)) return [];
    return seen
      .filter((one, at) => !isKept(one) && seen.findIndex((other) => sameEndpoint(other, one)) === at)
      .slice(0, NAT_SPARES_MAX);
  }

  /** Begins before it is known who we are; `start` goes on with it. */
  prepare(now: Millis, servers: readonly Endpoint[]): void {
    if (this.#isPrepared || servers.length === 0) return;
    this.start(now, servers);
    this.#isPrepared = true;
  }

  /** Begins, with these supernodes; those that are no literal address or no UDP are not asked. */
  start(now: Millis, servers: readonly Endpoint[]): void {
    this.#servers = servers;
    if (!this.#isPrepared) this.#begin(now);
    this.#isPrepared = false;
  }

  /** Signed out, or not signed in. */
  stop(): void {
    this.#run = undefined;
    this.#isPrepared = false;
    this.#link = undefined;
    this.#kind = NAT_UNKNOWN;
    this.#refreshAt = Number.POSITIVE_INFINITY;
  }

  /** Our own addresses; when they change, so may the NAT. */
  setLocal(now: Millis, endpoints: readonly Endpoint[]): void {
    const changed = this.#ours.length > 0;
    this.#ours = endpoints;
    if (changed && this.#run) this.#begin(now);
  }

  /** Something was sent to this address by UDP: the NAT may let it answer from now on. */
  written(host: string): void {
    this.#written.delete(host);
    this.#written.add(host);
    const [oldest] = this.#written;
    if (this.#written.size > NAT_AVOID_MAX && oldest !== undefined) this.#written.delete(oldest);
  }

  /** Attached there, and seen by it at `observed`; these are asked the next time. */
  attached(now: Millis, endpoint: Endpoint, observed: Endpoint | undefined, servers = this.#servers): void {
    this.#servers = servers;
    const before = this.#link;
    this.#link = { endpoint, observed: endpoint.carrier === 'udp' ? observed : undefined };
    if (!this.#run) return;
    const moved = before !== undefined && before.endpoint.host !== endpoint.host;
    if (moved) this.refresh(now);
    const known = this.#run.questions.some(({ to }) => to.host === endpoint.host);
    if (!known && !this.#run.probes) this.#ask(now, this.#run, { ...endpoint, carrier: 'udp' }, true);
    this.#tell();
  }

  /** Where our supernode sees us changed. */
  observed(now: Millis, observed: Endpoint | undefined): void {
    if (!this.#link || !observed || (this.#link.observed && sameEndpoint(this.#link.observed, observed))) return;
    this.#link = { ...this.#link, observed: this.#link.endpoint.carrier === 'udp' ? observed : undefined };
    this.refresh(now);
  }

  /** There is reason to doubt; at once, or as soon as the last time is long enough ago. */
  refresh(now: Millis): void {
    if (this.#servers.length > 0) this.#refreshAt = Math.min(this.#refreshAt, this.#begunAt + NAT_REFRESH_MS_MIN);
    this.wake(now);
  }

  /** The body of a YouAre that came from there. True when it answers a question of ours. */
  receive(now: Millis, from: Endpoint, body: Uint8Array): boolean {
    const said = readYouAre(body);
    const run = this.#run;
    if (!said || !run) return false;
    const question = run.questions.find(({ transaction }) => transaction === said.transaction);
    if (question) return this.#answered(now, run, question, from, said);
    const { probes } = run;
    if (!probes) return false;
    if (probes.question.transaction === said.transaction) return this.#announced(now, probes, from, said);
    return this.#probed(now, probes, from, said.transaction);
  }

  wake(now: Millis): void {
    if (now >= this.#refreshAt) return this.#begin(now);
    const run = this.#run;
    if (!run) return;
    for (const question of run.questions) this.#repeat(now, run, question);
    const { probes } = run;
    if (!probes) return;
    this.#repeat(now, run, probes.question);
    if (now >= probes.decideAt) this.#decide(now, run, probes);
    if (now >= probes.againAt) this.#askForProbes(now, probes);
  }

  wakeAt(): Millis {
    let at = this.#refreshAt;
    for (const { nextAt } of this.#run?.questions ?? []) at = Math.min(at, nextAt);
    const probes = this.#run?.probes;
    return probes ? Math.min(at, probes.question.nextAt, probes.decideAt, probes.againAt) : at;
  }

  drain(): DiscoveryOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #begin(now: Millis): void {
    const hosts = new Map<string, Endpoint>();
    const usable = this.#servers.filter(({ carrier, host }) => carrier === 'udp' && isUnicastHost(host));
    // Ours first: what stands before it matters most, and asking it makes nobody new known to the NAT.
    const link = usable.filter(({ host }) => host === this.#link?.endpoint.host);
    for (const one of [...link, ...usable]) if (!hosts.has(one.host)) hosts.set(one.host, one);
    this.#run = { questions: [], queue: [...hosts.values()], asked: 0, probes: undefined };
    this.#begunAt = now;
    this.#refreshAt = now + NAT_REFRESH_MS * (0.8 + 0.4 * this.#random.fraction());
    this.#fill(now, this.#run);
  }

  /** Asks as many supernodes as shall be asked at this stage. One stays unknown to the NAT until the probes are through. */
  #fill(now: Millis, run: Run): void {
    const isDone = run.probes?.decided ?? false;
    for (;;) {
      const alive = run.questions.filter(({ isMain, nextAt, observed }) => isMain && (observed || nextAt < Infinity));
      const spare = isDone || alive.length === 0 ? 0 : 1;
      if (alive.length >= NAT_SERVERS_ASKED || run.queue.length <= spare || run.asked >= NAT_SERVERS_TRIED_MAX) return;
      const next = run.queue.shift();
      if (!next) return;
      run.asked += 1;
      this.#ask(now, run, next, true);
    }
  }

  #ask(now: Millis, run: Run, to: Endpoint, isMain: boolean): void {
    const transaction = this.#random.bytes(NAT_TRANSACTION_BYTES);
    const question = this.#question(to, transaction, whoAmIPacket({ transaction }), isMain);
    run.questions.push(question);
    this.#send(now, question);
  }

  #question(to: Endpoint, transaction: Buffer, packet: Buffer, isMain: boolean): Question {
    const unsent = { sent: 0, sentAt: 0, nextAt: Number.POSITIVE_INFINITY, observed: undefined };
    return { to, transaction: hexOf(transaction), packet, isMain, ...unsent };
  }

  #send(now: Millis, question: Question): void {
    this.written(question.to.host);
    question.sentAt = now;
    question.nextAt = now + (NAT_RETRY_MS[question.sent] ?? 0);
    question.sent += 1;
    this.#out.push({ type: 'ask', to: question.to, packet: question.packet });
  }

  #repeat(now: Millis, run: Run, question: Question): void {
    if (now < question.nextAt) return;
    if (question.sent < NAT_RETRY_MS.length) return this.#send(now, question);
    question.nextAt = Number.POSITIVE_INFINITY;
    if (question === run.probes?.question) this.#decide(now, run, run.probes);
    else {
      this.#fill(now, run);
      this.#tell();
    }
  }

  #answered(now: Millis, run: Run, question: Question, from: Endpoint, said: YouAre): boolean {
    // From elsewhere it is none, even with the right number.
    if (!said.observed || question.observed || !sameEndpoint(from, question.to)) return false;
    question.observed = said.observed;
    question.nextAt = Number.POSITIVE_INFINITY;
    const { to, isMain } = question;
    if (isMain && said.otherPort !== undefined) this.#ask(now, run, { ...to, port: said.otherPort }, false);
    if (isMain && !run.probes) this.#beginProbes(now, run, to, said.cookie);
    this.#tell();
    return true;
  }

  // ------------------------------------------------------------------ probes

  #beginProbes(now: Millis, run: Run, through: Endpoint, cookie: Buffer): void {
    const fromHost = this.#random.bytes(NAT_TRANSACTION_BYTES);
    const fromPort = this.#random.bytes(NAT_TRANSACTION_BYTES);
    run.probes = {
      ...{ through, cookie, fromHost, fromPort, rounds: 0, decided: false },
      ...{ hostAsked: false, portAsked: false, hostCame: false, portCame: false },
      question: this.#question(through, fromHost, Buffer.alloc(0), false),
      againAt: Number.POSITIVE_INFINITY,
      decideAt: Number.POSITIVE_INFINITY,
    };
    this.#askForProbes(now, run.probes);
  }

  #askForProbes(now: Millis, probes: Probes): void {
    const transaction = this.#random.bytes(NAT_TRANSACTION_BYTES);
    const { through, cookie, fromHost, fromPort } = probes;
    const avoid = [...this.#written].map(addressBytes).filter((one) => one !== undefined);
    const packet = whoAmIPacket({ transaction, cookie, fromHost, fromPort, avoid });
    probes.question = this.#question(through, transaction, packet, false);
    probes.rounds += 1;
    probes.againAt = Number.POSITIVE_INFINITY;
    this.#send(now, probes.question);
  }

  #announced(now: Millis, probes: Probes, from: Endpoint, said: YouAre): boolean {
    if (!sameEndpoint(from, probes.through)) return false;
    const { question } = probes;
    probes.hostAsked ||= said.hostAsked;
    probes.portAsked ||= said.portAsked;
    question.nextAt = Number.POSITIVE_INFINITY;
    const waitMs = NAT_PROBE_WAIT_RTT * (now - question.sentAt);
    probes.decideAt = now + Math.min(Math.max(waitMs, NAT_PROBE_WAIT_MS_MIN), NAT_PROBE_WAIT_MS_MAX);
    this.#unlessAllCame(now, probes);
    return true;
  }

  #probed(now: Millis, probes: Probes, from: Endpoint, transaction: string): boolean {
    const isNew = !this.#written.has(from.host);
    if (transaction === hexOf(probes.fromHost) && isNew) probes.hostCame = true;
    else if (transaction === hexOf(probes.fromPort) && from.host === probes.through.host) probes.portCame = true;
    else return false;
    if (probes.decided) this.#tell();
    else this.#unlessAllCame(now, probes);
    return true;
  }

  /** What comes from an address we never wrote to would come from a port, too. */
  #unlessAllCame(now: Millis, probes: Probes): void {
    if (probes.hostCame && probes.decideAt < Infinity) probes.decideAt = now;
    this.wake(now);
  }

  #decide(now: Millis, run: Run, probes: Probes): void {
    probes.decided = true;
    probes.decideAt = Number.POSITIVE_INFINITY;
    // A lone supernode has nobody to ask: once its other port came through, nothing is missing.
    const isAlone = !probes.hostAsked && this.#servers.every(({ host }) => host === probes.through.host);
    const missing = !probes.hostCame && !(isAlone && probes.portCame);
    if (missing && probes.rounds < NAT_PROBE_TRIES_MAX) probes.againAt = now + NAT_PROBE_AGAIN_MS;
    // While probes may still be asked for, nobody new is written to.
    if (probes.againAt === Infinity || addressesIn(this.#sights()) !== 'one-address') this.#fill(now, run);
    this.#tell();
  }

  /** How we were seen, in the order in which we asked. */
  #sights(): Sight[] {
    const sights: Sight[] = [];
    const link = this.#link;
    for (const { to, observed } of this.#run?.questions ?? []) if (observed) sights.push({ from: to, observed });
    const isKnown = sights.some(({ from }) => link && sameEndpoint(from, link.endpoint));
    if (link?.observed && !isKnown) sights.push({ from: link.endpoint, observed: link.observed });
    // Each family has a NAT of its own, or none: the one we were seen in first.
    const isIPv6 = sights[0]?.from.host.includes(':');
    return sights.filter(({ from }) => from.host.includes(':') === isIPv6);
  }

  #tell(): void {
    const kind = this.#judged();
    if (!kind || isSame(kind, this.#kind)) return;
    // The same again by fewer witnesses, until the others have been heard.
    const { evidence } = this.#kind;
    if (!this.#isFinished && isSame({ ...kind, evidence }, this.#kind)) return;
    this.#kind = kind;
    this.#out.push({ type: 'kind', kind });
  }

  get #isFinished(): boolean {
    const { questions = [], probes } = this.#run ?? {};
    return questions.every(({ nextAt }) => nextAt === Infinity) && (probes?.againAt ?? Infinity) === Infinity;
  }

  /** Undefined while it is too early to say. */
  #judged(): NatKind | undefined {
    const run = this.#run;
    if (!run) return undefined;
    const sights = this.#sights();
    const waits = run.questions.some(({ nextAt }) => nextAt < Infinity);
    if (sights.length === 0) return this.#blocked(run, waits);
    if (run.probes ? !run.probes.decided : waits) return undefined;
    const ours = this.#ours;
    const mapping = mappingOf(sights, ours);
    const publicEndpoint = sights[0]?.observed;
    return {
      udp: 'works',
      mapping,
      ...filteringOf(run.probes, sights, this.#kind),
      ...portsOf(mapping, sights, ours),
      ...(publicEndpoint ? { publicEndpoint } : {}),
    } as NatKind;
  }

  /** Nobody answers, and yet there is a network: a stream took three times as long as a question and its answer. */
  #blocked(run: Run, waits: boolean): NatKind | undefined {
    const asked = run.questions.some(({ sent }) => sent >= 2);
    const isBlocked = this.#link?.endpoint.carrier === 'tcp' && (asked || !waits) && run.questions.length > 0;
    return isBlocked ? { ...NAT_UNKNOWN, udp: 'blocked' } : undefined;
  }
}

/** Made in one place, so that equal ones are equal as text. */
function isSame(a: NatKind, b: NatKind): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
