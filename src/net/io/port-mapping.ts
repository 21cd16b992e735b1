/**
 * Has the gateway pass one port on to us, and keeps it so: asks each protocol in turn, renews at half of the lifetime,
 * and gives the port back when it is closed. Agents and supernodes behind a NAT use it; nobody waits for it.
 *
 *   start --> gateways one after the other, MAPPING_START_MS for all --public address--> mapped
 *     mapped --half of the lifetime--> renewed; not renewed: again at half of what is left, until it has ended
 *     none | ended --> again after MAPPING_AGAIN_MS
 *   close --> given back, MAPPING_CLOSE_MS at most
 *
 * A gateway that names a private address stands behind another NAT: such a port is of no use and is given back.
 */
import { type Carrier, type Endpoint, isPrivateHost, isUnicastHost } from '../protocol/endpoint.ts';
import {
  MAPPING_AGAIN_MS,
  MAPPING_CLOSE_MS,
  MAPPING_LIFETIME_S,
  MAPPING_LIFETIME_S_MIN,
  MAPPING_RENEW_MS_MIN,
  MAPPING_START_MS,
} from '../protocol/params.ts';
import type { Clock } from './driver.ts';
import type { Mapped, MappedBy, MapWish, PortGateway } from './port-gateway.ts';

export interface PortMapped {
  readonly by: MappedBy;
  /** One for each carrier that was wished for, in that order, as far as the gateway gave it. */
  readonly endpoints: readonly Endpoint[];
}

export interface PortMappingOptions {
  readonly port: number;
  /** The first must be had; the others are a bonus. */
  readonly carriers: readonly [Carrier, ...Carrier[]];
  /** In the order in which they are asked. */
  readonly gateways: readonly PortGateway[];
  readonly clock: Clock;
  /** The port is mapped, mapped to another endpoint, or (undefined) no longer mapped. */
  readonly onChange: (mapped: PortMapped | undefined) => void;
}

interface Held {
  readonly gateway: PortGateway;
  readonly mapped: readonly { readonly carrier: Carrier; readonly mapped: Mapped }[];
  endsAt: number;
}

export class PortMapping {
  readonly #options: PortMappingOptions;
  #held: Held | undefined;
  #told = '';
  #disarm: () => void = () => {};
  #closed = false;

  constructor(options: PortMappingOptions) {
    this.#options = options;
  }

  /** Begins; never rejects. Resolves when the first round is over. */
  async start(): Promise<void> {
    const { gateways, clock } = this.#options;
    const giveUpAt = clock.now() + MAPPING_START_MS;
    for (const gateway of gateways) {
      if (this.#closed || clock.now() >= giveUpAt) break;
      const held = await this.#mapBy(gateway);
      if (held && this.#closed) return await this.#giveBack(held);
      if (held) return this.#keep(held);
    }
    this.#later(MAPPING_AGAIN_MS, () => this.start());
  }

  /** Gives the port back. Safe to call twice. */
  async close(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    this.#closed = true;
    this.#disarm();
    if (held) await this.#giveBack(held);
  }

  async #mapBy(gateway: PortGateway): Promise<Held | undefined> {
    const { carriers, port, clock } = this.#options;
    const mapped: { carrier: Carrier; mapped: Mapped }[] = [];
    const askedAt = clock.now();
    for (const carrier of carriers) {
      const outerPort = this.#outerPortOf(carrier) ?? mapped[0]?.mapped.port ?? port;
      const wish: MapWish = { carrier, port, outerPort, lifetimeS: MAPPING_LIFETIME_S };
      const one = await gateway.map(wish).catch(() => undefined);
      if (one && isUseful(one)) mapped.push({ carrier, mapped: one });
      else if (one) await quietly(gateway.unmap({ ...wish, outerPort: one.port }));
      if (mapped.length === 0) return undefined;
    }
    const lifetimes = mapped.map(({ mapped: { lifetimeS } }) => Math.min(lifetimeS, MAPPING_LIFETIME_S));
    return { gateway, mapped, endsAt: askedAt + 1_000 * Math.max(Math.min(...lifetimes), MAPPING_LIFETIME_S_MIN) };
  }

  #outerPortOf(carrier: Carrier): number | undefined {
    return this.#held?.mapped.find((one) => one.carrier === carrier)?.mapped.port;
  }

  #keep(held: Held): void {
    this.#held = held;
    const by = held.mapped[0]?.mapped.by ?? 'pcp';
    this.#tell({ by, endpoints: held.mapped.map(({ carrier, mapped: { host, port } }) => ({ carrier, host, port })) });
    this.#later((held.endsAt - this.#options.clock.now()) / 2, () => this.#renew(held));
  }

  async #renew(held: Held): Promise<void> {
    const renewed = await this.#mapBy(held.gateway);
    if (this.#closed) return renewed && (await this.#giveBack(renewed));
    if (renewed) return this.#keep(renewed);
    const leftMs = held.endsAt - this.#options.clock.now();
    // RFC 6887 section 11.2.1: again and again, but not faster than this.
    if (leftMs > 2 * MAPPING_RENEW_MS_MIN) return this.#later(leftMs / 2, () => this.#renew(held));
    this.#held = undefined;
    this.#tell(undefined);
    await this.start();
  }

  async #giveBack({ gateway, mapped }: Held): Promise<void> {
    const { port } = this.#options;
    const all = mapped.map((one) => quietly(gateway.unmap({ carrier: one.carrier, port, outerPort: one.mapped.port })));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, MAPPING_CLOSE_MS);
    });
    await Promise.race([Promise.all(all), late]);
    clearTimeout(timer);
  }

  #tell(mapped: PortMapped | undefined): void {
    const text = JSON.stringify(mapped ?? null);
    if (text !== this.#told) this.#options.onChange(mapped);
    this.#told = text;
  }

  #later(ms: number, what: () => Promise<void>): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    this.#disarm = clock.arm(clock.now() + ms, () => void what());
  }
}

/** Verified is only what names an address that the whole internet can reach. */
function isUseful({ host, port }: Mapped): boolean {
  return isUnicastHost(host) && !isPrivateHost(host) && port >= 1 && port <= 65_535;
}

/** Not our concern any more. */
function quietly(doing: Promise<void>): Promise<void> {
  return doing.catch(() => {});
}
