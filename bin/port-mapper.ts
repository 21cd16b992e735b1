/**
 * Maps or unmaps one port at the gateway of this network by UPnP or NAT-PMP, prints one line of JSON, and ends. A child
 * of agents and supernodes (`src/net/io/port-mapper-child.ts`), who kill it when it takes too long.
 *
 *   node port-mapper.cjs upnp|nat-pmp map|unmap udp|tcp PORT OUTER_PORT LIFETIME_SECONDS [WHERE]
 *
 * WHERE: of a UPnP gateway the URL of its description, without which it is searched; for NAT-PMP its address.
 */
import { createSocket } from 'node:dgram';
import type { Gateway, UPnPNAT } from '@achingbrain/nat-port-mapper';
import { PORT_CONTROL_PORT } from '../src/net/io/port-control.ts';
import { PORT_MAPPER_NO } from '../src/net/io/port-mapper-child.ts';
import { PORT_CONTROL_RETRY_MS, UPNP_SEARCH_MS } from '../src/net/protocol/params.ts';

interface Wish {
  readonly verb: 'map' | 'unmap';
  readonly protocol: 'UDP' | 'TCP';
  readonly port: number;
  readonly outerPort: number;
  readonly lifetimeS: number;
}

/** What the library's UPnP gateways are made of; their own `unmap` names neither protocol nor outer port. */
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

/**
 * And its NAT-PMP gateways: their own `map` does not tell how long the lease is, nor does it ask for an outer port. They
 * hear whoever writes to them.
 */
interface PmpControllable extends Gateway {
  request(
    operation: number,
    answer: { resolve(value: { public: number; ttl: number }): void; reject(error: unknown): void },
    port: number,
    options: { readonly externalPort: number; readonly ttl: number },
  ): void;
  onMessage(bytes: Buffer, from: { readonly address: string; readonly port: number }): void;
  once(event: 'error', listener: (error: unknown) => void): void;
}

const WAN_IP_CONNECTION = 'urn:schemas-upnp-org:service:WANIPConnection:2';
/** RFC 6886: opcodes, and the shortest answer that is one. */
const PMP_MAP = { UDP: 1, TCP: 2 } as const;
const PMP_ANSWER_BYTES_MIN = 8;

async function main([by, verb, carrier, port, outerPort, lifetimeS, where]: readonly string[]): Promise<void> {
  const wish: Wish = {
    verb: verb === 'map' ? 'map' : 'unmap',
    protocol: carrier === 'tcp' ? 'TCP' : 'UDP',
    port: Number(port),
    outerPort: Number(outerPort),
    lifetimeS: Number(lifetimeS),
  };
  const answer = by === 'nat-pmp' ? await byNatPmp(wish, where ?? '') : await byUpnp(wish, where);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function byUpnp({ verb, protocol, port, outerPort, lifetimeS }: Wish, location: string | undefined) {
  const signal = AbortSignal.timeout(UPNP_SEARCH_MS);
  const { upnpNat } = await import('@achingbrain/nat-port-mapper');
  const gateway = await findGateway(upnpNat() as UPnPNAT, location, signal);
  if (verb === 'map') {
    const mapped = await gateway.map(port, await ownAddressTowards(gateway.host), {
      ...{ protocol, signal, autoRefresh: false, description: 'wren' },
      externalPort: outerPort,
      ttl: lifetimeS * 1_000,
    });
    return { host: await gateway.externalIp({ signal }), port: mapped.externalPort };
  }
  const device = await (gateway as unknown as Controllable).getGateway({ signal });
  const mapping = [['NewRemoteHost', ''] as const, ['NewExternalPort', outerPort] as const];
  await device.run(WAN_IP_CONNECTION, 'DeletePortMapping', [...mapping, ['NewProtocol', protocol]], { signal });
  return {};
}

async function findGateway(upnp: UPnPNAT, location: string | undefined, signal: AbortSignal): Promise<Gateway> {
  if (location !== undefined) return await upnp.getGateway(new URL(location), { signal });
  for await (const gateway of upnp.findGateways({ signal })) if (gateway.family === 'IPv4') return gateway;
  throw new Error('no gateway answers');
}

/** The library repeats nothing, and hears nothing while another program has its port: it is begun anew instead. */
async function byNatPmp(wish: Wish, host: string) {
  const { pmpNat } = await import('@achingbrain/nat-port-mapper');
  for (const waitMs of PORT_CONTROL_RETRY_MS) {
    const gateway = pmpNat(host) as PmpControllable;
    try {
      return await askByNatPmp(gateway, wish, AbortSignal.timeout(waitMs));
    } catch (error) {
      if ((error as Error).name !== 'TimeoutError' && (error as Error).name !== 'AbortError') throw error;
    } finally {
      await gateway.stop();
    }
  }
  throw new Error('the gateway does not answer');
}

async function askByNatPmp(gateway: PmpControllable, wish: Wish, signal: AbortSignal) {
  const hear = gateway.onMessage.bind(gateway);
  gateway.onMessage = (bytes, from) => {
    const isAnswer = from.address === gateway.host && from.port === PORT_CONTROL_PORT;
    if (isAnswer && bytes.length >= PMP_ANSWER_BYTES_MIN) hear(bytes, from);
  };
  const { protocol, port, outerPort, lifetimeS, verb } = wish;
  // An outer port of 0 and no time end a mapping.
  const options = verb === 'map' ? { externalPort: outerPort, ttl: lifetimeS } : { externalPort: 0, ttl: 0 };
  const given = await new Promise<{ public: number; ttl: number }>((resolve, reject) => {
    gateway.once('error', reject);
    signal.addEventListener('abort', () => reject(signal.reason));
    gateway.request(PMP_MAP[protocol], { resolve, reject }, port, options);
  });
  if (verb === 'unmap') return {};
  return { host: await gateway.externalIp({ signal }), port: given.public, lifetimeS: given.ttl };
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
    process.exit(PORT_MAPPER_NO);
  },
);
