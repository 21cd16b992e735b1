/**
 * Whole agents in virtual time: the real `Agent` with its files, over the sockets of the simulated internet. Its own timers
 * are vitest's, moved along with the world; what it really waits for (scrypt, promises) is waited for between the steps, while
 * the world stands still.
 *
 *   const agents = new AgentsInWorld(world);
 *   const desk = await agents.start('desk');
 *   await agents.enter(desk, 'account.sign-up', 'alice1');
 *   await agents.during(desk.handle({ type: 'account.sign-out' }));
 */
import { scrypt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { encodeInvite } from '../../src/net/index.ts';
import type { SystemSockets } from '../../src/net/io/index.ts';
import { SCRYPT_N, SCRYPT_P, SCRYPT_R } from '../../src/net/protocol/params.ts';
import { Agent } from '../../src/store/agent.ts';
import { historyFile, openHistory } from '../../src/store/history-db.ts';
import type { Log } from '../../src/store/log-file.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { openProfile } from '../../src/store/profile-file.ts';
import type { AppState } from '../../src/store/state.ts';
import { PeopleWorld } from '../sim/people-world.ts';
import type { World } from '../sim/world.ts';
import { keyPair } from './identities.ts';
import { seededRandom } from './seeded-random.ts';

/** Timers of an agent are as exact as this. */
const STEP_MS = 5;
/** While a scene only lets time pass. */
const PASS_STEP_MS = 25;
const PORT = 4000;
const password = 'correct horse battery';

export class WorldAgent {
  readonly label: string;
  readonly agent: Agent;
  /** Code and detail of every notice. */
  readonly notices: string[] = [];

  constructor(label: string, agent: Agent) {
    this.label = label;
    this.agent = agent;
    agent.onEvent((event) => event.type === 'notice' && this.notices.push(`${event.code} ${event.detail}`));
  }

  get state(): AppState {
    return this.agent.state;
  }

  handle(command: AgentCommand): Promise<unknown> {
    return this.agent.handle(command);
  }
}

export class AgentsInWorld {
  readonly world: World;
  readonly people: PeopleWorld;
  readonly faults: unknown[] = [];
  readonly logged: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'wren-world-'));
  readonly #running = new Map<string, { readonly agent: WorldAgent; readonly release: () => void }>();
  #starts = 0;

  /** Timers of this test file are virtual from here until `end`. */
  constructor(world: World, supernodes: readonly string[] = ['super1']) {
    this.world = world;
    this.people = new PeopleWorld(world, supernodes);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  }

  get invite(): string {
    const { authority } = this.people;
    const [loginServers, supernodes] = [this.people.loginEndpoints(), this.people.supernodeEndpoints()];
    return encodeInvite({ network: 'testnet', authorityPin: authority.pin, loginServers, supernodes });
  }

  /** The program of this machine, started; what its profile holds from before is there. */
  async start(label: string): Promise<WorldAgent> {
    const folder = join(this.#folder, label);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const host = this.world.host(label);
    const profile = openProfile(folder, seededRandom(`profile ${label}`));
    // A key costs real time.
    if (profile.privateKeyPem() === undefined)
      profile.setPrivateKeyPem(keyPair(label).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    const note = (area: string, fact: string, fields?: object): void =>
      void this.logged.push(`${label} ${area}: ${fact} ${JSON.stringify(fields ?? {})}`);
    const log: Log = { error: note, warn: note, info: note, debug: note, close: () => {} };
    const sockets = host.sockets(PORT);
    const system = { portWasTaken: false, hasIPv6: false, alsoTcp: [], alsoTcpMissing: [], offerTls: () => {} };
    const opened = Object.assign(sockets, system, { setProxy: () => {} }) as unknown as SystemSockets;
    const agent = new Agent(
      {
        version: '0.0.0',
        profile,
        openHistory: (account) => openHistory(join(folder, historyFile(account))),
        log,
        random: seededRandom(`agent ${label} ${this.#starts++}`),
        wallClock: this.world.wallClock,
        makeVoice: () => ({ pid: null, tell: () => {}, play: () => {}, stop: async () => {} }),
        probeSound: async () => undefined,
        silence: silenceBody,
        deviceLabel: label,
        internet: { openSockets: async () => opened, clock: host.clock() },
        onFault: (fault) => void this.faults.push(fault),
      },
      { socket: '', stop: () => {} },
    );
    const one = new WorldAgent(label, agent);
    this.#running.set(label, { agent: one, release: () => host.release(sockets) });
    await this.during(agent.start());
    if (!agent.state.network) await this.during(agent.handle({ type: 'network.join', invite: this.invite }));
    return one;
  }

  /** Signed up, or in, and at a supernode. */
  async enter(one: WorldAgent, type: 'account.sign-up' | 'account.sign-in', name: string): Promise<void> {
    const entered = one.handle({ type, name, password });
    // The world stands still until what the agent makes of the password is there: this began later and takes longer.
    await new Promise<void>((resolve, reject) =>
      scrypt('', '', 32, { N: 2 * SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P, maxmem: 2 ** 28 }, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    await this.during(entered);
    await this.until(() => one.state.connection === 'online');
  }

  /** The program ends in good order. */
  async stop(one: WorldAgent): Promise<void> {
    await this.during(one.agent.stop());
    this.#running.get(one.label)?.release();
    this.#running.delete(one.label);
  }

  async pass(ms: number): Promise<void> {
    for (const until = this.world.now + ms; this.world.now < until; )
      await this.#step(Math.min(PASS_STEP_MS, until - this.world.now));
  }

  /** Until it holds; throws after `limitMs` of virtual time. */
  async until(condition: () => boolean, limitMs = 20_000): Promise<number> {
    const begin = this.world.now;
    while (!condition()) {
      if (this.world.now - begin > limitMs) throw new Error(`not within ${limitMs} ms: ${condition.toString()}`);
      await this.#step(STEP_MS);
    }
    return this.world.now - begin;
  }

  /** Lets time pass until this is done. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const over = () => {
      isDone = true;
    };
    work.then(over, over);
    await settled();
    while (!isDone) await this.#step(STEP_MS);
    return work;
  }

  async end(): Promise<void> {
    for (const { agent } of [...this.#running.values()]) await this.stop(agent);
    vi.useRealTimers();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #step(ms: number): Promise<void> {
    this.world.advance(ms);
    vi.advanceTimersByTime(ms);
    await settled();
    const [fault] = this.faults;
    if (fault !== undefined) throw fault;
  }
}

/** What promises have to do is done. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
