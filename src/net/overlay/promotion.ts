/**
 * Whether this node shall be a supernode, judged from measured facts: consent, how long it is attached, which NAT it is
 * behind, what the machine has to spare, whether the network needs one more, bandwidth up, and whether supernodes that
 * it has never written to reach it by UDP and by TCP. It says what to do next and why not; the node (`promotion-desk.ts`)
 * asks the supernodes, the agent runs what serves, in a process of its own.
 *
 *   ordinary | candidate --all that is cheap is well--> look (is one more needed?)
 *     --yes--> open (a port) --> ask (dial-backs), train (bandwidth)
 *     --all came--> serve --> certified --> supernode
 *     --not all, three rounds--> close; candidate again, tried ever more rarely
 *   supernode --consent withdrawn | facts bad for a minute | out of reach twice--> leave --> closed --> ordinary
 *
 * Beginning asks for more than going on, so that nobody comes and goes (hysteresis). Source: the criteria of the classic
 * network, public address, processor, memory, bandwidth, uptime (BS04, ROS08), which asked for no consent.
 *
 * Above 400 lines: one state machine is one thing to read.
 */
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import {
  DIAL_BACK_ROUND_MS,
  DIAL_BACK_ROUNDS,
  DIAL_BACK_TOLD_MS,
  DIAL_BACK_WAIT_MS,
  DIAL_BACKS,
  PROMOTION_BAD_MS,
  PROMOTION_BUSY_PERCENT_MAX,
  PROMOTION_CHECK_MS,
  PROMOTION_ENROL_MS,
  PROMOTION_FACTS_MS,
  PROMOTION_FREE_MEMORY_MIN,
  PROMOTION_NEED_MS,
  PROMOTION_REST_MS,
  PROMOTION_RETRY_MS,
  PROMOTION_UP_BPS_MIN,
  PROMOTION_UPTIME_MS,
  SERVING_BUSY_PERCENT_MAX,
  SERVING_FREE_MEMORY_MIN,
  SUPERNODES_ENOUGH,
  SUPERNODES_IDLE_PERMILLE,
} from '../protocol/overlay-params.ts';

/** `always`: whether it is needed or not, and the machine busy or not; `yes`: when; `unasked`: the person must be asked. */
export type Consent = 'never' | 'unasked' | 'yes' | 'always';
export type Role = 'ordinary' | 'candidate' | 'supernode' | 'leaving';
/** Which NAT stands before us, as far as it matters here. `private`: an address that only neighbours reach. */
export type Exposure = 'unknown' | 'open' | 'closed' | 'no-udp' | 'private';
/** Why it is what it is; the words for people are with whoever shows them. */
export type Why =
  | 'refused'
  | 'not-attached'
  | 'nat-unknown'
  | 'nat-closed'
  | 'no-udp'
  | 'private-network'
  | 'uptime'
  | 'machine-unknown'
  | 'busy'
  | 'memory'
  | 'to-be-asked'
  | 'resting'
  | 'looking'
  | 'not-needed'
  | 'measuring'
  | 'not-reachable'
  | 'bandwidth'
  | 'enrolling'
  | 'not-certified'
  | 'serves'
  | 'handing-over';

export interface Machine {
  /** Of all cores, over the last seconds, without what we serve ourselves. */
  readonly busyPercent: number;
  readonly freeMemoryBytes: number;
}

/** What the last dial-back came to. */
export interface Reached {
  readonly of: number;
  readonly byUdp: number;
  readonly byTcp: number;
  readonly at: Millis;
}

export interface Judgement {
  readonly role: Role;
  readonly why: Why;
  /** Of a refused enrolment. */
  readonly code?: FailureCode;
  readonly uptimeMs: number | undefined;
  readonly machine: Machine | undefined;
  readonly upBitsPerSecond: number | undefined;
  readonly reached: Reached | undefined;
  /** Supernodes of the network, and how much they have to do. */
  readonly network: { readonly supernodes: number; readonly loadPermille: number } | undefined;
}

