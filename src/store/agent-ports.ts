/**
 * Where the agent's node listens: at its own port, which was chosen at install and is kept, and at TCP 443 and 80 where
 * the system lets it (slides, "Ports"). Nothing is served there: who takes this node for a supernode is led to its own
 * (`net/node/signpost.ts`). So the two are borrowed only: services of this machine come first, and a server that starts
 * later claims them (`net/io/also-tcp.ts`), our own child that serves (`agent-serving.ts`) among them. Off with `"webPorts": false` in the settings, and
 * WREN_NO_WEB_PORTS=1.
 */
import { openSockets, type ProxyChoice, type SystemSockets } from '../net/io/index.ts';
import { ALSO_TCP_PORTS } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';

/** Another port than the kept one when that is taken. Rejects as `openSockets` does. */
export async function openPorts(core: AgentCore, proxy: ProxyChoice | undefined): Promise<SystemSockets> {
  const { profile, log, webPorts = false, service, internet } = core.options;
  const isWanted = webPorts && service === undefined && profile.settings.get().webPorts;
  const sockets = await (internet?.openSockets ?? openSockets)({
    ...{ port: profile.port(), whenTaken: 'pick', proxy },
    ...{ alsoTcp: isWanted ? ALSO_TCP_PORTS : [], alsoTcpManners: 'borrow' },
    onAlsoTcp: (alsoTcp) => {
      log.info('agent', 'a server of this machine claimed a port', { alsoTcp: alsoTcp.join(' ') });
      tell();
    },
  });
  const tell = (): void => {
    const { port, alsoTcp, alsoTcpMissing } = sockets;
    const listed = [...alsoTcp, port, ...alsoTcpMissing.map((one) => one.port)];
    const claimed = isWanted ? ALSO_TCP_PORTS.filter((one) => !listed.includes(one)) : [];
    const missing = [...alsoTcpMissing, ...claimed.map((one) => ({ port: one, why: 'claimed' as const }))];
    core.emit({ type: 'ports.changed', ports: { port, alsoTcp, missing } });
  };
  for (const { port, why } of sockets.alsoTcpMissing) log.info('agent', 'does without a port', { port, why });
  tell();
  return sockets;
}
