/**
 * A gateway that speaks NAT-PMP (RFC 6886), asked by a child process (`port-mapper-child.ts`). Which gateways that are,
 * PCP finds out (`port-gateway-control.ts`).
 */
import type { Mapped, MapWish, PortGateway } from './port-gateway.ts';
import { PortMapperChild } from './port-mapper-child.ts';

export class NatPmpGateway implements PortGateway {
  readonly #child: PortMapperChild;

  /** `entry`: the built child. `host`: the IPv4 address of the gateway. */
  constructor(entry: string, host: string) {
    this.#child = new PortMapperChild(entry, 'nat-pmp', host);
  }

  async map(wish: MapWish): Promise<Mapped> {
    const { host, port, lifetimeS = 0 } = await this.#child.map(wish);
    return { by: 'nat-pmp', host, port, lifetimeS };
  }

  async unmap(wish: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void> {
    await this.#child.unmap(wish);
  }
}