export type PromotionOutput =
  /** The judgement is another one. */
  | { readonly type: 'judged'; readonly judgement: Judgement }
  /** How is the network? Answered by `network`. */
  | { readonly type: 'look' }
  /** Have a port opened for what is to serve; answered by `opened` or `closed`. */
  | { readonly type: 'open' }
  /** Have that port dialled by so many supernodes; answered by `told`, then `dialled`. */
  | { readonly type: 'ask'; readonly count: number }
  /** Measure the bandwidth up; answered by `measured`. */
  | { readonly type: 'train' }
  /** All is well: enrol, and serve. Answered by `certified`, `not-certified` or `closed`. */
  | { readonly type: 'serve'; readonly upBitsPerSecond: number }
  /** Hand the clients over and end; answered by `closed`. */
  | { readonly type: 'leave' };

/** One round of dial-backs. */
interface Round {
  /** How many dial; undefined until that is told. */
  of: number | undefined;
  readonly udp: Set<number>;
  readonly tcp: Set<number>;
  endsAt: Millis;
}

/** What serves, and how far it is. */
type Stage =
  | { readonly name: 'none' }
  | { readonly name: 'looking'; readonly until: Millis }
  | { readonly name: 'opening' }
  | { readonly name: 'trying' }
  | { readonly name: 'enrolling'; readonly until: Millis }
  /** `badSince`: since when something is bad that would end it. */
  | { readonly name: 'serving'; readonly badSince: Millis | undefined }
  /** `served`: there are clients to hand over. */
  | { readonly name: 'leaving'; readonly served: boolean };

const NONE: Stage = { name: 'none' };
const NEVER = Number.POSITIVE_INFINITY;

export class Promotion {
  #consent: Consent = 'never';
  #attachedSince: Millis | undefined;
  #exposure: Exposure = 'unknown';
  #machine: { readonly facts: Machine; readonly at: Millis } | undefined;
  #network: { readonly supernodes: number; readonly loadPermille: number; readonly at: Millis } | undefined;
  #up: { readonly bitsPerSecond: number; readonly at: Millis } | undefined;
  #trainAt: Millis = NEVER;
  #reached: Reached | undefined;
  #stage: Stage = NONE;
  #round: Round | undefined;
  /** The next round begins then. */
  #roundAt: Millis = NEVER;
  #rounds = 0;
  #checksMissed = 0;
  /** Not before then, and why. */
  #notBefore: { readonly at: Millis; readonly why: Why; readonly code?: FailureCode } | undefined;
  #failures = 0;
  /** Waiting alone makes a difference then. */
  #beginAt: Millis = NEVER;
  #told = '';
  #out: PromotionOutput[] = [];

