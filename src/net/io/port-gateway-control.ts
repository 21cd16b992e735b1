/**
 * A gateway that gives out ports at UDP port 5351: PCP first, its ancestor NAT-PMP where it does not know that (RFC 6887
 * section 9). PCP is written by hand, for no library speaks it; NAT-PMP is the library's, in a child process.
 *
 *   map --> PCP --answer--> Mapped
 *               --"version 0" | silence--> NAT-PMP --> Mapped
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { PORT_CONTROL_RETRY_MS } from '../protocol/params.ts';
import { PCP_NONCE_BYTES, PORT_CONTROL_PORT, pcpRequest, readPcpAnswer } from './port-control.ts';
import type { Mapped, MapWish, PortGateway } from './port-gateway.ts';

export class PortControlGateway implements PortGateway {
  readonly #host: string;
  readonly #natPmp: PortGateway;
  readonly #port: number;
  /** Proves to the gateway that whoever renews or ends a mapping is who made it. */
  readonly #nonce = randomBytes(PCP_NONCE_BYTES);
  #speaks: 'unknown' | 'pcp' | 'nat-pmp' = 'unknown';

  /** `natPmp`: the same gateway, asked by NAT-PMP. `port` is 5351 everywhere but in tests. */
  constructor(host: string, natPmp: PortGateway, port = PORT_CONTROL_PORT) {
    this.#host = host;
    this.#natPmp = natPmp;
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
    const mapped = await this.#natPmp.map(wish);
    this.#speaks = 'nat-pmp';
    return mapped;
  }

  async unmap(wish: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void> {
    if (this.#speaks === 'pcp') await this.#askPcp({ ...wish, outerPort: 0, lifetimeS: 0 });
    else if (this.#speaks === 'nat-pmp') await this.#natPmp.unmap(wish);
  }

  async #byPcp(wish: MapWish): Promise<Mapped | 'unsupported'> {
    const answer = await this.#askPcp(wish);
    if (answer === 'unsupported') return answer;
    this.#speaks = 'pcp';
    if (answer.result !== 0) throw new Error(`PCP result ${answer.result}`);
    return { by: 'pcp', host: answer.outerHost, port: answer.outerPort, lifetimeS: answer.lifetimeS };
  }

  #askPcp(wish: MapWish) {
    const request = (own: string): Buffer => pcpRequest(wish, own, this.#nonce);
    return this.#ask(request, (bytes) => readPcpAnswer(bytes, wish, this.#nonce));
  }

  /** Sends until something comes that `read` understands; rejects with ETIMEDOUT, or what the system says. */
  #ask<T>(request: (own: string) => Buffer, read: (bytes: Buffer) => T | undefined): Promise<T> {
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
        socket.send(request(socket.address().address));
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
