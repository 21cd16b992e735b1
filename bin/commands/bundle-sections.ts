/**
 * The sections of the diagnostics that `wren doctor-bundle` writes, from what was found to lines. Of the state only what is
 * named here gets in: figures, kinds and counts, never who, where or what was said. Pure; `bundle-mask.ts` goes over all of it
 * afterwards, so that a name in a cause or a log line is gone too.
 */
import type { AgentStatus } from '../../src/store/port.ts';
import { DEFAULT_SETTINGS } from '../../src/store/settings-file.ts';
import type { AppState, Call } from '../../src/store/state.ts';
import type { LogEnd, ProfileFileSize } from './bundle-sources.ts';
import { type Step, stepLine } from './check-steps.ts';
import { columns } from './layout.ts';

export interface Section {
  readonly name: string;
  /** For the list that a person is shown. */
  readonly about: string;
  readonly lines: readonly string[];
}

export interface Machine {
  readonly wren: string;
  readonly node: string;
  readonly platform: string;
  readonly release: string;
  readonly processors: number;
  readonly memoryMiB: number;
  readonly terminal: string;
  readonly utf8: boolean;
  /** Of what influences wren, what is set: names, no values. */
  readonly environment: readonly string[];
}

export interface Findings {
  readonly machine: Machine;
  readonly steps: readonly Step[];
  readonly state: AppState | undefined;
  readonly agent: AgentStatus | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly files: readonly ProfileFileSize[];
  readonly logs: readonly LogEnd[];
}

export function sectionsOf({ machine, steps, state, agent, settings, files, logs }: Findings): Section[] {
  return [
    {
      name: 'versions',
      about: 'versions, system, which settings the environment has',
      lines: machineLines(machine, agent),
    },
    { name: 'check', about: 'the report of wren check', lines: steps.map(checkLine) },
    { name: 'status', about: 'connection, NAT, calls and sound, in figures', lines: statusLines(state) },
    {
      name: 'settings',
      about: 'what was chosen; no proxy, no device names, no commands',
      lines: settingLines(settings),
    },
    {
      name: 'files',
      about: 'names, sizes and rights of the files in the profile, not what is in them',
      lines: fileLines(files),
    },
    ...logs.map(({ file, lines }) => ({ name: file, about: `the last ${lines.length} lines of the log`, lines })),
  ];
}

