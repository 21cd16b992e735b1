/** A login server and a supernode in this process, on real sockets of 127.0.0.1: what scenes with whole agents sign in to. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runLoginServer } from '../../bin/servers/login-server.ts';
import { runSupernode } from '../../bin/servers/supernode.ts';
import { encodeInvite } from '../../src/net/index.ts';
import { type Log, openLog } from '../../src/store/log-file.ts';

export interface AgentNetwork {
  readonly invite: string;
  readonly log: Log;
  stop(): Promise<void>;
}

/** Below this folder; `onFault` hears of mistakes of ours. */
export async function startAgentNetwork(root: string, onFault: (fault: unknown) => void): Promise<AgentNetwork> {
  const folder = join(root, 'network');
  mkdirSync(folder, { mode: 0o700 });
  const log = openLog(folder);
  const common = { folder, host: '127.0.0.1', port: undefined, log, onFault };
  const login = await runLoginServer(common);
  const { network, authorityPin, endpoints: loginServers } = login;
  const supernode = await runSupernode({ ...common, pin: authorityPin, loginServers, relayKbps: 1000 });
  return {
    invite: encodeInvite({ network, authorityPin, loginServers, supernodes: supernode.endpoints }),
    log,
    stop: async () => {
      await supernode.stop();
      await login.stop();
      log.close();
    },
  };
}
