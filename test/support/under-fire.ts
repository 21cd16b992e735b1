/**
 * A node under fire: a test hands it inputs that nobody honest sent and watches what it says. In a living network
 * (`livingNetwork`) that happens between two honest inputs; what the node says to garbage goes nowhere, the world
 * around notices nothing, and must work on as if nothing had been.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Core } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { NetInput, StreamId } from '../../src/net/protocol/traffic.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { World } from '../sim/world.ts';

type NodeCore = Core<NetInput, never, { readonly type: string }>;

/** Of what a node has heard, the newest so many are kept. */
const HEARD_MAX = 3000;

export interface Said {
  readonly datagrams: readonly { readonly to: Endpoint; readonly bytes: Buffer }[];
  readonly streams: readonly { readonly stream: StreamId; readonly bytes: Buffer }[];
  /** Connections it wants to open. */
  readonly opens: readonly { readonly stream: StreamId; readonly to: Endpoint }[];
  /** Outputs that are no traffic. */
  readonly events: readonly { readonly type: string }[];
}

export class UnderFire {
  /** Honest inputs. */
  readonly heard: NetInput[] = [];
  readonly #core: NodeCore;
  readonly #receive: NodeCore['receive'];
  readonly #now: () => number;

  constructor(core: NodeCore, now: () => number) {
    this.#core = core;
    this.#now = now;
    this.#receive = core.receive.bind(core);
    core.receive = (at, input) => {
      this.heard.push('bytes' in input ? { ...input, bytes: Buffer.from(input.bytes) } : input);
      if (this.heard.length > HEARD_MAX) this.heard.shift();
      this.#receive(at, input);
    };
  }

  /** One input that nobody honest sent. */
  hit(input: NetInput): Said {
    this.#receive(this.#now(), input);
    return this.said();
  }

  command(command: unknown): Said {
    this.#core.command(this.#now(), command as never);
    return this.said();
  }

  wake(): Said {
    this.#core.wake(this.#now());
    return this.said();
  }

  said(): Said {
    const said = { datagrams: [], streams: [], opens: [], events: [] } as {
      -readonly [K in keyof Said]: Said[K][number][];
    };
    for (let some = this.#core.drain(); some.length > 0; some = this.#core.drain()) {
      for (const output of some as readonly Output[]) {
        if (output.type === 'send-datagram') said.datagrams.push(output);
        else if (output.type === 'write-stream') said.streams.push(output);
        else if (output.type === 'open-stream') said.opens.push(output);
        else if (output.type !== 'close-stream') said.events.push(output);
      }
    }
    return said;
  }

  /** Packets dropped so far, as the node counts them. */
  get dropped(): number {
    return (this.#core as unknown as { readonly dropped: number }).dropped;
  }

  get datagrams(): Extract<NetInput, { type: 'datagram' }>[] {
    return this.heard.filter((input) => input.type === 'datagram');
  }

  get streamPieces(): Extract<NetInput, { type: 'stream-bytes' }>[] {
    return this.heard.filter((input) => input.type === 'stream-bytes');
  }
}

type Output =
  | { readonly type: 'send-datagram'; readonly to: Endpoint; readonly bytes: Buffer }
  | { readonly type: 'write-stream'; readonly stream: StreamId; readonly bytes: Buffer }
  | { readonly type: 'open-stream'; readonly stream: StreamId; readonly to: Endpoint }
  | { readonly type: 'close-stream' }
  | { readonly type: 'other' };

/** A login server, a supernode and two buddies in the middle of a call, each under fire. */
export function livingNetwork(seed: number): {
  readonly world: World;
  readonly people: PeopleWorld;
  readonly nodes: ReadonlyMap<string, UnderFire>;
  readonly alice: Person;
  readonly bobby: Person;
} {
  const world = new World({ seed });
  const nodes = new Map<string, UnderFire>();
  const people = new PeopleWorld(world, ['super1'], (name, core) => {
    nodes.set(name, new UnderFire(core, () => world.host(name).now()));
  });
  const [alice, bobby] = people.buddies();
  alice.says(bobby, 'before the storm');
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'), 20_000);
  bobby.call_('answer');
  world.until(() => alice.callLog.includes('answered'), 20_000);
  world.advance(3_000);
  return { world, people, nodes, alice, bobby };
}

/** Bytes in use after everything that can be collected was. */
export function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
