/**
 * Calls as the agent runs them: the node signals and carries voice packets, a voice end (usually the voice child) makes
 * and plays them, and scripts read the contract's events. Here the two meet, each call with its own voice end; the
 * death of a voice end is a notice and a new one, never the end of a call.
 *
 * Somewhat above 400 lines, because what the node says and what the voice end says of one call belong together.
 *
 *   node: dialling | ringing -> voice end made     answered -> `start`     held, muted -> told     ended -> `stop`
 */
import { type FromVoice, isCard } from '../audio/port.ts';
import type { OrdinaryNodeEvent } from '../net/index.ts';
import { type FailureCode, isFailureCode, Refusal } from '../net/protocol/failures.ts';
import { hexOf, ID_BYTES } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import { beginsMuted, watchMicrophone } from './agent-microphone.ts';
import { AgentRecording } from './agent-recording.ts';
import { devicesTold, priorityTold, soundEnded, soundSettings, soundTold } from './agent-sound.ts';
import { type Line, moveLines, NODE_COMMAND, newLine } from './call-line.ts';
import { NO_TOTALS, newCall, sumOfTotals } from './new-call.ts';
import type { AgentCommand, CallEvent } from './port.ts';
import { type Call, currentCall } from './state.ts';
import { tellState, wayOf } from './voice-end.ts';

/** A voice end that dies more often than this in a minute is not started again. */
const RESTARTS_PER_MINUTE_MAX = 5;
const RESTART_DELAY_MS = 200;

type CallNews = Extract<OrdinaryNodeEvent, { type: 'call' }>['news'];
type MediaNews = Extract<
  OrdinaryNodeEvent,
  { type: 'play' | 'rung' | 'path' | 'reconnecting' | 'quality' | 'media-totals' }
>;
type NodeWord = Extract<Parameters<AgentCore['command']>[0], { type: 'calls' }>['command'];
type Word = Extract<AgentCommand, { type: 'call.hang-up' | 'call.hold' | 'call.resume' | 'call.mute' | 'call.unmute' }>;

export class AgentCalls {
  readonly #core: AgentCore;
  readonly #lines = new Map<string, Line>();
  /** Voice ends of ended calls that still finish their recordings. */
  readonly #ending = new Set<Promise<void>>();
  #refused: FailureCode | undefined;
  readonly recording: AgentRecording;

