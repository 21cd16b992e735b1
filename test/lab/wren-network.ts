/**
 * A wren network in the lab, out of the real program: login server and supernode at public addresses, people wherever
 * they were placed, each with an agent of their own. Tells what scripts would see: exit codes and JSON events.
 */
import { join } from 'node:path';
import type { CallEvent } from '../../src/store/port.ts';
import { routeOf } from '../places.ts';
import { untilAsync } from '../support/private-network.ts';
import type { Lab } from './lab.ts';
import type { LabProcess } from './lab-process.ts';

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');
export const PASSWORD = 'correct horse battery';
const SERVER_START_MS = 40_000;
/** A call that did not come about by then never will: longer than ringing lasts. */
const CALL_LIMIT_MS = 60_000;
const COMMAND_LIMIT_MS = 60_000;

export interface SignUp {
  readonly ok: boolean;
  /** From the start of `wren signup` to its end, starting program and agent included. */
  readonly tookMs: number;
  /** Then until `wren wait` says that others can reach the person, its start included. */
  readonly usableMs: number | undefined;
  /** Its supernode, as `wren status` has it. */
  readonly supernode: { readonly endpoint: string; readonly carrier: string } | undefined;
  /** What the command said when it failed. */
  readonly why: string;
}

export interface CallFacts {
  readonly code: number | null;
  /** The last path of either end: one word when they agree, `caller/callee` otherwise, `none` before any. */
  readonly route: string;
  readonly setupMs: number | undefined;
  /** After the answer, until the later end heard the first sound; undefined when one heard none. */
  readonly firstSoundMs: number | undefined;
  /** After the answer, until the later end had a way without relay; undefined when one had none. */
  readonly directMs: number | undefined;
  readonly reason: string;
  readonly why: string;
  readonly caller: readonly object[];
  readonly callee: readonly object[];
}

export interface CallWish {
  /** How long it goes on after the answer, s. */
  readonly forS: number;
  /** `--audio` of either end. */
  readonly callerAudio?: string;
  readonly calleeAudio?: string;
}

export class WrenNetwork {
  readonly lab: Lab;
  /** With login server and supernode. */
  readonly invite: string;
  readonly #servers: Map<string, LabProcess>;

  private constructor(lab: Lab, invite: string, servers = new Map<string, LabProcess>()) {
    this.lab = lab;
    this.invite = invite;
    this.#servers = servers;
  }

  /** Takes the hosts `login` and `supernode`. Further flags for each of the two servers may be given. */
  static async start(
    lab: Lab,
    flags: { readonly login?: readonly string[]; readonly supernode?: readonly string[] } = {},
  ): Promise<WrenNetwork> {
    await lab.place('PUB', 'login');
    await lab.place('PUB', 'supernode');
    const network = new WrenNetwork(lab, '');
    const first = await network.#serve('login', ['login-server', ...(flags.login ?? [])]);
    const both = await network.#serve('supernode', ['supernode', '--invite', first, ...(flags.supernode ?? [])]);
    return new WrenNetwork(lab, both, network.#servers);
  }

  /** Another supernode, at a host that is placed; or one of before again, with what it kept. Resolves with its invite. */
  addSupernode(host: string): Promise<string> {
    return this.#serve(host, ['supernode', '--invite', this.invite]);
  }

  /** The program that serves at a host. */
  server(host: string): LabProcess {
    const server = this.#servers.get(host);
    if (!server) throw new Error(`nobody serves at ${host}`);
    return server;
  }

  /** `wren` as the person of a host. */
  wren(host: string, ...args: string[]): LabProcess {
    return this.wrenAs({ host }, ...args);
  }

  /** The same for one of several profiles that a host may have. */
  wrenAs(
    who: { readonly host: string; readonly profile?: string | undefined; readonly env?: NodeJS.ProcessEnv },
    ...args: string[]
  ): LabProcess {
    const command = [WREN, '--profile', this.profileOf(who), ...args];
    return this.lab.run(who.host, process.execPath, command, { WREN_PASSWORD: PASSWORD, ...who.env });
  }

  profileOf({ host, profile = 'profile' }: { readonly host: string; readonly profile?: string | undefined }): string {
    return join(this.lab.folder, host, profile);
  }

  /** Joins and signs up; never rejects because a place does not let it. */
  async signUp(host: string, name: string): Promise<SignUp> {
    const joined = await this.#end(this.wren(host, 'join', this.invite));
    if (joined.code !== 0) throw new Error(`wren join on ${host}: ${joined.stderr}`);
    const signed = await this.#end(this.wren(host, 'signup', name));
    const waited = signed.code === 0 ? await this.#end(this.wren(host, 'wait', '--for', '15', '--json')) : undefined;
    const ready = waited?.code === 0 ? (JSON.parse(waited.stdout) as { supernode: SignUp['supernode'] }) : undefined;
    return {
      ok: ready !== undefined,
      tookMs: signed.tookMs,
      usableMs: ready === undefined ? undefined : waited?.tookMs,
      supernode: ready?.supernode,
      why: (signed.code === 0 ? (waited?.stderr ?? '') : signed.stderr).trim().split('\n')[0] ?? '',
    };
  }

  /** Makes two people buddies; rejects when that does not come about. */
  async befriend(a: { host: string; name: string }, b: { host: string; name: string }): Promise<void> {
    await this.succeed(a, 'buddies', 'add', b.name);
    await this.#untilBuddy(b.host, a.name, 'incoming');
    await this.succeed(b, 'buddies', 'accept', a.name);
    await this.#untilBuddy(a.host, b.name, 'both');
  }

  /** One call, answered at once, and what both ends tell of it; never rejects because it fails. */
  async call(
    caller: { host: string; name: string },
    callee: { host: string; name: string },
    wish: CallWish,
  ): Promise<CallFacts> {
    const answer = this.wren(
      callee.host,
      'answer',
      '--from',
      caller.name,
      '--once',
      '--json',
      '--audio',
      wish.calleeAudio ?? 'none',
    );
    const call = this.wren(
      caller.host,
      'call',
      callee.name,
      '--for',
      String(wish.forS),
      '--json',
      '--audio',
      wish.callerAudio ?? 'none',
    );
    const [called, answered] = await Promise.all([
      this.#end(call, CALL_LIMIT_MS).finally(() => setTimeout(() => answer.kill('SIGINT'), 2_000)),
      this.#end(answer, CALL_LIMIT_MS + 5_000),
    ]);
    return factsOf(
      { code: called.code, why: [called.stderr, answered.stderr].join(' ').trim() },
      call.events(),
      answer.events(),
    );
  }

  async #serve(host: string, [command = '', ...flags]: readonly string[]): Promise<string> {
    const place = ['--dir', join(this.lab.folder, host, 'state'), '--host', this.lab.address(host)];
    const server = this.wren(host, command, ...place, ...flags, '--json');
    this.#servers.set(host, server);
    await server.saw(/"ready"/, SERVER_START_MS);
    return String(server.events()[0]?.invite);
  }

