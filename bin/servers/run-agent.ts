/**
 * Composes an agent out of real parts: the profile and its lock, history, log, voice child (or the echo of a service),
 * and the agent port. Used by the agent program and, in the same process as its network, by the echo service.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { openPortMapping } from '../../src/net/io/index.ts';
import { Agent, type ServiceBehaviour } from '../../src/store/agent.ts';
import { agentSocketPath, besideRunningProgram } from '../../src/store/agent-client-io.ts';
import type { AgentOptions } from '../../src/store/agent-core.ts';
import { echoVoice } from '../../src/store/agent-echo-io.ts';
import { type AgentServer, serveAgent } from '../../src/store/agent-server-io.ts';
import { servingMeans } from '../../src/store/agent-serving-io.ts';
import { listDevicesWith, probeSoundWith } from '../../src/store/agent-sound-io.ts';
import { spawnVoiceChild } from '../../src/store/agent-voice-io.ts';
import { CallTempo } from '../../src/store/call-tempo-io.ts';
import { openHistoryVault } from '../../src/store/history-vault-io.ts';
import { tellInstalled } from '../../src/store/install-notice-io.ts';
import { type LogLevel, openLog } from '../../src/store/log-file.ts';
import type { AgentEvent } from '../../src/store/port.ts';
import { openProfile } from '../../src/store/profile-file.ts';
import { holdProfileLock } from '../../src/store/profile-lock-db.ts';
import { noSecretStore } from '../../src/store/secret-store.ts';
import { systemSecretStore } from '../../src/store/secret-store-io.ts';
import { systemRandom, wallClock } from './server-folder.ts';

export interface RunningAgent {
  readonly agent: Agent;
  readonly socket: string;
  readonly logPath: string;
  onEvent(listener: (event: AgentEvent) => void): void;
  /** Resolves when the agent has left politely and let go of everything. */
  stop(): Promise<void>;
  /** Resolves when somebody asked the agent to stop. */
  readonly stopAsked: Promise<void>;
}

export interface RunAgentOptions {
  readonly profileDir: string;
  readonly version: string;
  readonly logLevel: LogLevel;
  readonly service?: ServiceBehaviour;
  /** As `--proxy` gave it: remembered in the profile. */
  readonly proxy?: string;
  /** Our own mistake: the process must end with exit code 5. */
  readonly onFault: (fault: unknown) => void;
}

const mapPort: NonNullable<AgentOptions['openPortMapping']> = ({ port, upnp, onChange }) =>
  openPortMapping({
    port,
    carriers: ['udp'],
    mapperEntry: besideRunningProgram('port-mapper.cjs'),
    upnp,
    onChange,
  });

/** Throws `Refusal('profile-locked')` when an agent runs already, and what the profile's files throw. */
export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const lock = holdProfileLock(options.profileDir);
  const profile = openProfile(options.profileDir, systemRandom);
  const log = openLog(profile.folder, options.logLevel);
  if (options.proxy !== undefined) profile.settings.set({ proxy: options.proxy });
  const socket = agentSocketPath(profile.folder);
  let askToStop: () => void = () => {};
  const stopAsked = new Promise<void>((resolve) => {
    askToStop = resolve;
  });
  const fault = (error: unknown): void => {
    log.error('agent', 'our own mistake', {}, error);
    options.onFault(error);
  };
  const { logLevel } = options;
  const servingProgram = { entry: besideRunningProgram('server.cjs'), profileDir: profile.folder, logLevel };
  const voice = { entry: besideRunningProgram('voice.cjs'), logPath: join(profile.folder, 'voice.log') };
  const historyVault = await openHistoryVault({
    ...{ folder: profile.folder, settings: profile.settings, random: systemRandom, log },
    store: options.service
      ? noSecretStore('a service keeps none')
      : systemSecretStore(besideRunningProgram('secret-store.cjs'), process.env),
  });
  let server: AgentServer | undefined;
  const agent = new Agent(
    {
      version: options.version,
      profile,
      openHistory: (account) => historyVault.open(account),
      historyVault,
      log,
      random: systemRandom,
      wallClock,
      makeVoice: options.service ? echoVoice : (events) => spawnVoiceChild(voice, events),
      ...(options.service ? {} : { tempo: new CallTempo() }),
      attended: () => (server?.followers ?? 0) > 0,
      probeSound: options.service ? () => Promise.resolve(undefined) : () => probeSoundWith(voice.entry),
      ...(options.service ? {} : { listDevices: (spec: string) => listDevicesWith(voice.entry, spec) }),
      silence: silenceBody,
      deviceLabel: hostname(),
      proxyEnvironment: process.env,
      ...(process.env.WREN_NO_PORT_MAPPING === '1' ? {} : { openPortMapping: mapPort }),
      webPorts: process.env.WREN_NO_WEB_PORTS !== '1',
      ...(process.env.WREN_NO_INSTALL_PING === '1' ? {} : { tellInstalled }),
      // A service runs beside servers of its network.
      ...(options.service ? {} : { serving: servingMeans(servingProgram, process.env) }),
      onFault: fault,
      ...(options.service ? { service: options.service } : {}),
    },
    { socket, stop: askToStop },
  );
  const port: AgentServer = await serveAgent({
    socketPath: socket,
    handle: (command) => agent.handle(command),
    trouble: (fact, fields, error) => log.warn('port', fact, fields, error),
  });
  server = port;
  agent.onEvent((event) => port.push(event));
  await agent.start();
  log.info('agent', 'started', { version: options.version });
  return {
    agent,
    socket,
    logPath: join(profile.folder, 'agent.log'),
    stopAsked,
    onEvent: (listener) => void agent.onEvent(listener),
    async stop() {
      await agent.stop();
      await port.close();
      log.info('agent', 'stopped');
      log.close();
      lock.release();
    },
  };
}