  setConsent(now: Millis, consent: Consent): void {
    if (consent === this.#consent && this.#told !== '') return;
    this.#consent = consent;
    // Whoever says yes anew wants to see it tried now.
    this.#forgive();
    this.#review(now);
  }

  /** Attached to a supernode, or not any more. Moving from one to the other is neither. */
  setAttached(now: Millis, attached: boolean): void {
    if (attached === (this.#attachedSince !== undefined)) return;
    this.#attachedSince = attached ? now : undefined;
    this.#review(now);
  }

  setExposure(now: Millis, exposure: Exposure): void {
    if (exposure === this.#exposure) return;
    this.#exposure = exposure;
    this.#forgive();
    this.#review(now);
  }

  setMachine(now: Millis, facts: Machine): void {
    this.#machine = { facts, at: now };
    this.#review(now);
  }

  setNetwork(now: Millis, network: { readonly supernodes: number; readonly loadPermille: number }): void {
    this.#network = { ...network, at: now };
    if (this.#stage.name === 'looking') this.#looked(now);
    this.#review(now);
  }

  /** The port stands open. */
  opened(now: Millis): void {
    if (this.#stage.name !== 'opening') return;
    this.#stage = { name: 'trying' };
    this.#rounds = 0;
    this.#beginRound(now);
    if (!this.#isFresh(now, this.#up)) this.#train(now);
    this.#review(now);
  }

  /** So many supernodes dial now. */
  told(now: Millis, count: number): void {
    if (!this.#round || this.#round.of !== undefined) return;
    this.#round.of = count;
    this.#round.endsAt = now + DIAL_BACK_WAIT_MS;
    this.#judgeRound(now);
  }

  /** The supernode of this number has reached the port. */
  dialled(now: Millis, number: number, carrier: 'udp' | 'tcp'): void {
    this.#round?.[carrier].add(number);
    this.#judgeRound(now);
  }

  /** What came of a train; 0 when it did not arrive. */
  measured(now: Millis, bitsPerSecond: number): void {
    this.#up = { bitsPerSecond, at: now };
    this.#trainAt = NEVER;
    this.#judgeTrial(now);
    this.#review(now);
  }

  certified(now: Millis): void {
    if (this.#stage.name !== 'enrolling') return;
    this.#stage = { name: 'serving', badSince: undefined };
    this.#failures = 0;
    this.#roundAt = now + PROMOTION_CHECK_MS;
    this.#review(now);
  }

  notCertified(now: Millis, code: FailureCode): void {
    if (this.#stage.name === 'enrolling') this.#giveUp(now, 'not-certified', code);
    this.#review(now);
  }

  /** What served, or was to serve, is gone: as it was told, or by itself. */
  closed(now: Millis): void {
    const { name } = this.#stage;
    if (name === 'none' || name === 'looking') return;
    if (name !== 'leaving') this.#postpone(now, 'resting');
    this.#stage = NONE;
    this.#endRounds();
    this.#review(now);
  }

  /** What it is, why, and the facts behind. */
  judgementAt(now: Millis): Judgement {
    const { supernodes, loadPermille } = this.#network ?? {};
    const code = this.#notBefore?.code;
    return {
      ...this.#roleAt(now),
      ...(code === undefined ? {} : { code }),
      uptimeMs: this.#attachedSince === undefined ? undefined : now - this.#attachedSince,
      machine: this.#machine?.facts,
      upBitsPerSecond: this.#up?.bitsPerSecond,
      reached: this.#reached,
      network: supernodes === undefined || loadPermille === undefined ? undefined : { supernodes, loadPermille },
    };
  }

  wake(now: Millis): void {
    // In a call the node wakes fifty times a second, and a judgement is dear.
    if (now < this.wakeAt()) return;
    const stage = this.#stage;
    if (stage.name === 'looking' && now >= stage.until) this.#looked(now);
    if (stage.name === 'enrolling' && now >= stage.until) this.#giveUp(now, 'not-certified', 'unreachable-login');
    if (now >= this.#trainAt) this.measured(now, 0);
    if (this.#round && now >= this.#round.endsAt) this.#endRound(now);
    if (now >= this.#roundAt) this.#beginRound(now);
    this.#review(now);
  }

  wakeAt(): Millis {
    const stage = this.#stage;
    const until = 'until' in stage ? stage.until : NEVER;
    const badSince = 'badSince' in stage ? stage.badSince : undefined;
    const badAt = badSince === undefined ? NEVER : badSince + PROMOTION_BAD_MS;
    return Math.min(until, this.#beginAt, badAt, this.#trainAt, this.#round?.endsAt ?? NEVER, this.#roundAt);
  }

  drain(): PromotionOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Does what is due, and tells when it is judged otherwise. */
  #review(now: Millis): void {
    if (this.#stage.name === 'none' && this.#hindrance(now) === undefined) this.#begin(now);
    else if (this.#stage.name === 'serving') this.#reviewServing(now, this.#stage.badSince);
    else if (this.#stage.name !== 'none' && this.#stage.name !== 'leaving') this.#reviewTrial(now);
    this.#beginAt = this.#beginsAt(now);
    const judgement = this.judgementAt(now);
    const key = JSON.stringify([judgement.role, judgement.why, judgement.code, judgement.reached, judgement.network]);
    if (key === this.#told) return;
    this.#told = key;
    this.#out.push({ type: 'judged', judgement });
  }

  #beginsAt(now: Millis): Millis {
    if (this.#stage.name !== 'none') return NEVER;
    const why = this.#hindrance(now);
    if (why === 'uptime') return (this.#attachedSince ?? now) + PROMOTION_UPTIME_MS;
    return why !== undefined && why === this.#notBefore?.why ? this.#notBefore.at : NEVER;
  }

  /** Why it cannot begin; the first that stands in the way. */
  #hindrance(now: Millis): Why | undefined {
    if (this.#consent === 'never') return 'refused';
    const hard = this.#place();
    if (hard !== undefined) return hard;
    if (now < (this.#attachedSince ?? now) + PROMOTION_UPTIME_MS) return 'uptime';
    const machine = this.#machine?.facts;
    if (!machine) return 'machine-unknown';
    if (machine.busyPercent > PROMOTION_BUSY_PERCENT_MAX && this.#consent !== 'always') return 'busy';
    if (machine.freeMemoryBytes < PROMOTION_FREE_MEMORY_MIN) return 'memory';
    if (this.#consent === 'unasked') return 'to-be-asked';
    const held = this.#notBefore;
    return held && now < held.at ? held.why : undefined;
  }

  #place(): Why | undefined {
    if (this.#attachedSince === undefined) return 'not-attached';
    switch (this.#exposure) {
      case 'unknown':
        return 'nat-unknown';
      case 'closed':
        return 'nat-closed';
      case 'no-udp':
        return 'no-udp';
      case 'private':
        return this.#consent === 'always' ? undefined : 'private-network';
      case 'open':
        return undefined;
    }
  }

  #begin(now: Millis): void {
    this.#notBefore = undefined;
    this.#stage = { name: 'looking', until: now + DIAL_BACK_TOLD_MS };
    this.#out.push({ type: 'look' });
  }

  /** Is one more needed? Whoever says `always` serves in any case. */
  #looked(now: Millis): void {
    const network = this.#network;
    const isKnown = network !== undefined && this.#isFresh(now, network);
    const isEnough =
      isKnown && network.supernodes >= SUPERNODES_ENOUGH && network.loadPermille < SUPERNODES_IDLE_PERMILLE;
    if (!isKnown || (isEnough && this.#consent !== 'always')) {
      this.#stage = NONE;
      this.#notBefore = { at: now + PROMOTION_NEED_MS, why: isKnown ? 'not-needed' : 'not-attached' };
      return;
    }
    this.#stage = { name: 'opening' };
    this.#out.push({ type: 'open' });
  }

  #train(now: Millis): void {
    this.#trainAt = now + DIAL_BACK_WAIT_MS;
    this.#out.push({ type: 'train' });
  }

  #beginRound(now: Millis): void {
    this.#roundAt = NEVER;
    this.#rounds += 1;
    const endsAt = now + DIAL_BACK_TOLD_MS;
    this.#round = { of: undefined, udp: new Set(), tcp: new Set(), endsAt };
    this.#out.push({ type: 'ask', count: DIAL_BACKS });
  }

  #judgeRound(now: Millis): void {
    const round = this.#round;
    if (round?.of !== undefined && round.udp.size >= round.of && round.tcp.size >= round.of) this.#endRound(now);
  }

  /** All have come, or time is up. */
  #endRound(now: Millis): void {
    const round = this.#round;
    if (!round) return;
    this.#round = undefined;
    const of = round.of ?? 0;
    this.#reached = { of, byUdp: round.udp.size, byTcp: round.tcp.size, at: now };
    const wanted = Math.min(DIAL_BACKS, Math.max(1, this.#network?.supernodes ?? 1));
    const isReached = of >= wanted && round.udp.size >= of && round.tcp.size >= of;
    if (this.#stage.name === 'serving') this.#checked(now, isReached);
    else if (isReached) this.#judgeTrial(now);
    else if (this.#rounds >= DIAL_BACK_ROUNDS) this.#giveUp(now, 'not-reachable');
    else this.#roundAt = now + DIAL_BACK_ROUND_MS;
    this.#review(now);
  }

  /** While it serves: lost packets and dead supernodes are forgiven once. */
  #checked(now: Millis, isReached: boolean): void {
    this.#rounds = 0;
    this.#checksMissed = isReached ? 0 : this.#checksMissed + 1;
    this.#roundAt = now + (this.#checksMissed === 0 ? PROMOTION_CHECK_MS : PROMOTION_BAD_MS / 2);
    if (this.#checksMissed >= 2) this.#giveUp(now, 'not-reachable');
  }

  /** Reached and measured: it may serve. */
  #judgeTrial(now: Millis): void {
    if (this.#stage.name !== 'trying' || !this.#isAllReached() || !this.#up || this.#trainAt !== NEVER) return;
    const { bitsPerSecond } = this.#up;
    if (bitsPerSecond < PROMOTION_UP_BPS_MIN) return this.#giveUp(now, 'bandwidth');
    this.#stage = { name: 'enrolling', until: now + PROMOTION_ENROL_MS };
    this.#out.push({ type: 'serve', upBitsPerSecond: bitsPerSecond });
  }

  #isAllReached(): boolean {
    const reached = this.#reached;
    if (!reached || this.#round || this.#roundAt !== NEVER) return false;
    return reached.of > 0 && reached.byUdp >= reached.of && reached.byTcp >= reached.of;
  }

  /** A trial that has lost its reason is ended at once; it serves nobody yet. */
  #reviewTrial(now: Millis): void {
    const hard = this.#consent === 'never' ? 'refused' : this.#consent === 'unasked' ? 'to-be-asked' : this.#place();
    if (hard === undefined) return;
    if (this.#stage.name === 'looking') this.#stage = NONE;
    else this.#leave();
    this.#forgetTrial(now);
  }

  #reviewServing(now: Millis, before: Millis | undefined): void {
    if (this.#consent === 'never' || this.#consent === 'unasked') return this.#leave();
    const why = this.#place() ?? this.#strain(now);
    const badSince = why === undefined ? undefined : (before ?? now);
    this.#stage = { name: 'serving', badSince };
    if (badSince === undefined || now < badSince + PROMOTION_BAD_MS) return;
    this.#notBefore = { at: now + PROMOTION_REST_MS, why: 'resting' };
    this.#leave();
  }

  #strain(now: Millis): Why | undefined {
    if (!this.#machine || !this.#isFresh(now, this.#machine)) return undefined;
    const { busyPercent, freeMemoryBytes } = this.#machine.facts;
    if (busyPercent > SERVING_BUSY_PERCENT_MAX && this.#consent !== 'always') return 'busy';
    return freeMemoryBytes < SERVING_FREE_MEMORY_MIN ? 'memory' : undefined;
  }

  #leave(): void {
    this.#endRounds();
    this.#stage = { name: 'leaving', served: this.#stage.name === 'serving' };
    this.#out.push({ type: 'leave' });
  }

  #giveUp(now: Millis, why: Why, code?: FailureCode): void {
    this.#postpone(now, why, code);
    this.#leave();
  }

  #postpone(now: Millis, why: Why, code?: FailureCode): void {
    const waitMs = PROMOTION_RETRY_MS[Math.min(this.#failures, PROMOTION_RETRY_MS.length - 1)] ?? PROMOTION_REST_MS;
    this.#failures += 1;
    this.#notBefore = { at: now + waitMs, why, ...(code === undefined ? {} : { code }) };
  }

  #forgive(): void {
    this.#failures = 0;
    this.#notBefore = undefined;
  }

  #forgetTrial(now: Millis): void {
    if (this.#up && !this.#isFresh(now, this.#up)) this.#up = undefined;
    this.#endRounds();
  }

  #endRounds(): void {
    this.#round = undefined;
    this.#roundAt = NEVER;
    this.#trainAt = NEVER;
    this.#rounds = 0;
    this.#checksMissed = 0;
  }

  #isFresh(now: Millis, fact: { readonly at: Millis } | undefined): boolean {
    return fact !== undefined && now < fact.at + PROMOTION_FACTS_MS;
  }

  #roleAt(now: Millis): Pick<Judgement, 'role' | 'why'> {
    switch (this.#stage.name) {
      case 'serving':
        return { role: 'supernode', why: 'serves' };
      case 'leaving':
        if (this.#stage.served) return { role: 'leaving', why: 'handing-over' };
        return this.#waitingRole(this.#consent === 'never' ? 'refused' : (this.#notBefore?.why ?? 'measuring'));
      case 'looking':
        return { role: 'candidate', why: 'looking' };
      case 'opening':
      case 'trying':
        return { role: 'candidate', why: 'measuring' };
      case 'enrolling':
        return { role: 'candidate', why: 'enrolling' };
      case 'none':
        return this.#waitingRole(this.#hindrance(now) ?? 'looking');
    }
  }

  #waitingRole(why: Why): Pick<Judgement, 'role' | 'why'> {
    return { role: ORDINARY.has(why) ? 'ordinary' : 'candidate', why };
  }
}

/** What waiting does not change. */
const ORDINARY: ReadonlySet<Why> = new Set(['refused', 'nat-closed', 'no-udp', 'private-network', 'not-attached']);