  /** A command of a person, to its end; rejects when that is not exit code 0. */
  async succeed(
    who: { readonly host: string; readonly profile?: string | undefined },
    ...args: string[]
  ): Promise<void> {
    const { code, stderr } = await this.#end(this.wrenAs(who, ...args));
    if (code !== 0) throw new Error(`wren ${args.join(' ')} on ${who.host} ended ${code}: ${stderr}`);
  }

  async #untilBuddy(host: string, name: string, relation: string): Promise<void> {
    const known = async (): Promise<boolean> => {
      const listing = this.wren(host, 'buddies', '--json');
      await this.#end(listing);
      return listing.events().some((buddy) => buddy.name === name && buddy.relation === relation);
    };
    await untilAsync(known, 15_000, () => `${name} ${relation} on ${host}`);
  }

  async #end(running: LabProcess, limitMs = COMMAND_LIMIT_MS): Promise<Awaited<LabProcess['done']>> {
    const timer = setTimeout(() => running.kill('SIGKILL'), limitMs);
    const ending = await running.done;
    clearTimeout(timer);
    return ending;
  }
}

type Events = readonly object[];

/** What the call events of both ends say together. */
export function factsOf(
  { code, why }: { code: number | null; why: string },
  caller: Events,
  callee: Events,
): CallFacts {
  const both = [caller, callee];
  const later = (values: (number | undefined)[]): number | undefined =>
    values.every((value) => value !== undefined) ? Math.max(...(values as number[])) : undefined;
  const [mine, theirs] = both.map((events) => lastOf(events, 'path')?.path as string | undefined);
  return {
    code,
    why,
    route: routeOf(mine, theirs),
    setupMs: numberOf(lastOf(caller, 'answered')?.setupMs),
    firstSoundMs: later(both.map((events) => numberOf(lastOf(events, 'first-sound')?.afterAnswerMs))),
    directMs: later(both.map(directAfterAnswerMs)),
    reason: String(lastOf(caller, 'ended')?.reason ?? 'not begun'),
    caller,
    callee,
  };
}

/** When the way that was kept to the end was taken; a relayed end has none. */
function directAfterAnswerMs(events: Events): number | undefined {
  const answeredAt = numberOf(lastOf(events, 'answered')?.at);
  const paths = (events as readonly Record<string, unknown>[]).filter((one) => one.event === 'path');
  const lastRelayed = paths.findLastIndex((one) => one.path !== 'direct' && one.path !== 'lan');
  const taken = numberOf(paths[lastRelayed + 1]?.at);
  return answeredAt === undefined || taken === undefined ? undefined : Math.max(0, taken - answeredAt);
}

function lastOf(events: Events, name: CallEvent['event']): Record<string, unknown> | undefined {
  return (events as readonly Record<string, unknown>[]).findLast((one) => one.event === name);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
