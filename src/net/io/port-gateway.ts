/** What `port-mapping.ts` needs of a gateway, whichever protocol it speaks. */
import type { Carrier } from '../protocol/endpoint.ts';

/** How a port was mapped. */
export type MappedBy = 'pcp' | 'nat-pmp' | 'upnp';

export interface MapWish {
  readonly carrier: Carrier;
  /** Ours. */
  readonly port: number;
  /** The outer one that would suit us; the gateway may give another. */
  readonly outerPort: number;
  /** Seconds. */
  readonly lifetimeS: number;
}

export interface Mapped {
  readonly by: MappedBy;
  /** The gateway's address on the other side, as it says. */
  readonly host: string;
  readonly port: number;
  /** Seconds that were granted. */
  readonly lifetimeS: number;
}

/** Rejects with any error when it will not, cannot, or does not answer in time; never hangs. */
export interface PortGateway {
  map(wish: MapWish): Promise<Mapped>;
  unmap(wish: Pick<MapWish, 'carrier' | 'port' | 'outerPort'>): Promise<void>;
}
