/**
 * Calls as the agent runs them: the node signals and carries voice packets, a voice end (usually the voice child) makes
 * and plays them (`agent-voices.ts`), and scripts read the contract's events. Here the three meet.
 *
 * Somewhat above 400 lines, because what the node says and what the voice end says of one call belong together.
 *
 *   node: dialling | ringing -> voice end made     answered -> `start`     held, muted -> told     ended -> `stop`
 */
import type { FromVoice } from '../audio/port.ts';
import type { OrdinaryNodeEvent } from '../net/index.ts';
import { type FailureCode, Refusal } from '../net/protocol/failures.ts';
import { hexOf, ID_BYTES } from '../net/protocol/ids.ts';
import { AgentConferences } from './agent-conferences.ts';
import type { AgentCore } from './agent-core.ts';
import { AgentEndpoint } from './agent-endpoint.ts';
import { AgentHandOvers } from './agent-hand-overs.ts';
import { beginsMuted, watchMicrophone } from './agent-microphone.ts';
import { AgentRecording } from './agent-recording.ts';
import { soundEnded } from './agent-sound.ts';
import { AgentVoices } from './agent-voices.ts';
import { type Line, NODE_COMMAND } from './call-line.ts';
import { isMissed, NO_TOTALS, newCall, sumOfTotals } from './new-call.ts';
import type { AgentCommand, CallEvent } from './port.ts';
import { type Call, currentCall } from './state.ts';

type CallNews = Extract<OrdinaryNodeEvent, { type: 'call' }>['news'];
type MediaNews = Extract<
  OrdinaryNodeEvent,
  { type: 'play' | 'rung' | 'path' | 'reconnecting' | 'quality' | 'media-totals' }
>;
type NodeWord = Extract<Parameters<AgentCore['command']>[0], { type: 'calls' }>['command'];
type Word = Extract<AgentCommand, { type: 'call.hang-up' | 'call.hold' | 'call.resume' | 'call.mute' | 'call.unmute' }>;

/** Of a call of two, or of a conference, which knows more reasons. */
type Ending = Pick<Extract<CallNews, { type: 'ended' }>, 'call' | 'peer' | 'durationMs'> & {
  readonly reason: NonNullable<Call['reason']>;
};

export class AgentCalls {
  readonly #core: AgentCore;
  readonly #onMissed: (peer: string, call: string, atMs: number) => void;
  /** Voice ends of ended calls that still finish their recordings. */
  readonly #ending = new Set<Promise<void>>();
  #refused: FailureCode | undefined;
  readonly recording: AgentRecording;
  readonly voices: AgentVoices;
  readonly endpoint: AgentEndpoint;
  readonly conferences: AgentConferences;
  readonly handOvers: AgentHandOvers;

