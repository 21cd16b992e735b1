/**
 * The recording of a call: the other end is told first, then the voice end writes the file (`audio/call-recorder-file.ts`), and a
 * voice end that follows a dead one goes on with it. Who records stands in `Call.recordedBy`, and every change is a `recording` event.
 * `agent.ts` hands in the commands, `agent-calls.ts` what node and voice end say.
 */
import { join } from 'node:path';
import type { FromVoice } from '../audio/port.ts';
import { isFailureCode, Refusal } from '../net/protocol/failures.ts';
import { RECORDING_OPENS_MS } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import type { Line } from './call-line.ts';
import type { CallEvent } from './port.ts';
import { type Call, currentCall } from './state.ts';

/** What the room of calls does for this one. */
export interface RecordingHooks {
  readonly line: (call: string) => Line | undefined;
  readonly tell: (event: CallEvent) => void;
  /** Throws what the call core refuses. */
  readonly node: (command: { readonly type: 'record'; readonly call: string }) => void;
}

type Told = Extract<FromVoice, { type: 'recording' }>;

export class AgentRecording {
  readonly #core: AgentCore;
  readonly #hooks: RecordingHooks;

  constructor(core: AgentCore, hooks: RecordingHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Resolves when the file is open; rejects with `no-call`, `usage` when one runs already, and what the file fails with. */
  start(
    wished: string | undefined,
    path: string | undefined,
  ): Promise<{ readonly call: string; readonly path: string }> {
    const { view, line } = this.#running(wished);
    if (line.recording) throw new Refusal('usage', `the call is recorded already, to ${line.recording.path}`);
    const { call, peer } = view;
    const file = path ?? join(this.#core.options.profile.folder, `${peer}-${this.#stamp()}.wav`);
    this.#hooks.node({ type: 'record', call });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        line.recording?.opened?.(new Refusal('timed-out', file));
        line.voice?.tell({ type: 'record-end' });
        this.#end(call, line);
      }, RECORDING_OPENS_MS);
      line.recording = {
        path: file,
        startedAt: performance.now(),
        confirmed: false,
        opened: (refusal) => {
          clearTimeout(timer);
          if (line.recording) line.recording.opened = undefined;
          if (refusal) reject(refusal);
          else resolve({ call, path: file });
        },
      };
      line.voice?.tell({ type: 'record', path: file });
    });
  }

  stop(wished: string | undefined): void {
    const { view, line } = this.#running(wished);
    if (!line.recording) throw new Refusal('usage', 'the call is not recorded here');
    line.voice?.tell({ type: 'record-end' });
    this.#end(view.call, line);
  }

  /** A voice end has started in the middle of a call. */
  resume({ recording, voice }: Line): void {
    if (!recording) return;
    // A file that was never opened is not there to go on with.
    const resumeMs = recording.confirmed ? Math.max(1, Math.round(performance.now() - recording.startedAt)) : 0;
    voice?.tell({ type: 'record', path: recording.path, ...(resumeMs > 0 ? { resumeMs } : {}) });
  }

  fromVoice(call: string, line: Line, { on, path, code, detail }: Told): void {
    const { recording } = line;
    if (recording?.path !== path) return;
    if (on) {
      recording.confirmed = true;
      recording.opened?.(undefined);
      return;
    }
    if (code === undefined) return;
    const failure = isFailureCode(code) ? code : 'internal';
    if (recording.opened) recording.opened(new Refusal(failure, detail ?? path));
    else this.#core.notice(failure, detail ?? path);
    this.#end(call, line);
  }

  fromNode({ call, peer, on, by }: { call: string; peer: string; on: boolean; by: 'me' | 'them' }): void {
    const known = this.#core.state.calls.find((one) => one.call === call);
    if (!known) return;
    const recordedBy = sum(known.recordedBy ?? 'nobody', by, on);
    this.#core.emit({ type: 'call.changed', call: { ...known, recordedBy } });
    this.#hooks.tell({ event: 'recording', call, peer, at: this.#core.options.wallClock(), by, on });
  }

  /** The call is over: whoever waits for the file waits no more. */
  ended(line: Line): void {
    line.recording?.opened?.(new Refusal('no-call'));
  }

  #end(call: string, line: Line): void {
    line.recording?.opened?.(new Refusal('no-call'));
    line.recording = undefined;
    // Nobody waits for the answer, and a call that is over needs none.
    this.#core.node?.driver.command({ type: 'calls', command: { type: 'record-end', call } });
  }

  #running(wished: string | undefined): { readonly view: Call; readonly line: Line } {
    const view =
      wished === undefined ? currentCall(this.#core.state) : this.#core.state.calls.find(({ call }) => call === wished);
    const line = view && this.#hooks.line(view.call);
    if (!view || !line || (view.phase !== 'running' && view.phase !== 'held')) throw new Refusal('no-call');
    return { view, line };
  }

  /** `2026-11-26-051233`, in UTC. */
  #stamp(): string {
    const [day = '', time = ''] = new Date(this.#core.options.wallClock()).toISOString().split('T');
    return `${day}-${time.slice(0, 8).replaceAll(':', '')}`;
  }
}

function sum(before: NonNullable<Call['recordedBy']>, by: 'me' | 'them', on: boolean): NonNullable<Call['recordedBy']> {
  const me = by === 'me' ? on : before === 'me' || before === 'both';
  const them = by === 'them' ? on : before === 'them' || before === 'both';
  if (me && them) return 'both';
  if (me) return 'me';
  return them ? 'them' : 'nobody';
}
