/** UDP ports of a supernode beside its own, for questions of clients about their NAT (PROTOCOL.md 9.9): any that are free. */
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { PORT_PICK_MAX, PORT_PICK_MIN, PORT_PICK_TRIES } from '../protocol/params.ts';
import { bindDatagrams, type DatagramSockets } from './datagrams.ts';

/** A further UDP port, and its sockets. */
export interface Side {
  readonly port: number;
  readonly sockets: DatagramSockets;
}

/** One port for both families, so that one number can be told; none when even the first cannot be had. */
export async function bindSide(hosts: {
  readonly v4: string | undefined;
  readonly v6: string | undefined;
}): Promise<Side[]> {
  for (let tries = 0; tries < PORT_PICK_TRIES; tries += 1) {
    const port = randomInt(PORT_PICK_MIN, PORT_PICK_MAX + 1);
    const bind = (family: 4 | 6, host: string | undefined): Promise<Socket | undefined> =>
      host === undefined ? Promise.resolve(undefined) : bindDatagrams(family, host, port).catch(() => undefined);
    const [v4, v6] = [await bind(4, hosts.v4), await bind(6, hosts.v6)];
    if (v4 || v6) return [{ port, sockets: { v4, v6 } }];
  }
  return [];
}
