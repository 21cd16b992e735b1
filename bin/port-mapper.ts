/**
 * Maps or unmaps one port at the gateway of this network by UPnP, prints one line of JSON, and ends. A child of agents
 * and supernodes (`src/net/io/port-gateway-upnp.ts`), who kill it when it takes too long.
 *
 *   node port-mapper.cjs map|unmap udp|tcp PORT OUTER_PORT LIFETIME_SECONDS [LOCATION]
 */
import { createSocket } from 'node:dgram';
import type { Gateway, UPnPNAT } from '@achingbrain/nat-port-mapper';
import { UPNP_SEARCH_MS } from '../src/net/protocol/params.ts';

/** What the library's gateways are made of; its own `unmap` names neither protocol nor outer port. */
interface Controllable {
  getGateway(options: object): Promise<{
    run(
      service: string,
      action: string,
      args: readonly (readonly [string, string | number])[],
      options: object,
    ): Promise<unknown>;
  }>;
}

const WAN_IP_CONNECTION = 'urn:schemas-upnp-org:service:WANIPConnection:2';

async function main(argv: readonly string[]): Promise<void> {
  const [verb = '', carrier = 'udp', port = '', outerPort = '', lifetimeS = '', location] = argv;
  const protocol = carrier === 'tcp' ? 'TCP' : 'UDP';
  const signal = AbortSignal.timeout(UPNP_SEARCH_MS);
  const { upnpNat } = await import('@achingbrain/nat-port-mapper');
  const gateway = await findGateway(upnpNat() as UPnPNAT, location, signal);
  if (verb === 'map') {
    const mapped = await gateway.map(Number(port), await ownAddressTowards(gateway.host), {
      ...{ protocol, signal, autoRefresh: false, description: 'wren' },
      externalPort: Number(outerPort),
      ttl: Number(lifetimeS) * 1_000,
    });
    const host = await gateway.externalIp({ signal });
    process.stdout.write(`${JSON.stringify({ host, port: mapped.externalPort })}\n`);
  } else {
    const device = await (gateway as unknown as Controllable).getGateway({ signal });
    const mapping = [['NewRemoteHost', ''] as const, ['NewExternalPort', outerPort] as const];
    await device.run(WAN_IP_CONNECTION, 'DeletePortMapping', [...mapping, ['NewProtocol', protocol]], { signal });
    process.stdout.write('{}\n');
  }
}

async function findGateway(upnp: UPnPNAT, location: string | undefined, signal: AbortSignal): Promise<Gateway> {
  if (location !== undefined) return await upnp.getGateway(new URL(location), { signal });
  for await (const gateway of upnp.findGateways({ signal })) if (gateway.family === 'IPv4') return gateway;
  throw new Error('no gateway answers');
}

/** By the routes of the system; nothing is sent. */
function ownAddressTowards(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.connect(1900, host, () => {
      resolve(socket.address().address);
      socket.close();
    });
  });
}

main(process.argv.slice(2)).then(
  // Sockets of the search would keep it alive.
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${String((error as Error)?.message ?? error)}\n`);
    process.exit(1);
  },
);
