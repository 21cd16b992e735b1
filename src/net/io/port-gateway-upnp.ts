/**
 * A gateway that speaks UPnP (IGD version 2), asked by a child process that ends at once: the library for it, with its
 * XML and HTTP, costs 20 MiB of memory, and an agent lives for weeks; a gateway that lies hurts the child alone. The
 * child is `bin/port-mapper.ts`; its answer is one line of JSON.
 */
import { execFile } from 'node:child_process';
import { isIPv4 } from 'node:net';
import { UPNP_CHILD_HEAP_MIB, UPNP_MS } from '../protocol/params.ts';
import type { Mapped, MapWish, PortGateway } from './port-gateway.ts';

const ANSWER_BYTES_MAX = 4_096;

export class UpnpGateway implements PortGateway {
  readonly #entry: string;
  readonly #location: string | undefined;

  /** `entry`: the built child. `location`: where the gateway describes itself, when it need not be searched. */
  constructor(entry: string, location?: string) {
    this.#entry = entry;
    this.#location = location;
  }

  async map(wish: MapWish): Promise<Mapped> {
    const { carrier, port, outerPort, lifetimeS } = wish;
    const answer = await this.#run(['map', carrier, `${port}`, `${outerPort}`, `${lifetimeS}`]);
    const { host, port: given } = answer;
    const isPort = typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= 65_535;
    if (typeof host !== 'string' || !isIPv4(host) || !isPort) throw new Error('no answer of a gateway');
    // The protocol tells no other lifetime than the one that was asked for.
    return { by: 'upnp', host, port: given, lifetimeS };
  }

  async unmap({ carrier, port, outerPort }: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void> {
    await this.#run(['unmap', carrier, `${port}`, `${outerPort}`, '0']);
  }

  #run(args: readonly string[]): Promise<Record<string, unknown>> {
    const all = [`--max-old-space-size=${UPNP_CHILD_HEAP_MIB}`, this.#entry, ...args];
    if (this.#location !== undefined) all.push(this.#location);
    const limits = { timeout: UPNP_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX } as const;
    return new Promise((resolve, reject) => {
      execFile(process.execPath, all, limits, (error, stdout) => {
        if (error) return reject(error);
        try {
          resolve(Object(JSON.parse(stdout)) as Record<string, unknown>);
        } catch (garbage) {
          reject(garbage);
        }
      });
    });
  }
}
