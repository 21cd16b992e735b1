/**
 * Has the gateway pass a port on to us while we are behind a NAT (`net/io/port-mapping.ts`): then people behind NATs that
 * no hole can be punched through still reach us directly. Not where nobody translates, not when the person switched it
 * off (`"portMapping": false` in the settings, WREN_NO_PORT_MAPPING=1). UPnP asks the whole network and for seconds, so it is
 * tried only where punching is hard: behind a NAT with another port for each other end.
 */
import type { NatKind } from '../net/index.ts';
import type { PortMapped, PortMapping } from '../net/io/index.ts';
import { printEndpoint } from '../net/protocol/endpoint.ts';
import type { AgentCore } from './agent-core.ts';

export class AgentPortMapping {
  readonly #core: AgentCore;
  #open: { readonly key: string; readonly mapping: Pick<PortMapping, 'close'> } | undefined;

  constructor(core: AgentCore) {
    this.#core = core;
  }

  /** The node found out what stands between it and the internet. */
  found(kind: NatKind): void {
    // It may be looked at again in a moment, with a better answer.
    if (kind.udp === 'unknown' || kind.mapping === 'unknown') return;
    const { openPortMapping, profile } = this.#core.options;
    const isWanted = kind.udp === 'works' && kind.mapping !== 'none' && profile.settings.get().portMapping;
    if (!isWanted || !openPortMapping || !this.#core.node) return void this.close();
    const { port } = this.#core.node.driver.report();
    const upnp = kind.mapping !== 'endpoint-independent';
    const key = `${port} ${kind.publicEndpoint?.host} ${upnp}`;
    if (key === this.#open?.key) return;
    void this.close();
    const mapping = openPortMapping({ port, upnp, onChange: (mapped) => this.#changed(key, mapped) });
    this.#open = { key, mapping };
    void mapping.start();
  }

  /** Gives the port back; never rejects, and takes a second at most. */
  async close(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#changed(open.key, undefined);
    this.#open = undefined;
    await open.mapping.close();
  }

  #changed(key: string, mapped: PortMapped | undefined): void {
    // What one of before still tells is no news.
    if (key !== this.#open?.key) return;
    const endpoint = mapped?.endpoints[0];
    const portMapping = mapped && endpoint ? { by: mapped.by, endpoint: printEndpoint(endpoint) } : null;
    this.#core.options.log.info('nat', portMapping ? 'port mapped' : 'no port mapped', { by: portMapping?.by ?? null });
    if (this.#core.node) this.#core.command({ type: 'mapped', endpoint });
    this.#core.emit({ type: 'mapping.changed', portMapping });
  }
}
