/**
 * A gateway that gives out ports at UDP port 5351: PCP first, NAT-PMP where it does not know that (RFC 6887 section 9).
 * Written by hand: the library that speaks UPnP for us has a NAT-PMP too, but that one repeats nothing, sends from one
 * fixed port, which two programs of one machine cannot share, and knows no PCP.
 *
 *   map --> PCP --answer--> Mapped
 *               --"version 0" | silence--> NAT-PMP map, address --> Mapped
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { PORT_CONTROL_RETRY_MS } from '../protocol/params.ts';
import {
  type ControlWish,
  NAT_PMP_ADDRESS_REQUEST,
  natPmpRequest,
  PCP_NONCE_BYTES,
  PORT_CONTROL_PORT,
  pcpRequest,
  readNatPmpAddress,
  readNatPmpAnswer,
  readPcpAnswer,
} from './port-control.ts';
import type { Mapped, MapWish, PortGateway } from './port-gateway.ts';

export class PortControlGateway implements PortGateway {
  readonly #host: string;
  readonly #port: number;
  /** Proves to the gateway that whoever renews or ends a mapping is who made it. */
  readonly #nonce = randomBytes(PCP_NONCE_BYTES);
  #speaks: 'unknown' | 'pcp' | 'nat-pmp' = 'unknown';

  /** `port` is 5351 everywhere but in tests. */
  constructor(host: string, port = PORT_CONTROL_PORT) {
    this.#host = host;
    this.#port = port;
  }

  async map(wish: MapWish): Promise<Mapped> {
    if (this.#speaks !== 'nat-pmp') {
      const mapped = await this.#byPcp(wish).catch((error) => {
        // Nobody there at all, as the system can tell: there is no ancestor to ask either.
        if (this.#speaks === 'pcp' || (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error;
        return 'unsupported' as const;
      });
      if (mapped !== 'unsupported') return mapped;
    }
    return await this.#byNatPmp(wish);
  }

  async unmap({ carrier, port }: Pick<MapWish, 'carrier' | 'port'>): Promise<void> {
    const wish = { carrier, port, outerPort: 0, lifetimeS: 0 };
    if (this.#speaks === 'pcp') await this.#askPcp(wish);
    else if (this.#speaks === 'nat-pmp') await this.#ask(natPmpRequest(wish), (bytes) => readNatPmpAnswer(bytes, wish));
  }

  async #byPcp(wish: MapWish): Promise<Mapped | 'unsupported'> {
    const answer = await this.#askPcp(wish);
    if (answer === 'unsupported') return answer;
    this.#speaks = 'pcp';
    if (answer.result !== 0) throw new Error(`PCP result ${answer.result}`);
    return { by: 'pcp', host: answer.outerHost, port: answer.outerPort, lifetimeS: answer.lifetimeS };
  }

  #askPcp(wish: ControlWish) {
    const request = (own: string): Buffer => pcpRequest(wish, own, this.#nonce);
    return this.#ask(request, (bytes) => readPcpAnswer(bytes, wish, this.#nonce));
  }

  async #byNatPmp(wish: MapWish): Promise<Mapped> {
    const answer = await this.#ask(natPmpRequest(wish), (bytes) => readNatPmpAnswer(bytes, wish));
    this.#speaks = 'nat-pmp';
    if (answer.result !== 0) throw new Error(`NAT-PMP result ${answer.result}`);
    const host = await this.#ask(NAT_PMP_ADDRESS_REQUEST, readNatPmpAddress);
    return { by: 'nat-pmp', host, port: answer.outerPort, lifetimeS: answer.lifetimeS };
  }

  /** Sends until something comes that `read` understands; rejects with ETIMEDOUT, or what the system says. */
  #ask<T>(packet: Buffer | ((own: string) => Buffer), read: (bytes: Buffer) => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const socket = createSocket('udp4');
      let timer: NodeJS.Timeout | undefined;
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', () => {});
        socket.close();
        finish();
      };
      const send = (tries: number): void => {
        const waitMs = PORT_CONTROL_RETRY_MS[tries];
        if (waitMs === undefined) {
          const late = Object.assign(new Error('the gateway does not answer'), { code: 'ETIMEDOUT' });
          return end(() => reject(late));
        }
        socket.send(typeof packet === 'function' ? packet(socket.address().address) : packet);
        timer = setTimeout(() => send(tries + 1), waitMs);
      };
      socket.on('error', (error) => end(() => reject(error)));
      socket.on('message', (bytes) => {
        const answer = read(bytes);
        if (answer !== undefined) end(() => resolve(answer));
      });
      // Connected, so that nobody but the gateway is heard, and we learn which address of ours it sees.
      socket.connect(this.#port, this.#host, () => send(0));
    });
  }
}