  /** `onMissed`: somebody called, and nobody answered here or elsewhere. */
  constructor(core: AgentCore, onMissed: (peer: string, call: string, atMs: number) => void = () => {}) {
    this.#core = core;
    this.#onMissed = onMissed;
    const node = (command: { type: 'record'; call: string }) => this.#tellNode(command);
    const line = (call: string) => this.voices.of(call);
    this.recording = new AgentRecording(core, { line, node, tell: (event) => this.#tell(event) });
    this.endpoint = new AgentEndpoint(core, {
      find: (call) => this.#find(call),
      node: (command) => this.#tellNodeLater(command),
      lines: () => this.voices.entries,
    });
    this.handOvers = new AgentHandOvers(core, {
      tellNode: (command) => this.#tellNode(command),
      mute: (call) => this.#tellNodeLater({ type: 'mute', call }),
    });
    this.voices = new AgentVoices(core, {
      onEndpoint: (call, of, told) => this.endpoint.told(call, of, told),
      onNewLine: () => this.endpoint.look(),
      view: (call) => this.#find(call),
      onLevel: (call, of, level) => this.#level(call, of, level),
      onFirstSound: (call, of, atMs) => this.#firstSound(call, of, atMs),
      onRecording: (call, of, told) => this.recording.fromVoice(call, of, told),
      onRestarted: (of) => this.recording.resume(of),
    });
    this.conferences = new AgentConferences(core, {
      voices: () => this.voices,
      find: (call) => this.#find(call),
      change: (call, change) => this.#change(call, change),
      begin: (call, peer, direction) => this.#begin(call, peer, direction),
      answered: (call) => this.#talks(call),
      muted: (call, peer, on) => this.#muted({ type: on ? 'muted' : 'unmuted', call, peer, by: 'me' }),
      held: (call, peer, on) =>
        this.#held({ type: on ? 'held' : 'resumed', call, peer, by: 'me', heldBy: on ? 'me' : 'nobody' }),
      ended: (ending) => this.#ended(ending),
      tell: (event) => this.#tell(event),
    });
  }

  /** Process id of the voice child, if one runs. */
  get voicePid(): number | null {
    return this.voices.pid;
  }

  place(to: string, audio: string | undefined): { call: string } {
    this.#core.signedIn();
    const call = hexOf(this.#core.options.random.bytes(ID_BYTES));
    this.voices.line(call).spec = audio ?? this.#core.state.audio.spec;
    try {
      this.#tellNode({ type: 'place', to, call });
    } catch (error) {
      this.voices.forget(call);
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
    this.voices.line(call).spec = audio ?? this.#core.state.audio.spec;
    try {
      this.#tellNode({ type: 'pull', call });
    } catch (error) {
      this.voices.forget(call);
      throw error;
    }
    return { call, peer };
  }

  answer(call: string, audio: string | undefined): void {
    const line = this.voices.of(call);
    if (line && audio !== undefined) line.spec = audio;
    this.#tellNode({ type: 'answer', call });
  }

  decline(call: string): void {
    this.#tellNode({ type: 'decline', call });
  }

  command(command: Word): void {
    const call = command.call ?? currentCall(this.#core.state)?.call;
    if (call === undefined) throw new Refusal('no-call');
    this.endpoint.forget(this.voices.of(call));
    this.#tellNode({ type: NODE_COMMAND[command.type], call });
  }

  /** The settings of echo, noise and gain have changed: running calls follow. */
  soundChanged(): void {
    for (const line of this.voices.lines) this.voices.filters(line);
  }

  /** Another device was chosen. */
  specChanged(spec: string, before: string): void {
    this.voices.move(spec, before);
  }

  /** Push-to-talk begins: what is open is closed. */
  muteAll(): void {
    for (const call of this.voices.calls) this.#tellNodeLater({ type: 'mute', call });
  }

  /** We are about to leave the network: the other ends are told while they can be. */
  hangUpAll(): void {
    for (const call of this.voices.calls) this.#tellNodeLater({ type: 'hang-up', call });
  }

  /** The agent ends: recordings are finished. */
  async close(): Promise<void> {
    const left = [...this.voices.lines].map((line) => line.voice?.stop());
    await Promise.all([...left, ...this.#ending]);
  }

  /** A command about the call that has become, or is, a conference is the node's to lead there. */
  fromConference(news: Extract<OrdinaryNodeEvent, { type: 'conference' }>['news']): void {
    if (news.type === 'refused') this.#refused = news.code;
    this.conferences.fromNode(news);
  }

  fromNode(news: CallNews): void {
    switch (news.type) {
      case 'dialling':
        return this.#begin(news.call, news.peer, 'out');
      case 'ringing':
        if (news.direction === 'in') this.#begin(news.call, news.peer, 'in');
        this.#change(news.call, { phase: 'ringing', peer: news.peer });
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
      case 'offered':
      case 'handed-over':
        return this.handOvers.fromNode(news);
      case 'elsewhere':
        return this.#elsewhere(news.calls);
      case 'refused':
        this.#refused = news.code;
        return;
      case 'ended':
        return this.#ended(news);
    }
  }

  /** `news.call` is the leg as media knows it: the call itself, or one of a conference. */
  fromMedia(news: MediaNews): void {
    // The packets of a call go by first: fifty a second need no look at the state, nor at the wall clock.
    if (news.type === 'play') return this.voices.play(news.call, news.arrivalMs, news.body);
    if (news.type === 'rung') return this.voices.rung(news.call, news.rung);
    if (news.type === 'path') this.voices.path(news.call, news.path);
    if (this.conferences.fromMedia(news)) return;
    const call = this.#find(news.call);
    if (!call) return;
    const of = { call: news.call, peer: call.peer, at: this.#now() };
    switch (news.type) {
      case 'path':
        this.#change(news.call, { path: news.path, via: news.via ?? null });
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
        const line = this.voices.of(news.call);
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
    this.voices.make(id, this.voices.line(id));
    if (beginsMuted(this.#core)) this.#tellNodeLater({ type: 'mute', call: id });
  }

  #answered(news: Extract<CallNews, { type: 'answered' }>): void {
    const { call, peer, setupMs } = news;
    this.#talks(call, peer);
    this.#tell({ event: 'answered', call, peer, at: this.#now(), setupMs: Math.round(setupMs) });
  }

  /** Sound begins. `peer`: as the person writes the name, which may be otherwise than it was typed. */
  #talks(call: string, peer?: string): void {
    const line = this.voices.line(call);
    line.answeredAt = performance.timeOrigin + performance.now();
    const named = peer === undefined ? {} : { peer };
    this.#change(call, { phase: 'running', answeredAtMs: this.#now(), ...named });
    this.voices.start(call, line);
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
    const line = this.voices.of(call);
    // In a conference it is a leg that is on hold.
    if (!line?.talkers) line?.voice?.tell({ type: 'hold', on: heldBy !== 'nobody' });
    this.#tell({ event: news.type, call, peer, at: this.#now(), by });
  }

  #muted(news: Extract<CallNews, { type: 'muted' | 'unmuted' }>): void {
    const { call, peer, by } = news;
    if (by === 'me') {
      this.#change(call, { muted: news.type === 'muted' });
      this.voices.of(call)?.voice?.tell({ type: 'mute', on: news.type === 'muted' });
    }
    this.#tell({ event: news.type, call, peer, at: this.#now(), by });
  }

  #ended(news: Ending): void {
    const { call, peer, reason, durationMs } = news;
    const line = this.voices.forget(call);
    if (line) this.recording.ended(line);
    if (!this.voices.isAny) {
      soundEnded(this.#core);
      this.endpoint.callsEnded();
    }
    this.#change(call, { phase: 'ended', reason });
    const ended = this.#find(call);
    if (ended) this.#log(ended, this.#now());
    if (ended && isMissed(ended)) this.#onMissed(peer, call, ended.startedAtMs);
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

  // ------------------------------------------------------------------ what the voice end said

  #firstSound(call: string, line: Line, atMs: number): void {
    const view = this.#find(call);
    if (!view || line.heardFirst) return;
    line.heardFirst = true;
    const afterAnswerMs = Math.max(0, Math.round(atMs - line.answeredAt));
    this.#tell({ event: 'first-sound', call, peer: view.peer, at: this.#now(), afterAnswerMs });
  }

  #level(call: string, line: Line, level: Extract<FromVoice, { type: 'level' }>): void {
    const { inputDb, outputDb, speaking } = level;
    this.#core.emit({ type: 'call.level', call, inputDb, outputDb, speaking });
    if (line.talkers) this.conferences.onLevel(call, line, level);
    const view = this.#find(call);
    if (view && this.voices.has(call) && watchMicrophone(this.#core, line, view, speaking))
      this.#tellNodeLater({ type: 'mute', call });
  }

  // ------------------------------------------------------------------ small words

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
