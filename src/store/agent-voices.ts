/**
 * The voice ends of calls and conferences, one each: made while it rings, started when somebody answers, told of mute,
 * hold and rungs, followed by another when they die (a notice, never the end of a call), stopped at the end. `agent-calls.ts`
 * owns this and the lines; what a voice end says goes on from here to the node, the state and the room of calls.
 *
 * In a call of two the leg that media knows is the call, and its far end is talker 0. In a conference a line has more legs
 * (`agent-legs.ts`), each with a media session under a name of its own.
 */
import { type FromVoice, isCard, type VoiceStats } from '../audio/port.ts';
import { type FailureCode, isFailureCode } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import { LegTalkers, type OpenedLeg } from './agent-legs.ts';
import { devicesTold, priorityTold, soundSettings, soundTold } from './agent-sound.ts';
import { type Line, moveLines, newLine } from './call-line.ts';
import type { Call } from './state.ts';
import { tellState, wayOf } from './voice-end.ts';

/** A voice end that dies more often than this in a minute is not started again. */
const RESTARTS_PER_MINUTE_MAX = 5;
const RESTART_DELAY_MS = 200;

type Level = Extract<FromVoice, { type: 'level' }>;

/** What the room of calls does for this one. */
export interface VoiceHooks {
  readonly view: (call: string) => Pick<Call, 'muted' | 'phase' | 'path'> | undefined;
  readonly onLevel: (call: string, line: Line, level: Level) => void;
  readonly onFirstSound: (call: string, line: Line, atMs: number) => void;
  readonly onEndpoint: (call: string, line: Line, told: Extract<FromVoice, { type: 'endpoint' }>) => void;
  /** A line is about to be made, by the device of the state. */
  readonly onNewLine: () => void;
  readonly onRecording: (call: string, line: Line, told: Extract<FromVoice, { type: 'recording' }>) => void;
  /** A voice end has started in the middle of a call. */
  readonly onRestarted: (line: Line) => void;
}

export class AgentVoices {
  readonly #core: AgentCore;
  readonly #hooks: VoiceHooks;
  readonly #lines = new Map<string, Line>();
  /** Whose conference a leg is. */
  readonly #conferenceOf = new Map<string, string>();

