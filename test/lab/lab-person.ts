/**
 * Somebody in the lab whose real agent is spoken to over its port, as screens and commands do: no program has to start
 * for each word, so people meet, call and hang up within moments. Sockets in the file system are reached from outside
 * the namespaces too. What scripts would see of the same is in `wren-network.ts`.
 */
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { connectAgent } from '../../src/store/agent-client-io.ts';
import type { CallEvent, SearchReport } from '../../src/store/port.ts';
import { type AppState, currentCall } from '../../src/store/state.ts';
import { type CallFacts, factsOf, PASSWORD, type WrenNetwork } from './wren-network.ts';

const SIGN_UP_LIMIT_MS = 15_000;
const FRIENDS_LIMIT_MS = 15_000;
/** A call that did not come about by then never will: longer than ringing lasts. */
const ANSWER_LIMIT_MS = 50_000;
const END_LIMIT_MS = 5_000;
const SEARCH_TRIES = 5;
const SEARCH_AGAIN_MS = 2_000;
/** A way without relay is the last once it has lasted this long: nobody has a reason to leave it. */
const SETTLED_MS = 400;

export interface SignUpFacts {
  readonly ok: boolean;
  /** From the word to the running agent until others can reach the person, or until it gave up; no program starts. */
  readonly tookMs: number;
  readonly supernode: AppState['supernode'];
  /** Why not. */
  readonly why: string;
}

export interface MeetingWish {
  /** A call whose way does not settle before goes on so long after the answer, s. */
  readonly forS: number;
  readonly buddies: boolean;
}

export class LabPerson {
  readonly host: string;
  readonly name: string;
  readonly #agent: AgentConnection;
  #events: CallEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #answers = '';
  /** With what sound conferences are answered; undefined: they ring. */
  confersWith: string | undefined;

  private constructor(who: { readonly host: string; readonly name: string }, agent: AgentConnection) {
    this.host = who.host;
    this.name = who.name;
    this.#agent = agent;
  }

