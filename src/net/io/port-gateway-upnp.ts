/** A gateway that speaks UPnP (IGD version 2), asked by a child process (`port-mapper-child.ts`). */
import type { Mapped, MapWish, PortGateway } from './port-gateway.ts';
import { PortMapperChild } from './port-mapper-child.ts';

export class UpnpGateway implements PortGateway {
  readonly #child: PortMapperChild;

  /** `entry`: the built child. `location`: where the gateway describes itself, when it need not be searched. */
  constructor(entry: string, location?: string) {
    this.#child = new PortMapperChild(entry, 'upnp', location);
  }

  async map(wish: MapWish): Promise<Mapped> {
    const { host, port } = await this.#child.map(wish);
    // The protocol tells no other lifetime than the one that was asked for.
    return { by: 'upnp', host, port, lifetimeS: wish.lifetimeS };
  }

  async unmap(wish: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void> {
    await this.#child.unmap(wish);
  }
}
