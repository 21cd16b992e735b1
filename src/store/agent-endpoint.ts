/**
 * The laptop of `wren ssh`, as the agent at HOST sees it: while a session is there, calls go through its microphone and
 * speaker, whatever device was chosen; when it goes away in the middle of a call, the call stays, muted, on hold or open as the
 * person wished, and goes on when a laptop comes. Sessions leave records in the profile (`audio/endpoints-file.ts`), so the newest
 * is found from every tmux window. `agent-calls.ts` owns this; `agent-sound-desk.ts` hands in that records have changed.
 */
import { endpointsFolder, livingEndpoints } from '../audio/endpoint.ts';
import type { FromVoice } from '../audio/port.ts';
import type { AgentCore } from './agent-core.ts';
import type { Line } from './call-line.ts';
import { talkOf } from './settings-file.ts';
import type { Call, EndpointReport } from './state.ts';

type EndpointWord = Extract<FromVoice, { type: 'endpoint' }>;

export interface EndpointHooks {
  readonly find: (call: string) => Call | undefined;
  /** As if the person had said so. */
  readonly node: (command: { type: 'mute' | 'unmute' | 'hold' | 'resume'; call: string }) => void;
  readonly lines: () => IterableIterator<readonly [call: string, line: Line]>;
}

export class AgentEndpoint {
  readonly #core: AgentCore;
  readonly #hooks: EndpointHooks;
  /** Socket of the newest session. */
  #newest: string | undefined;
  /** That of the session for which another device was chosen by hand. */
  #declined: string | undefined;

  constructor(core: AgentCore, hooks: EndpointHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  get #folder(): string {
    return endpointsFolder(this.#core.options.profile.folder);
  }

  get #spec(): string {
    return `socket:${this.#folder}`;
  }

  /** Looks at the records: from now on calls go through the newest session, or by the chosen device when there is none. */
  look(): void {
    if (this.#core.options.service) return;
    const [newest] = livingEndpoints(this.#folder);
    const isNew = newest !== undefined && newest.socket !== this.#newest;
    this.#newest = newest?.socket;
    if (newest && newest.socket === this.#declined) return;
    this.#declined = undefined;
    this.#tell(newest && { name: newest.name, state: 'ready', rttMs: null, delayMs: null });
    if (isNew) this.#takeUp();
  }

  /** The person has chosen a device while a session is there: that holds until the next one. */
  declined(): void {
    this.#declined = this.#newest;
    this.#tell(undefined);
  }

  /** Running calls by a card, or by an endpoint that may be gone, go on at the newest. */
  #takeUp(): void {
    for (const [call, line] of this.#hooks.lines()) {
      if (line.spec.startsWith('file:') || line.spec === 'none') continue;
      line.spec = this.#spec;
      if (line.started) line.voice?.tell({ type: 'start', spec: line.spec, call });
    }
  }

  /** What the voice end of a call says of its laptop. */
  told(call: string, line: Line, { attached, name, rttMs, holdMs }: EndpointWord): void {
    const delayMs = rttMs === null ? null : Math.round(rttMs / 2) + holdMs;
    const known = name || this.#core.state.audio.endpoint?.name || '';
    this.#tell({ name: known, state: attached ? 'attached' : 'away', rttMs, delayMs });
    if (attached) this.#back(call, line);
    else this.#parted(call, line, known);
  }

  /** The last call has ended. */
  callsEnded(): void {
    this.look();
  }

  /** The person acts on the call by hand: what the parting did is theirs now. */
  forget(line: Line | undefined): void {
    if (line) line.parted = undefined;
  }

  #parted(call: string, line: Line, name: string): void {
    const view = this.#hooks.find(call);
    if (!view || view.phase === 'ended' || line.parted !== undefined) return;
    const { detach } = talkOf(this.#core.options.profile.settings.get());
    this.#core.notice('audio-endpoint-away', `${name || 'laptop'}; the call with ${view.peer} ${WORDS[detach]}`);
    if (detach === 'muted' && !view.muted) this.#act(line, 'mute', call);
    else if (detach === 'held' && view.heldBy !== 'me' && view.heldBy !== 'both') this.#act(line, 'hold', call);
  }

  #act(line: Line, type: 'mute' | 'hold', call: string): void {
    line.parted = type;
    this.#hooks.node({ type, call });
  }

  /** Exactly what the parting did is undone. */
  #back(call: string, line: Line): void {
    const { parted } = line;
    const view = this.#hooks.find(call);
    line.parted = undefined;
    if (parted === undefined || !view || view.phase === 'ended') return;
    if (parted === 'mute' && view.muted) this.#hooks.node({ type: 'unmute', call });
    if (parted === 'hold' && view.heldBy !== 'nobody') this.#hooks.node({ type: 'resume', call });
  }

  /** `audio.spec` is what the next call uses; what a person has chosen stays in the settings. */
  #tell(endpoint: EndpointReport | undefined): void {
    const { endpoint: before, ...audio } = this.#core.state.audio;
    const isThere = this.#newest !== undefined && this.#declined === undefined;
    const spec = isThere ? this.#spec : this.#core.options.profile.settings.get().audioSpec;
    // A call knows more of its laptop than the record does.
    const isInUse = before && before.state !== 'ready' && endpoint?.state === 'ready' && this.#isUsed();
    const now = isInUse ? before : endpoint;
    if (spec === audio.spec && JSON.stringify(now) === JSON.stringify(before)) return;
    this.#core.emit({ type: 'audio.changed', audio: { ...audio, spec, ...(now ? { endpoint: now } : {}) } });
  }

  #isUsed(): boolean {
    return [...this.#hooks.lines()].some(([, line]) => line.started && line.spec.startsWith('socket:'));
  }
}

const WORDS = { muted: 'goes on muted', held: 'is on hold', open: 'goes on' } as const;
