/**
 * Holds the strings of `puppet.mjs` on one host of the lab: sockets there, for tests that ask what a box does to
 * packets. Names of replies are the field's: the mapping is where a packet is seen to come from.
 */
import { join } from 'node:path';
import { until } from '../support/private-network.ts';
import type { Lab } from './lab.ts';
import type { LabProcess } from './lab-process.ts';

const PATIENCE_MS = 5_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Arrival extends Address {
  readonly text: string;
  /** The host's monotonic clock, ms; comparable within one puppet. */
  readonly at: number;
}

export interface UdpSocket {
  readonly id: number;
  readonly port: number;
}

/** How a connection went; `answered` has the server's word with it. */
export interface Dialled {
  readonly how: 'answered' | 'ended' | 'refused' | 'reset' | 'unreachable' | 'silence' | string;
  readonly text: string;
}

export class Puppet {
  readonly host: string;
  readonly #lab: Lab;
  readonly #process: LabProcess;
  #orders = 0;

  private constructor(lab: Lab, host: string, process: LabProcess) {
    this.#lab = lab;
    this.host = host;
    this.#process = process;
  }

  static async on(lab: Lab, host: string): Promise<Puppet> {
    const running = lab.run(host, process.execPath, [join(import.meta.dirname, 'puppet.mjs')]);
    await running.saw(/"ready"/);
    return new Puppet(lab, host, running);
  }

  get address(): string {
    return this.#lab.address(this.host);
  }

  /** `reflect`: also answers every packet with the address it came from. */
  async udp(
    options: { readonly port?: number; readonly host?: string; readonly reflect?: boolean } = {},
  ): Promise<UdpSocket> {
    const { socket, port } = await this.#ask({ do: 'udp', ...options });
    return { id: Number(socket), port: Number(port) };
  }

  async send(
    socket: UdpSocket,
    to: Address,
    options: { readonly text?: string; readonly ttl?: number } = {},
  ): Promise<void> {
    await this.#ask({ do: 'send', socket: socket.id, ...to, text: 'hello', ...options });
  }

  /** What has come to a socket so far. */
  arrivals(socket: UdpSocket): Arrival[] {
    return this.#process
      .events()
      .filter((one) => one.event === 'udp' && one.socket === socket.id) as unknown as Arrival[];
  }

  /** Resolves with the first packet from `from` that is not among the first `after`; undefined when none comes in time. */
  async arrival(
    socket: UdpSocket,
    options: { readonly after?: number; readonly limitMs?: number } = {},
  ): Promise<Arrival | undefined> {
    const { after = 0, limitMs = 600 } = options;
    try {
      await until(
        () => this.arrivals(socket).length > after,
        limitMs,
        () => 'a packet',
      );
    } catch {
      return undefined;
    }
    return this.arrivals(socket)[after];
  }

  /** The mapping of a socket towards a reflector; undefined when nothing comes back. */
  async mapping(socket: UdpSocket, reflector: Address): Promise<Address | undefined> {
    const after = this.arrivals(socket).length;
    await this.send(socket, reflector);
    const [, host, port] = /^you are (.+):(\d+); /.exec((await this.arrival(socket, { after }))?.text ?? '') ?? [];
    return host === undefined ? undefined : { host, port: Number(port) };
  }

  /**
   * `count` packets to a reflector, `everyMs` apart, and the round trip of each that came back, ms, by number; doubled
   * ones count once. Waits `lateMs` for the last ones. `order`: the numbers as they came, doubled ones included.
   */
  async burst(
    socket: UdpSocket,
    to: Address,
    { lateMs = 300, ...options }: { readonly count: number; readonly everyMs: number; readonly lateMs?: number },
  ): Promise<{ readonly rttMs: ReadonlyMap<number, number>; readonly order: readonly number[] }> {
    const before = this.arrivals(socket).length;
    const { sentAt } = (await this.#ask({ do: 'burst', socket: socket.id, ...to, ...options }, 60_000)) as {
      sentAt: number[];
    };
    await new Promise((resolve) => setTimeout(resolve, lateMs));
    const rttMs = new Map<number, number>();
    const order = this.arrivals(socket)
      .slice(before)
      .map(({ text, at }) => {
        const number = Number(text.split('; ')[1]);
        if (!rttMs.has(number)) rttMs.set(number, at - (sentAt[number] ?? Number.NaN));
        return number;
      });
    return { rttMs, order };
  }

  /** A TCP server that tells each connection where it comes from. */
  async listen(port: number, options: { readonly tls?: boolean } = {}): Promise<void> {
    await this.#ask({ do: 'listen', port, ...options });
  }

  /** One connection that says `hex` first; with `tls`, inside a real handshake. */
  async dial(
    to: Address,
    options: { readonly hex: string; readonly tls?: boolean; readonly waitMs?: number },
  ): Promise<Dialled> {
    const { how, text } = await this.#ask({ do: 'dial', ...to, ...options });
    return { how: String(how), text: String(text) };
  }

  async #ask(order: object, limitMs = PATIENCE_MS): Promise<Record<string, unknown>> {
    const id = ++this.#orders;
    this.#process.write(`${JSON.stringify({ id, ...order })}\n`);
    const found = (): Record<string, unknown> | undefined => this.#process.events().find((one) => one.id === id);
    await until(
      () => found() !== undefined,
      limitMs,
      () => `an answer to ${JSON.stringify(order)}`,
    );
    const answer = found() ?? {};
    if (answer.fault !== undefined)
      throw new Error(`puppet on ${this.host}: ${JSON.stringify(order)}: ${answer.fault}`);
    return answer;
  }
}