/** The file. `without`: what was taken out, for its head. */
export function bundleText(sections: readonly Section[], without: string, madeAt: string): string {
  const head = [
    `Diagnostics of wren, made ${madeAt} by wren doctor-bundle, to be sent to whoever helps.`,
    'Read it before you send it. In it:',
    ...sections.map(({ name, about }) => `  ${name}: ${about}`),
    `Not in it: messages, keys, passwords, invites, the buddy list. Taken out: ${without}.`,
  ];
  const parts = sections.map(({ name, lines }) => [`== ${name} ==`, ...(lines.length > 0 ? lines : ['(nothing)'])]);
  return `${[head, ...parts].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function machineLines(machine: Machine, agent: AgentStatus | undefined): string[] {
  const { wren, node, platform, release, processors, memoryMiB, terminal, utf8, environment } = machine;
  return columns([
    ['wren', wren],
    ['agent', agent === undefined ? 'does not answer' : `${agent.version}, up ${Math.round(agent.uptimeS)} s`],
    ['voice process', agent?.voicePid ? 'runs' : 'does not run'],
    ['node', node],
    ['system', `${platform}, ${release}`],
    ['machine', `${processors} processors, ${memoryMiB} MiB`],
    ['terminal', `${terminal}, ${utf8 ? 'UTF-8' : 'not UTF-8'}`],
    ['environment', environment.length > 0 ? `set: ${environment.join(', ')}` : 'nothing that concerns wren'],
  ]);
}

/** Of the sound its kind and counts only: people name headsets after themselves, and the mask may not know all names. */
function checkLine(one: Step): string {
  if (one.name === 'network' && one.verdict === 'pass') return stepLine({ ...one, cause: 'joined' });
  if (one.name !== 'sound') return stepLine(one);
  const { backend, codec, microphones, speakers } = one;
  const count = (list: unknown): string => (Array.isArray(list) ? String(list.length) : 'not counted');
  const cause = `${backend}, Opus ${codec}, microphones: ${count(microphones)}, speakers: ${count(speakers)}`;
  return stepLine({ ...one, cause, remedy: '' });
}

function statusLines(state: AppState | undefined): string[] {
  if (!state) return ['the agent does not answer'];
  return JSON.stringify(statusOf(state), undefined, 1).split('\n');
}

function statusOf(state: AppState): object {
  const { supernode, natKind, ports, audio, serving, history } = state;
  const counted = (words: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    return counts;
  };
  return {
    ...{ version: state.version, connection: state.connection, trouble: state.trouble, presence: state.presence },
    ...{ joined: state.network !== null, signedIn: state.account !== null, tried: state.tried ?? null },
    certificateEndsAtMs: state.account?.certificateExpiresAtMs ?? null,
    supernode: supernode && {
      ...{ carrier: supernode.carrier, rttMs: supernode.rttMs, limitedBy: supernode.limitedBy ?? null },
      byProxy: supernode.proxy !== undefined,
    },
    ...{ supernodesKnown: state.supernodesKnown ?? null, hasStandby: state.standby !== null, nat: state.nat },
    natKind: natKind && { ...natKind, publicEndpoint: natKind.publicEndpoint !== null },
    portMapping: state.portMapping?.by ?? null,
    ports: ports && { alsoTcp: ports.alsoTcp, missing: ports.missing },
    buddies: counted(state.buddies.map(({ relation }) => relation)),
    theirPresence: counted(state.buddies.map(({ presence }) => presence)),
    unread: state.buddies.reduce((sum, { unread }) => sum + unread, 0),
    ...{ missedCalls: state.missedCalls?.length ?? 0, callsElsewhere: state.callsElsewhere?.length ?? 0 },
    devices: state.devices ? { version: state.devices.version, count: state.devices.list.length } : null,
    calls: state.calls.map(callOf),
    audio: {
      ...{ kind: audio.spec.replace(/:[\s\S]*/, ''), codec: audio.codec, backend: audio.backend },
      ...{ problem: audio.problem !== '', filter: audio.filter ?? null, sound: audio.sound ?? null },
      ...{ filters: audio.filters ?? null, priority: audio.priority ?? null, talk: audio.talk ?? null },
    },
    history: history?.protection ?? null,
    serving: serving && {
      ...{ role: serving.role, reason: serving.reason, consent: serving.consent, answer: serving.answer },
      ...{ caps: serving.caps, cost: serving.cost, facts: serving.facts },
    },
  };
}

function callOf({ direction, phase, path, via, muted, heldBy, reason, quality, conference, ...call }: Call): object {
  return {
    ...{ direction, phase, path, relayed: via !== null, muted, heldBy, reason, people: conference?.people.length ?? 2 },
    ...{ reconnecting: call.reconnecting ?? false, quality: quality && { ...quality, trouble: undefined } },
  };
}

function settingLines(settings: Readonly<Record<string, unknown>>): string[] {
  return columns(Object.entries(settings).map(([key, value]) => [key, settingWords(key, value)]));
}

/** Of text only a word of a choice is told; what people type is nobody's business. */
function settingWords(key: string, value: unknown): string {
  if (typeof value === 'boolean' || typeof value === 'number' || value === null) return String(value);
  if (typeof value !== 'string') return '(set)';
  if (value === '') return '(empty)';
  if (key === 'audioSpec' || key === 'proxy') {
    if (value === 'none' || value === 'default') return value;
    return key === 'proxy' ? '(set)' : `${value.replace(/:[\s\S]*/, '')}: (set)`;
  }
  if (key === 'hookCommand' || key === 'alertCommand') return '(set)';
  const isChoice = key in DEFAULT_SETTINGS && /^[a-z][a-z0-9-]{0,23}$/.test(value);
  return isChoice ? value : '(set)';
}

function fileLines(files: readonly ProfileFileSize[]): string[] {
  return columns(
    files.map(({ name, bytes, mode, changedAtMs }) => [
      mode,
      String(bytes),
      new Date(changedAtMs).toISOString().slice(0, 19),
      name,
    ]),
  );
}