  constructor(core: AgentCore) {
    this.#core = core;
    const node = (command: { type: 'record'; call: string }) => this.#tellNode(command);
    const line = (call: string) => this.#lines.get(call);
    this.recording = new AgentRecording(core, { line, node, tell: (event) => this.#tell(event) });
  }

  /** Process id of the voice child, if one runs. */
  get voicePid(): number | null {
    for (const line of this.#lines.values()) if (line.voice?.pid) return line.voice.pid;
    return null;
  }

  place(to: string, audio: string | undefined): { call: string } {
    this.#core.signedIn();
    const call = hexOf(this.#core.options.random.bytes(ID_BYTES));
    this.#line(call).spec = audio ?? this.#core.state.audio.spec;
    try {
      this.#tellNode({ type: 'place', to, call });
    } catch (error) {
      this.#lines.delete(call);
      throw error;
    }
    return { call };
  }

  /** A call that runs at another of our devices; without an id the only one. */
  pull(wanted: string | undefined, audio: string | undefined): { call: string; peer: string } {
    this.#core.signedIn();
    const there = this.#core.state.callsElsewhere ?? [];
    const [found, other] = wanted === undefined ? there : there.filter(({ call }) => call === wanted);
    if (!found) throw new Refusal('no-call');
    if (other) throw new Refusal('usage', 'several calls run at other devices: name one by its id');
    const { call, peer } = found;
    this.#line(call).spec = audio ?? this.#core.state.audio.spec;
    try {
      this.#tellNode({ type: 'pull', call });
    } catch (error) {
      this.#lines.delete(call);
      throw error;
    }
    return { call, peer };
  }

  answer(call: string, audio: string | undefined): void {
    const line = this.#lines.get(call);
    if (line && audio !== undefined) line.spec = audio;
    this.#tellNode({ type: 'answer', call });
  }

  decline(call: string): void {
    this.#tellNode({ type: 'decline', call });
  }

  command(command: Word): void {
    const call = command.call ?? currentCall(this.#core.state)?.call;
    if (call === undefined) throw new Refusal('no-call');
    this.#tellNode({ type: NODE_COMMAND[command.type], call });
  }

  /** The settings of echo, noise and gain have changed: running calls follow. */
  soundChanged(): void {
    for (const line of this.#lines.values()) this.#tellFilters(line);
  }

  /** Another device was chosen. */
  specChanged(spec: string, before: string): void {
    moveLines(this.#lines, spec, before);
  }

  /** Push-to-talk begins: what is open is closed. */
  muteAll(): void {
    for (const call of this.#lines.keys()) this.#tellNodeLater({ type: 'mute', call });
  }

  /** We are about to leave the network: the other ends are told while they can be. */
  hangUpAll(): void {
    for (const call of this.#lines.keys()) this.#tellNodeLater({ type: 'hang-up', call });
  }

  /** The agent ends: recordings are finished. */
  async close(): Promise<void> {
    const left = [...this.#lines.values()].map((line) => line.voice?.stop());
    await Promise.all([...left, ...this.#ending]);
  }

  fromNode(news: CallNews): void {
    switch (news.type) {
      case 'dialling':
        return this.#begin(news.call, news.peer, 'out');
      case 'ringing':
        if (news.direction === 'in') this.#begin(news.call, news.peer, 'in');
        this.#change(news.call, { phase: 'ringing' });
        this.#tell({ event: 'ringing', call: news.call, peer: news.peer, at: this.#now(), direction: news.direction });
        if (news.direction === 'in' && this.#core.options.service)
          this.#tellNodeLater({ type: 'answer', call: news.call });
        return;
      case 'answered':
        return this.#answered(news);
      case 'held':
      case 'resumed':
        return this.#held(news);
      case 'muted':
      case 'unmuted':
        return this.#muted(news);
      case 'recording':
        return this.recording.fromNode(news);
      case 'moved':
        return this.#tell({ event: 'moved', call: news.call, peer: news.peer, at: this.#now() });
      case 'elsewhere':
        return this.#elsewhere(news.calls);
      case 'refused':
        this.#refused = news.code;
        return;
      case 'ended':
        return this.#ended(news);
    }
  }

  fromMedia(news: MediaNews): void {
    // The packets of a call go by first: fifty a second need no look at the state, nor at the wall clock.
    if (news.type === 'play') {
      // Voice counts on the clock that both processes share.
      this.#lines.get(news.call)?.voice?.play(performance.timeOrigin + news.arrivalMs, news.body);
      return;
    }
    const call = this.#find(news.call);
    if (!call) return;
    const of = { call: news.call, peer: call.peer, at: this.#now() };
    switch (news.type) {
      case 'rung':
        return this.#reshape(this.#lines.get(news.call), news.rung);
      case 'path':
        this.#change(news.call, { path: news.path, via: news.via ?? null });
        this.#lines.get(news.call)?.voice?.tell(wayOf(news.path));
        return this.#tell({
          event: 'path',
          ...of,
          path: news.path,
          ...(news.via === undefined ? {} : { via: news.via }),
        });
      case 'reconnecting':
        this.#change(news.call, { reconnecting: news.on });
        return this.#tell({ event: news.on ? 'reconnecting' : 'reconnected', ...of });
      case 'quality':
        this.#change(news.call, { quality: news.quality });
        return this.#tell({ event: 'quality', ...of, ...news.quality });
      case 'media-totals': {
        const line = this.#lines.get(news.call);
        // Of a call that has moved there are several.
        if (line) line.totals = sumOfTotals(line.totals, news.totals);
      }
    }
  }

  // ------------------------------------------------------------------ what the node said

  #begin(id: string, peer: string, direction: 'in' | 'out'): void {
    if (this.#find(id)) return;
    const call = newCall(id, peer, direction, this.#now());
    this.#core.emit({ type: 'call.changed', call });
    this.#log(call, null);
    // Made while it rings, so that sound can begin as soon as somebody answers; no device is opened before that.
    this.#makeVoice(id, this.#line(id));
    if (beginsMuted(this.#core)) this.#tellNodeLater({ type: 'mute', call: id });
  }

  #answered(news: Extract<CallNews, { type: 'answered' }>): void {
    const line = this.#line(news.call);
    line.answeredAt = performance.timeOrigin + performance.now();
    this.#change(news.call, { phase: 'running', answeredAtMs: this.#now() });
    const { call, peer, setupMs } = news;
    this.#tell({ event: 'answered', call, peer, at: this.#now(), setupMs: Math.round(setupMs) });
    this.#startVoice(call, line);
  }

  #elsewhere(calls: Extract<CallNews, { type: 'elsewhere' }>['calls']): void {
    const labels = new Map(this.#core.state.devices?.list.map(({ id, label }) => [id, label]));
    const told = calls.map(({ call, peer, node, answeredAtMs }) => {
      return { call, peer, device: labels.get(node) ?? node.slice(0, 8), answeredAtMs };
    });
    this.#core.emit({ type: 'elsewhere.changed', calls: told });
  }

  #held(news: Extract<CallNews, { type: 'held' | 'resumed' }>): void {
    const { call, peer, by, heldBy } = news;
    this.#change(call, { heldBy, phase: heldBy === 'nobody' ? 'running' : 'held' });
    this.#lines.get(call)?.voice?.tell({ type: 'hold', on: heldBy !== 'nobody' });
    this.#tell({ event: news.type, call, peer, at: this.#now(), by });
  }

  #muted(news: Extract<CallNews, { type: 'muted' | 'unmuted' }>): void {
    const { call, peer, by } = news;
    if (by === 'me') {
      this.#change(call, { muted: news.type === 'muted' });
      this.#lines.get(call)?.voice?.tell({ type: 'mute', on: news.type === 'muted' });
    }
    this.#tell({ event: news.type, call, peer, at: this.#now(), by });
  }

  #ended(news: Extract<CallNews, { type: 'ended' }>): void {
    const { call, peer, reason, durationMs } = news;
    const line = this.#lines.get(call);
    this.#lines.delete(call);
    if (line) this.recording.ended(line);
    if (this.#lines.size === 0) soundEnded(this.#core);
    this.#change(call, { phase: 'ended', reason });
    const ended = this.#find(call);
    if (ended) this.#log(ended, this.#now());
    const totals = line?.totals ?? NO_TOTALS;
    const lastedMs = Math.round(durationMs);
    const event = { event: 'ended', call, peer, at: this.#now(), reason, durationMs: lastedMs, ...totals } as const;
    // A script that waits for `ended` may read the recording at once, so the recording is finished first.
    const finished = (line?.voice?.stop() ?? Promise.resolve()).then(() => {
      this.#ending.delete(finished);
      this.#tell(event);
    });
    this.#ending.add(finished);
  }

  // ------------------------------------------------------------------ the voice end

  #makeVoice(call: string, line: Line): void {
    if (line.voice) return;
    line.made.push(performance.now());
    try {
      line.voice = this.#core.options.makeVoice({
        onBody: (body) => this.#core.node?.driver.command({ type: 'voice', call, body }),
        onMessage: (message) => this.#fromVoice(call, line, message),
        onDeath: (why) => this.#voiceDied(call, line, why),
      });
    } catch (error) {
      // No file or process is to be had just now. The call goes on in silence meanwhile.
      this.#core.options.log.error('calls', 'no voice process', {}, error);
      this.#voiceDied(call, line, String((error as Error).message));
    }
  }

  #startVoice(call: string, line: Line): void {
    this.#makeVoice(call, line);
    const now = performance.now();
    const resumeMs = line.started ? Math.round(now - line.voiceStartedAt) : 0;
    if (!line.started) line.voiceStartedAt = now;
    line.started = true;
    const view = this.#find(call);
    // Before `start`: a voice end may open its microphone as soon as it hears that.
    if (view?.muted) line.voice?.tell({ type: 'mute', on: true });
    line.voice?.tell({ type: 'start', spec: line.spec, call, ...(resumeMs > 0 ? { resumeMs } : {}) });
    this.#tellFilters(line);
    this.#reshape(line, line.rung);
    if (view && line.voice) tellState(line.voice, view);
    this.recording.resume(line);
  }

  #tellFilters(line: Line): void {
    if (line.started) line.voice?.tell({ type: 'filters', ...soundSettings(this.#core) });
  }

  /** The voice end makes bodies of this rung from now on, and whoever follows it does too. */
  #reshape(line: Line | undefined, rung: Line['rung']): void {
    if (!line || !rung) return;
    line.rung = rung;
    const { frameMs, frameBytes, copies, distance } = rung;
    if (line.started) line.voice?.tell({ type: 'rung', frameMs, frameBytes, copies, distance });
  }

  #voiceDied(call: string, line: Line, why: string): void {
    line.voice = undefined;
    if (!this.#lines.has(call)) return;
    this.#core.node?.driver.command({ type: 'voice-stats', call, stats: undefined });
    this.#core.notice('audio-voice-crashed', why);
    const minuteAgo = performance.now() - 60_000;
    if (line.made.filter((at) => at > minuteAgo).length > RESTARTS_PER_MINUTE_MAX) {
      this.#problem('audio-voice-crashed', why);
      return;
    }
    setTimeout(() => {
      if (!this.#lines.has(call)) return;
      if (line.started) this.#startVoice(call, line);
      else this.#makeVoice(call, line);
    }, RESTART_DELAY_MS);
  }

  #fromVoice(call: string, line: Line, message: FromVoice): void {
    switch (message.type) {
      case 'ready':
        line.hasMicrophone = isCard(message.capture);
        return devicesTold(this.#core, message);
      case 'problem':
        return this.#problem(isFailureCode(message.code) ? message.code : 'internal', message.detail);
      case 'stats': {
        const { type: _type, ...stats } = message;
        this.#core.node?.driver.command({ type: 'voice-stats', call, stats });
        return;
      }
      case 'level':
        return this.#level(call, line, message);
      case 'using':
      case 'filters':
        // The last words of a call that has ended say nothing of the present.
        return this.#lines.has(call) ? soundTold(this.#core, message) : undefined;
      case 'recording':
        return this.#lines.has(call) ? this.recording.fromVoice(call, line, message) : undefined;
      case 'first-sound': {
        const view = this.#find(call);
        if (!view || line.heardFirst) return;
        line.heardFirst = true;
        const afterAnswerMs = Math.max(0, Math.round(message.atMs - line.answeredAt));
        this.#tell({ event: 'first-sound', call, peer: view.peer, at: this.#now(), afterAnswerMs });
        return;
      }
      case 'hello':
        return priorityTold(this.#core, message);
      case 'input-ended':
      case 'stopped':
        return;
    }
  }

  #level(call: string, line: Line, { inputDb, outputDb, speaking }: Extract<FromVoice, { type: 'level' }>): void {
    this.#core.emit({ type: 'call.level', call, inputDb, outputDb, speaking });
    const view = this.#find(call);
    if (view && this.#lines.has(call) && watchMicrophone(this.#core, line, view, speaking))
      this.#tellNodeLater({ type: 'mute', call });
  }

  #problem(code: FailureCode, detail: string): void {
    this.#core.emit({ type: 'audio.changed', audio: { ...this.#core.state.audio, problem: `${code}: ${detail}` } });
    if (code !== 'audio-voice-crashed') this.#core.notice(code, detail);
  }

  // ------------------------------------------------------------------ small words

  #line(call: string): Line {
    let line = this.#lines.get(call);
    if (!line) {
      line = newLine(this.#core.state.audio.spec);
      this.#lines.set(call, line);
    }
    return line;
  }

  #find(call: string): Call | undefined {
    return this.#core.state.calls.find((one) => one.call === call);
  }

  #change(call: string, change: Partial<Call>): void {
    const known = this.#find(call);
    if (known) this.#core.emit({ type: 'call.changed', call: { ...known, ...change } });
  }

  #tell(event: CallEvent): void {
    this.#core.emit({ type: 'call.event', event });
  }

  #now(): number {
    return this.#core.options.wallClock();
  }

  /** Throws what the call core refuses. */
  #tellNode(command: NodeWord): void {
    this.#core.signedIn();
    this.#refused = undefined;
    this.#core.command({ type: 'calls', command });
    const refused = this.#refused as FailureCode | undefined;
    if (refused !== undefined) throw new Refusal(refused);
  }

  /** From within an event of the node, where its answer does not come at once. */
  #tellNodeLater(command: NodeWord): void {
    this.#core.node?.driver.command({ type: 'calls', command });
  }

  #log(call: Call, endedAtMs: number | null): void {
    try {
      const { peer, direction, startedAtMs, answeredAtMs, reason, path } = call;
      const entry = { call: call.call, peer, direction, startedAtMs, answeredAtMs, endedAtMs, reason, path };
      this.#core.history.logCall(entry);
    } catch (error) {
      this.#core.trouble(error, 'call history');
    }
  }
}