  /** Joins the network, which starts the agent; signed up is nobody yet. */
  static async join(
    network: WrenNetwork,
    who: { readonly host: string; readonly name: string; readonly profile?: string; readonly invite?: string },
  ): Promise<LabPerson> {
    await network.succeed(who, 'join', who.invite ?? network.invite);
    const agent = await connectAgent({ profileDir: network.profileOf(who), start: false });
    const person = new LabPerson(who, agent);
    agent.onEvent((event) => {
      if (event.type === 'call.event') person.#called(event.event);
      for (const look of [...person.#listeners]) look();
    });
    await agent.request({ type: 'subscribe' });
    return person;
  }

  /** Never rejects because a place does not let it. */
  async signUp(): Promise<SignUpFacts> {
    const beganAt = performance.now();
    const { name } = this;
    let why = '';
    try {
      await this.#agent.request({ type: 'account.sign-up', name, password: PASSWORD });
      await this.#agent.request({ type: 'wait', forMs: SIGN_UP_LIMIT_MS });
    } catch (error) {
      why = error instanceof Refusal ? error.code : String(error);
    }
    const tookMs = performance.now() - beganAt;
    return { ok: why === '', tookMs, supernode: (await this.state()).supernode, why };
  }

  /** As the agent answers a screen. */
  state(): Promise<AppState> {
    return this.#agent.request({ type: 'status' });
  }

  /** What the agent has told of calls, oldest first. */
  get told(): readonly CallEvent[] {
    return this.#events;
  }

  /** Calls several at once. */
  async confer(others: readonly LabPerson[], audio: string): Promise<void> {
    await this.#agent.request({ type: 'conference.call', names: others.map(({ name }) => name), audio });
  }

  /** Leaves the call or conference, and waits until its recording is finished. */
  async hangUp(): Promise<void> {
    await this.#agent.request({ type: 'call.hang-up' });
    await this.until(() => this.#events.at(-1)?.event === 'ended', 'the end', END_LIMIT_MS);
  }

  /** Agent and voice child, as they are numbered inside the lab. */
  async pids(): Promise<readonly number[]> {
    const { pid, voicePid } = await this.#agent.request({ type: 'agent.status' });
    return voicePid === null ? [pid] : [voicePid, pid];
  }

  /** Of others only: nobody finds himself. Asks again where a supernode is too busy to answer. */
  async search(pattern: string, limit = 50): Promise<SearchReport> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#agent.request({ type: 'search', pattern, limit });
      } catch (error) {
        if (!(error instanceof Refusal && error.code === 'busy') || tries === SEARCH_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, SEARCH_AGAIN_MS));
      }
    }
  }

  /** Drops the supernode and races to one again; how it is reached then. */
  async attachAnew(): Promise<AppState['supernode']> {
    await this.#agent.request({ type: 'debug', fault: 'drop-supernode' });
    await this.until(async () => (await this.state()).connection === 'online', 'a supernode', SIGN_UP_LIMIT_MS);
    return (await this.state()).supernode;
  }

  /** Ends the agent, as `wren agent stop` does. */
  async leave(): Promise<void> {
    const gone = new Promise<void>((resolve) => void this.#agent.onClose(resolve));
    await this.#agent.request({ type: 'agent.stop' });
    await gone;
  }

  /** Both are buddies and see one another; rejects when that does not come about. */
  async befriend(other: LabPerson): Promise<void> {
    if (await this.#sees(other)) return;
    await this.#agent.request({ type: 'buddy.add', name: other.name, message: '' });
    await other.until(async () => (await other.#relation(this)) === 'incoming', 'a request');
    await other.#agent.request({ type: 'buddy.accept', name: this.name });
    await this.until(() => this.#sees(other), 'a buddy');
    await other.until(() => other.#sees(this), 'a buddy');
  }

  /** One call, answered at once; it ends when its way is settled, or after `forS`. Never rejects because it fails. */
  async call(other: LabPerson, wish: MeetingWish): Promise<CallFacts> {
    const both = [this, other] as const;
    for (const one of both) one.#events = [];
    other.#answers = this.name;
    let why = '';
    try {
      if (wish.buddies) await this.befriend(other);
      await this.#agent.request({ type: 'call.place', to: other.name, audio: 'none' });
      await this.until(() => this.#told('answered') || this.#told('ended'), 'an answer', ANSWER_LIMIT_MS);
      await this.#untilSettled(other, wish.forS * 1000);
      if (!this.#told('ended')) await this.#agent.request({ type: 'call.hang-up' });
      for (const one of both) await one.until(() => one.#told('ended'), 'the end', END_LIMIT_MS);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    } finally {
      other.#answers = '';
    }
    await Promise.all(both.map((one) => one.#leave()));
    return factsOf({ code: why === '' ? 0 : 2, why }, this.#events, other.#events);
  }

  #called(event: CallEvent): void {
    this.#events.push(event);
    if (event.event !== 'ringing' || event.direction !== 'in') return;
    const audio = event.others ? this.confersWith : event.peer === this.#answers ? 'none' : undefined;
    // Refused when the caller was quicker with its end.
    if (audio !== undefined) this.#agent.request({ type: 'call.answer', call: event.call, audio }).catch(() => {});
  }

  /** Nobody goes into the next call with one that was given up. */
  async #leave(): Promise<void> {
    if (currentCall(await this.state()) === undefined) return;
    await this.#agent.request({ type: 'call.hang-up' }).catch(() => {});
  }

  async #untilSettled(other: LabPerson, limitMs: number): Promise<void> {
    const both = [this, other];
    const beganAt = performance.now();
    const over = (): boolean => performance.now() - beganAt > limitMs || both.some((one) => one.#told('ended'));
    let heldSince: number | undefined;
    while (!over() && !(heldSince !== undefined && performance.now() - heldSince > SETTLED_MS)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const held = both.every((one) => one.#told('first-sound') && one.#isDirect());
      heldSince = held ? (heldSince ?? performance.now()) : undefined;
    }
  }

  #told(name: CallEvent['event']): boolean {
    return this.#events.some((one) => one.event === name);
  }

  #isDirect(): boolean {
    const path = this.#events.findLast((one) => one.event === 'path');
    return path?.event === 'path' && (path.path === 'direct' || path.path === 'lan');
  }

  async #relation({ name }: LabPerson): Promise<string | undefined> {
    return (await this.state()).buddies.find((buddy) => buddy.name === name)?.relation;
  }

  async #sees({ name }: LabPerson): Promise<boolean> {
    const buddy = (await this.state()).buddies.find((one) => one.name === name);
    return buddy?.relation === 'both' && buddy.presence === 'online';
  }

  /** Looks after each event of the agent. */
  async until(holds: () => boolean | Promise<boolean>, what: string, limitMs = FRIENDS_LIMIT_MS): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
    while (!(await holds())) {
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0) throw new Error(`${this.name} waited ${limitMs} ms in vain for ${what}`);
      await this.#next(Math.min(leftMs, 500));
    }
  }

  #next(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      this.#listeners.add(done);
    });
  }
}
