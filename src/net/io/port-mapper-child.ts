/**
 * The child process that asks a gateway by `@achingbrain/nat-port-mapper`, UPnP or NAT-PMP, and ends at once: the library,
 * with its XML and HTTP, costs 20 MiB of memory, and an agent lives for weeks; a gateway that lies, and an error that
 * the library does not catch, hurt the child alone. The child is `bin/port-mapper.ts`; its answer is one line of JSON.
 *
 *   asked --answer | "no" (PORT_MAPPER_NO) | too late--> told
 *         --crash--> asked again after a moment, PORT_MAPPER_CRASHES times
 */
import { execFile } from 'node:child_process';
import { isIPv4 } from 'node:net';
import { PORT_MAPPER_AGAIN_MS, PORT_MAPPER_CRASHES, PORT_MAPPER_HEAP_MIB, PORT_MAPPER_MS } from '../protocol/params.ts';
import type { MapWish } from './port-gateway.ts';

/** Its exit code when it has asked, and there is no port. A crash of Node has another one. */
export const PORT_MAPPER_NO = 2;

const ANSWER_BYTES_MAX = 4_096;

export interface PortMapperAnswer {
  readonly host: string;
  readonly port: number;
  /** Seconds; undefined where the protocol tells none. */
  readonly lifetimeS: number | undefined;
}

/** `entry`: the built child. `where`: the gateway, as `bin/port-mapper.ts` takes it. */
export class PortMapperChild {
  readonly #entry: string;
  readonly #protocol: 'upnp' | 'nat-pmp';
  readonly #where: string | undefined;

  constructor(entry: string, protocol: 'upnp' | 'nat-pmp', where: string | undefined) {
    this.#entry = entry;
    this.#protocol = protocol;
    this.#where = where;
  }

  /** Rejects when there is no port, or no sense in the answer. */
  async map({ carrier, port, outerPort, lifetimeS }: MapWish): Promise<PortMapperAnswer> {
    const answer = await this.#ask(['map', carrier, `${port}`, `${outerPort}`, `${lifetimeS}`]);
    const { host, port: given, lifetimeS: granted } = answer;
    if (typeof host !== 'string' || !isIPv4(host) || !isWhole(given, 1, 65_535)) {
      throw new Error('no answer of a gateway');
    }
    return { host, port: given, lifetimeS: isWhole(granted, 0, 2 ** 32 - 1) ? granted : undefined };
  }

  async unmap({ carrier, port, outerPort }: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void> {
    await this.#ask(['unmap', carrier, `${port}`, `${outerPort}`, '0']);
  }

  async #ask(args: readonly string[]): Promise<Record<string, unknown>> {
    for (let crashes = 0; ; crashes += 1) {
      try {
        return await this.#run(args);
      } catch (error) {
        if (!isCrash(error) || crashes === PORT_MAPPER_CRASHES) throw error;
        await new Promise((resolve) => setTimeout(resolve, PORT_MAPPER_AGAIN_MS));
      }
    }
  }

  #run(args: readonly string[]): Promise<Record<string, unknown>> {
    const all = [`--max-old-space-size=${PORT_MAPPER_HEAP_MIB}`, this.#entry, this.#protocol, ...args];
    if (this.#where !== undefined) all.push(this.#where);
    const limits = { timeout: PORT_MAPPER_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX } as const;
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

/** It ended by itself, and not by saying no. */
function isCrash(error: unknown): boolean {
  const { code, killed, signal } = error as { code?: unknown; killed?: boolean; signal?: unknown };
  return !killed && (typeof signal === 'string' || (typeof code === 'number' && code !== PORT_MAPPER_NO));
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
