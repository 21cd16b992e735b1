/**
 * Hundreds of whole clients in this one process: the real core of an ordinary node each, on real sockets at an address of its
 * own. What they and their supernode say to one another is counted at their sockets.
 */
import { systemRandom } from '../bin/servers/server-folder.ts';
import { silenceBody } from '../src/audio/voice-body.ts';
import { OrdinaryNode, type OrdinaryNodeEvent } from '../src/net/index.ts';
import { Driver, openSockets, type SystemSockets } from '../src/net/io/index.ts';
import type { Issuer } from '../src/net/login/credential-issuer.ts';
import type { Endpoint } from '../src/net/protocol/endpoint.ts';
import type { NetOutput } from '../src/net/protocol/traffic.ts';
import { crowdMembers, type Member, memberName } from './crowd-members.ts';
import { pause } from './stage.ts';

/** Of IPv4 and UDP, which a supernode pays for too. */
const HEADER_BYTES = 28;
const LOOK_MS = 10;

export interface CrowdWish {
  readonly size: number;
  /** Of each, half of them before and half behind it in the row of all. */
  readonly buddies: number;
  readonly supernode: Endpoint;
  readonly authorityFile: string;
}

interface Client {
  readonly driver: Driver<Parameters<OrdinaryNode['command']>[1], OrdinaryNodeEvent>;
  isOnline: boolean;
}

export class ClientCrowd {
  readonly #clients: Client[] = [];
  readonly #supernode: Endpoint;
  readonly #faults: unknown[] = [];
  /** With headers, both ways. */
  bytes = 0;

  private constructor(supernode: Endpoint) {
    this.#supernode = supernode;
  }

  /** All have begun to attach. Keys for so many take some seconds. */
  static async start(wish: CrowdWish): Promise<ClientCrowd> {
    const { issuer, members } = await crowdMembers(wish.size, wish.authorityFile);
    const crowd = new ClientCrowd(wish.supernode);
    for (const [number, member] of members.entries()) await crowd.#add(wish, number, member, issuer);
    return crowd;
  }

  get size(): number {
    return this.#clients.length;
  }

  get online(): number {
    return this.#clients.filter(({ isOnline }) => isOnline).length;
  }

  /** How long until everybody was online, ms. */
  async allOnline(limitMs: number): Promise<number> {
    const beganAt = performance.now();
    while (this.online < this.size) {
      if (performance.now() - beganAt > limitMs) throw new Error(`${this.size - this.online} were not online`);
      await pause(LOOK_MS);
    }
    return performance.now() - beganAt;
  }

  /** Everybody drops the link and attaches anew. */
  reattach(): void {
    for (const { driver } of this.#clients) driver.command({ type: 'reattach' });
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(({ driver }) => driver.close()));
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  async #add(wish: CrowdWish, number: number, { address, ...self }: Member, issuer: Issuer): Promise<void> {
    const sockets = await openSockets({ port: 0, host: address });
    const core = new OrdinaryNode({
      ...{ random: systemRandom, wallClock: () => Date.now(), pin: issuer.pin, authorityDer: issuer.authorityDer },
      ...{ loginServers: [], supernodes: [wish.supernode], software: 'bench', fillerBody: silenceBody },
    });
    const client: Client = {
      isOnline: false,
      driver: new Driver({
        core,
        sockets: this.#counted(sockets),
        onEvent: (event) => {
          if (event.type === 'link') client.isOnline = event.state === 'online';
        },
        onFault: (fault) => this.#faults.push(fault),
      }),
    };
    this.#clients.push(client);
    const around = Array.from({ length: wish.buddies }, (_, n) => (n >> 1) + 1).map((far, n) => (n % 2 ? far : -far));
    const roster = around.map((far) => ({
      ...{
        name: memberName((number + far + wish.size) % wish.size),
        displayName: '',
        relation: 'both' as const,
        message: '',
      },
      ...{ lastSeenAtMs: 0, changedAtMs: 1, removed: false },
    }));
    const member = { ...self, displayName: self.name, roster, presence: 'online', isService: false } as const;
    client.driver.start();
    client.driver.command({ type: 'become', member });
  }

  /** The sockets, with an ear for what goes to the supernode and comes from it; streams are counted whole. */
  #counted(sockets: SystemSockets): SystemSockets {
    const { host, port } = this.#supernode;
    const ears: Partial<SystemSockets> = {
      start: (sink) =>
        sockets.start((input) => {
          if (input.type === 'datagram' && input.from.host === host && input.from.port === port)
            this.bytes += input.bytes.length + HEADER_BYTES;
          if (input.type === 'stream-bytes') this.bytes += input.bytes.length;
          sink(input);
        }),
      perform: (output: NetOutput) => {
        if (output.type === 'send-datagram' && output.to.host === host && output.to.port === port)
          this.bytes += output.bytes.length + HEADER_BYTES;
        if (output.type === 'write-stream') this.bytes += output.bytes.length;
        sockets.perform(output);
      },
    };
    return new Proxy(sockets, {
      get: (target, key) => {
        const value = Reflect.get(ears, key) ?? Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}