  constructor(core: AgentCore, hooks: VoiceHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** Process id of the voice child, if one runs. */
  get pid(): number | null {
    for (const line of this.#lines.values()) if (line.voice?.pid) return line.voice.pid;
    return null;
  }

  get calls(): IterableIterator<string> {
    return this.#lines.keys();
  }

  get lines(): IterableIterator<Line> {
    return this.#lines.values();
  }

  get entries(): IterableIterator<readonly [call: string, line: Line]> {
    return this.#lines.entries();
  }

  get isAny(): boolean {
    return this.#lines.size > 0;
  }

  has(call: string): boolean {
    return this.#lines.has(call);
  }

  of(call: string): Line | undefined {
    return this.#lines.get(call);
  }

  /** The line of this call, a new one if there is none. */
  line(call: string): Line {
    let line = this.#lines.get(call);
    if (!line) {
      this.#hooks.onNewLine();
      line = newLine(this.#core.state.audio.spec);
      this.#lines.set(call, line);
    }
    return line;
  }

  /** Gives the line, whose voice end is still to be stopped. */
  forget(call: string): Line | undefined {
    const line = this.#lines.get(call);
    this.#lines.delete(call);
    if (this.#lines.size === 0) this.#core.options.tempo?.end();
    for (const [leg, conference] of this.#conferenceOf) if (conference === call) this.#conferenceOf.delete(leg);
    return line;
  }

  make(call: string, line: Line): void {
    if (line.voice) return;
    line.made.push(performance.now());
    try {
      line.voice = this.#core.options.makeVoice({
        onBody: (body, talker) => {
          const leg = line.talkers ? line.talkers.legOf(talker) : call;
          if (leg !== undefined) this.#core.node?.driver.command({ type: 'voice', call: leg, body });
        },
        onMessage: (message) => this.#said(call, line, message),
        onDeath: (why) => this.#died(call, line, why),
      });
    } catch (error) {
      // No file or process is to be had just now. The call goes on in silence meanwhile.
      this.#core.options.log.error('calls', 'no voice process', {}, error);
      this.#died(call, line, String((error as Error).message));
    }
  }

  start(call: string, line: Line): void {
    this.make(call, line);
    const now = performance.now();
    const resumeMs = line.started ? Math.round(now - line.voiceStartedAt) : 0;
    if (!line.started) line.voiceStartedAt = now;
    line.started = true;
    this.#core.options.tempo?.begin();
    const view = this.#hooks.view(call);
    // Before `start`: a voice end may open its microphone as soon as it hears that.
    if (view?.muted) line.voice?.tell({ type: 'mute', on: true });
    line.voice?.tell({ type: 'start', spec: line.spec, call, ...(resumeMs > 0 ? { resumeMs } : {}) });
    this.filters(line);
    if (line.talkers) {
      line.talkers.repeat();
      // A leg is on hold when its person is; when ours is, our devices rest and the legs go on.
      if (view?.phase === 'held') line.voice?.tell({ type: 'away', on: true });
    } else {
      this.#tellRung(line);
      if (view && line.voice) tellState(line.voice, view);
    }
    this.#hooks.onRestarted(line);
  }

  /** Echo, noise and gain as they are wanted now. */
  filters(line: Line): void {
    if (line.started) line.voice?.tell({ type: 'filters', ...soundSettings(this.#core) });
  }

  /** Another device was chosen. */
  move(spec: string, before: string): void {
    moveLines(this.#lines, spec, before);
  }

  // ------------------------------------------------------------------ a call that is a conference

  /** From now on this line has legs; one whose voice end runs keeps that, and its call of two becomes the first leg. */
  confer(call: string, path: Call['path'] = null): void {
    const line = this.line(call);
    if (line.talkers) return;
    line.talkers = new LegTalkers((message) => {
      if (line.started) line.voice?.tell(message);
    });
    if (!line.started) return;
    line.talkers.adopt(call, { rung: line.rung, path: path ?? undefined });
    this.#conferenceOf.set(call, call);
  }

  openLeg(call: string, leg: OpenedLeg): void {
    const talkers = this.#lines.get(call)?.talkers;
    if (!talkers) return;
    this.#conferenceOf.set(leg.leg, call);
    talkers.open(leg);
  }

  closeLeg(call: string, leg: string): void {
    this.#conferenceOf.delete(leg);
    this.#lines.get(call)?.talkers?.close(leg);
  }

  // ------------------------------------------------------------------ what media says of a leg

  /** Which call or conference this leg is of; undefined: none that runs. */
  callOf(leg: string): string | undefined {
    return this.#conferenceOf.get(leg) ?? (this.#lines.has(leg) ? leg : undefined);
  }

  play(leg: string, arrivalMs: number, body: Buffer): void {
    const call = this.callOf(leg);
    const line = call === undefined ? undefined : this.#lines.get(call);
    const talker = line?.talkers ? line.talkers.talkerOf(leg) : 0;
    // Voice counts on the clock that both processes share.
    if (talker !== undefined) line?.voice?.play(performance.timeOrigin + arrivalMs, body, talker);
  }

  /** The voice end makes bodies of this rung from now on, and whoever follows it does too. */
  rung(leg: string, rung: NonNullable<Line['rung']>): void {
    const line = this.#lines.get(this.callOf(leg) ?? '');
    if (!line) return;
    if (line.talkers) return line.talkers.rung(leg, rung);
    line.rung = rung;
    this.#tellRung(line);
  }

  path(leg: string, path: NonNullable<Call['path']>): void {
    const line = this.#lines.get(this.callOf(leg) ?? '');
    if (line?.talkers) line.talkers.path(leg, path);
    else line?.voice?.tell(wayOf(path));
  }

  #tellRung({ rung, started, voice }: Line): void {
    if (!rung || !started) return;
    const { frameMs, frameBytes, copies, distance } = rung;
    voice?.tell({ type: 'rung', frameMs, frameBytes, copies, distance });
  }

  // ------------------------------------------------------------------ what a voice end says

  #died(call: string, line: Line, why: string): void {
    line.voice = undefined;
    if (!this.#lines.has(call)) return;
    for (const leg of line.talkers?.legs ?? [call]) this.#stats(leg, undefined);
    this.#core.notice('audio-voice-crashed', why);
    const minuteAgo = performance.now() - 60_000;
    if (line.made.filter((at) => at > minuteAgo).length > RESTARTS_PER_MINUTE_MAX) {
      this.#problem('audio-voice-crashed', why);
      return;
    }
    setTimeout(() => {
      if (!this.#lines.has(call)) return;
      if (line.started) this.start(call, line);
      else this.make(call, line);
    }, RESTART_DELAY_MS);
  }

  #said(call: string, line: Line, message: FromVoice): void {
    switch (message.type) {
      case 'ready':
        line.hasMicrophone = isCard(message.capture);
        return devicesTold(this.#core, message);
      case 'problem':
        return this.#problem(isFailureCode(message.code) ? message.code : 'internal', message.detail);
      case 'stats': {
        const { type: _type, talker = 0, ...stats } = message;
        const leg = line.talkers ? line.talkers.legOf(talker) : call;
        return leg === undefined ? undefined : this.#stats(leg, stats);
      }
      case 'level':
        return this.#hooks.onLevel(call, line, message);
      case 'using':
      case 'filters':
        // The last words of a call that has ended say nothing of the present.
        return this.#lines.has(call) ? soundTold(this.#core, message) : undefined;
      case 'endpoint':
        return this.#lines.has(call) ? this.#hooks.onEndpoint(call, line, message) : undefined;
      case 'recording':
        return this.#lines.has(call) ? this.#hooks.onRecording(call, line, message) : undefined;
      case 'first-sound':
        return this.#hooks.onFirstSound(call, line, message.atMs);
      case 'hello':
        return priorityTold(this.#core, message);
      case 'input-ended':
      case 'stopped':
        return;
    }
  }

  #stats(leg: string, stats: VoiceStats | undefined): void {
    this.#core.node?.driver.command({ type: 'voice-stats', call: leg, stats });
  }

  #problem(code: FailureCode, detail: string): void {
    this.#core.emit({ type: 'audio.changed', audio: { ...this.#core.state.audio, problem: `${code}: ${detail}` } });
    if (code !== 'audio-voice-crashed') this.#core.notice(code, detail);
  }
}
