/**
 * Conferences as the agent runs them: a call with several people under one call id. The node says who is in, who mixes and
 * which legs there are; the voice end of the call gets these legs (`agent-voices.ts`); state and the contract's events follow here.
 * `agent-calls.ts` owns this and does for it what calls of two and conferences have in common.
 * Somewhat above 400 lines: all that is said of a conference becomes one view of it.
 *
 *   node: ringing, begun -> voice end made    first answered -> `start`    leg -> talker    roster, speaking -> state, `conference`
 */
import { availableParallelism, loadavg } from 'node:os';
import type { FromVoice } from '../audio/port.ts';
import type { OrdinaryNodeEvent } from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { hexOf, ID_BYTES } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import { beginsMuted } from './agent-microphone.ts';
import type { AgentVoices } from './agent-voices.ts';
import type { Line } from './call-line.ts';
import { NO_TOTALS } from './new-call.ts';
import type { AgentCommand, CallEvent } from './port.ts';
import { type Call, type ConferencePerson, type ConferenceView, currentCall, type Quality } from './state.ts';

/** Load changes, and the choice of a mixer follows it. */
const MACHINE_MS = 5_000;

type News = Extract<OrdinaryNodeEvent, { type: 'conference' }>['news'];
type NewsOf<T extends News['type']> = Extract<News, { type: T }>;
type MediaNews = Extract<OrdinaryNodeEvent, { type: 'path' | 'reconnecting' | 'quality' | 'media-totals' }>;
type Command = Extract<AgentCommand, { type: `conference.${string}` }>;
type NodeWord = Extract<Parameters<AgentCore['command']>[0], { type: 'conference' }>['command'];

/** What the room of calls does for this one. */
export interface ConferenceHooks {
  readonly voices: () => AgentVoices;
  readonly find: (call: string) => Call | undefined;
  readonly change: (call: string, change: Partial<Call>) => void;
  readonly begin: (call: string, peer: string, direction: 'in' | 'out') => void;
  /** The first of the others is there: sound begins. */
  readonly answered: (call: string) => void;
  readonly muted: (call: string, peer: string, on: boolean) => void;
  readonly held: (call: string, peer: string, on: boolean) => void;
  readonly ended: (ending: {
    call: string;
    peer: string;
    reason: NonNullable<Call['reason']>;
    durationMs: number;
  }) => void;
  readonly tell: (event: CallEvent) => void;
}

interface Leg {
  readonly call: string;
  readonly peer: string;
  readonly node: string;
}

export class AgentConferences {
  readonly #core: AgentCore;
  readonly #hooks: ConferenceHooks;
  /** By what media calls it. */
  readonly #legs = new Map<string, Leg>();
  /** The conference that was left last, to go back to. */
  #left: string | undefined;
  #refused: Extract<News, { type: 'refused' }>['code'] | undefined;
  #trouble = '';
  #machineTimer: NodeJS.Timeout | undefined;

  constructor(core: AgentCore, hooks: ConferenceHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  // ------------------------------------------------------------------ commands

  handle(command: Command): { readonly call: string } {
    switch (command.type) {
      case 'conference.call':
        return this.#found(command.names, command.audio);
      case 'conference.add': {
        const call = this.#current(command.call);
        this.#tellNode({ type: 'add', call, names: command.names });
        return { call };
      }
      case 'conference.remove': {
        const call = this.#current(command.call);
        this.#tellNode({ type: 'remove', call, name: command.name });
        return { call };
      }
      case 'conference.rejoin': {
        const call = command.call ?? this.#left;
        if (call === undefined) throw new Refusal('conference-over');
        const line = this.#hooks.voices().line(call);
        if (command.audio !== undefined) line.spec = command.audio;
        try {
          this.#tellNode({ type: 'rejoin', call });
        } catch (error) {
          this.#hooks.voices().forget(call);
          throw error;
        }
        return { call };
      }
    }
  }

  #found(names: readonly string[], audio: string | undefined): { readonly call: string } {
    this.#core.signedIn();
    const call = hexOf(this.#core.options.random.bytes(ID_BYTES));
    this.#hooks.voices().line(call).spec = audio ?? this.#core.state.audio.spec;
    this.#hooks.begin(call, names.join(', '), 'out');
    try {
      this.#tellNode({ type: 'found', call, names });
    } catch (error) {
      this.#hooks.ended({ call, peer: names.join(', '), reason: 'failed', durationMs: 0 });
      throw error;
    }
    return { call };
  }

  #current(wished: string | undefined): string {
    const call = wished ?? currentCall(this.#core.state)?.call;
    if (call === undefined) throw new Refusal('no-call');
    return call;
  }

  // ------------------------------------------------------------------ what the node says

  fromNode(news: News): void {
    switch (news.type) {
      case 'ringing':
        return this.#ringing(news);
      case 'begun':
        return this.#begun(news);
      case 'answered':
        return this.#answered(news);
      case 'roster':
        return this.#roster(news);
      case 'speaking':
        return this.#speaking(news);
      case 'leg':
        return this.#leg(news);
      case 'person-ended':
        return this.#personEnded(news);
      case 'muted':
      case 'unmuted':
        return this.#hooks.muted(news.call, this.#peer(news.call), news.type === 'muted');
      case 'held':
      case 'resumed':
        return this.#held(news);
      case 'blocked-inside':
        return this.#core.notice('blocked-inside', news.peer);
      case 'warning':
        return this.#core.notice('conference-forged', `${news.name} ${news.what}`);
      case 'refused':
        this.#refused = news.code;
        // A growth that came to nothing is told seconds after the command.
        if (news.code === 'conference-old') this.#core.notice(news.code, this.#peer(news.call));
        return;
      case 'ended':
        return this.#ended(news);
    }
  }

  #ringing({ call, direction, peer, others = [], blocked = [] }: NewsOf<'ringing'>): void {
    if (direction === 'in' && this.#core.options.service) return this.#tellNodeLater({ type: 'decline', call });
    if (direction === 'in') this.#hooks.begin(call, peer, 'in');
    const before = this.#hooks.find(call);
    if (before?.phase === 'dialling') this.#hooks.change(call, { phase: 'ringing' });
    if (direction === 'in') this.#change(call, { id: call, others, blocked });
    this.#hooks.tell({
      event: 'ringing',
      call,
      peer,
      at: this.#now(),
      direction,
      ...(direction === 'in' ? { others, blocked } : {}),
    });
  }

  #begun({ call, direction, grown }: NewsOf<'begun'>): void {
    this.#hooks.begin(call, this.#peer(call), direction);
    const before = this.#hooks.find(call);
    if (before?.phase === 'ended') {
      // Back into one that was left.
      this.#hooks.change(call, { phase: 'dialling', reason: null, answeredAtMs: null, heldBy: 'nobody' });
      this.#hooks.voices().make(call, this.#hooks.voices().line(call));
    }
    if (!grown && direction === 'out' && beginsMuted(this.#core)) this.#tellNodeLater({ type: 'mute', call });
    const path = before?.path ?? null;
    this.#hooks.voices().confer(call, grown ? path : null);
    this.#change(call, { rejoinable: false });
    this.#trouble = '';
    this.#tellMachine();
    this.#machineTimer ??= setInterval(() => this.#tellMachine(), MACHINE_MS).unref();
  }

  #answered({ call, peer, setupMs }: NewsOf<'answered'>): void {
    const view = this.#hooks.find(call);
    if (view && view.answeredAtMs === null) this.#hooks.answered(call);
    this.#hooks.tell({ event: 'answered', call, peer, at: this.#now(), setupMs: Math.round(setupMs) });
  }

  #leg({ call, leg, peer, node, on, mixes }: NewsOf<'leg'>): void {
    if (on) {
      this.#legs.set(leg, { call, peer, node });
      this.#hooks.voices().openLeg(call, { leg, node, mixes });
      return;
    }
    this.#legs.delete(leg);
    this.#hooks.voices().closeLeg(call, leg);
    this.#hooks.change(call, { reconnecting: false });
  }

  #roster({ call, roster }: NewsOf<'roster'>): void {
    const before = this.#hooks.find(call)?.conference;
    const known = new Map(before?.people.map((one) => [one.node, one]));
    const people = roster.people.map((one): ConferencePerson => {
      const { speaking = false, path = null } = known.get(one.node) ?? {};
      return { ...one, speaking: one.node !== '' && speaking, path: one.node === '' ? null : path };
    });
    const mixer = people.find(({ isMixer }) => isMixer);
    this.#change(call, {
      id: roster.conference,
      term: roster.term,
      mixer: mixer?.name ?? '',
      iMix: mixer?.isMe ?? false,
      people,
    });
    this.#hooks.voices().of(call)?.talkers?.holds(people);
    this.#tellSwitches(call, before?.people ?? [], people);
    this.#tellConference(call);
    const others = people.filter(
      ({ isMe, state }) => !isMe && (state === 'in' || state === 'ringing' || state === 'calling'),
    );
    if (others.length > 0) this.#hooks.change(call, { peer: others.map(({ name }) => name).join(', ') });
  }

  /** Mute, hold and recording of the others, as in a call of two. */
  #tellSwitches(call: string, before: readonly ConferencePerson[], people: readonly ConferencePerson[]): void {
    for (const one of people) {
      const was = before.find(({ node }) => node === one.node && node !== '');
      if (one.isMe || !was) continue;
      const of = { call, peer: one.name, at: this.#now(), by: 'them' } as const;
      if (was.muted !== one.muted) this.#hooks.tell({ event: one.muted ? 'muted' : 'unmuted', ...of });
      if (was.held !== one.held) this.#hooks.tell({ event: one.held ? 'held' : 'resumed', ...of });
      if (was.recording !== one.recording) this.#hooks.tell({ event: 'recording', ...of, on: one.recording });
    }
    const recorded = people.filter(({ recording }) => recording);
    const me = recorded.some(({ isMe }) => isMe);
    const them = recorded.some(({ isMe }) => !isMe);
    const recordedBy = me && them ? 'both' : me ? 'me' : them ? 'them' : 'nobody';
    if ((this.#hooks.find(call)?.recordedBy ?? 'nobody') !== recordedBy) this.#hooks.change(call, { recordedBy });
  }

  #speaking({ call, nodes }: NewsOf<'speaking'>): void {
    const view = this.#hooks.find(call)?.conference;
    if (!view) return;
    const people = view.people.map((one) => ({ ...one, speaking: one.node !== '' && nodes.includes(one.node) }));
    if (people.every(({ speaking }, i) => speaking === view.people[i]?.speaking)) return;
    this.#change(call, { people });
    this.#tellConference(call);
  }

  #held({ call, type }: Extract<News, { type: 'held' | 'resumed' }>): void {
    const on = type === 'held';
    this.#hooks.held(call, this.#peer(call), on);
    // Whoever mixes goes on mixing until another does; only the own devices rest.
    const voice = this.#hooks.voices().of(call)?.voice;
    voice?.tell({ type: 'away', on });
  }

  #personEnded({ call, peer, reason, by }: NewsOf<'person-ended'>): void {
    const durationMs = this.#lastedMs(call);
    const who = by === '' ? {} : { by };
    this.#hooks.tell({
      event: 'ended',
      call,
      peer,
      at: this.#now(),
      reason,
      durationMs,
      ...NO_TOTALS,
      goesOn: true,
      ...who,
    });
  }

  #ended({ call, reason, by, durationMs, rejoinable }: NewsOf<'ended'>): void {
    clearInterval(this.#machineTimer);
    this.#machineTimer = undefined;
    this.#left = rejoinable ? call : undefined;
    const peer = this.#peer(call);
    if (reason === 'removed')
      this.#core.notice(
        'not-allowed',
        by === '' ? 'removed from the conference' : `${by} removed you from the conference`,
      );
    this.#change(call, { rejoinable });
    for (const [leg, one] of this.#legs) if (one.call === call) this.#legs.delete(leg);
    this.#hooks.ended({ call, peer, reason, durationMs });
  }

  // ------------------------------------------------------------------ media and sound

  /** True when it was of a leg of ours. */
  fromMedia(news: MediaNews): boolean {
    const leg = this.#legs.get(news.call);
    const view = leg && this.#hooks.find(leg.call);
    if (!leg || !view?.conference) return false;
    const { call, peer, node } = leg;
    const of = { call, peer, at: this.#now() };
    switch (news.type) {
      case 'path': {
        const people = view.conference.people.map((one) => (one.node === node ? { ...one, path: news.path } : one));
        this.#change(call, { people });
        this.#hooks.change(call, { path: news.path, via: news.via ?? null });
        this.#hooks.tell({
          event: 'path',
          ...of,
          path: news.path,
          ...(news.via === undefined ? {} : { via: news.via }),
        });
        return true;
      }
      case 'reconnecting':
        this.#hooks.change(call, { reconnecting: news.on });
        this.#hooks.tell({ event: news.on ? 'reconnecting' : 'reconnected', ...of });
        return true;
      case 'quality':
        this.#quality(call, view.conference, news.quality);
        this.#hooks.tell({ event: 'quality', ...of, ...news.quality });
        return true;
      case 'media-totals': {
        const line = this.#hooks.voices().of(call);
        if (line) line.totals = addTotals(line.totals ?? NO_TOTALS, news.totals);
        return true;
      }
    }
  }

  /** Of the leg with the mixer, or the worst of the mixer's: told to all when it is not good. */
  #quality(call: string, view: ConferenceView, quality: Quality): void {
    this.#hooks.change(call, { quality });
    if (view.iMix) return;
    const trouble = TROUBLE[quality.verdict];
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#tellNodeLater({ type: 'trouble', call, text: trouble });
  }

  /** What the mix says of who spoke: told to all by whoever mixes. */
  onLevel(call: string, { talkers }: Line, { speaking, legs = [] }: Extract<FromVoice, { type: 'level' }>): void {
    const view = this.#hooks.find(call);
    if (!talkers || !view?.conference?.iMix) return;
    const me = view.conference.people.find(({ isMe }) => isMe);
    const mine = speaking && !view.muted && view.heldBy === 'nobody' && me ? [me.node] : [];
    this.#tellNodeLater({ type: 'speaking', call, nodes: [...talkers.speaking(legs), ...mine] });
  }

  // ------------------------------------------------------------------ small words

  #change(call: string, change: Partial<ConferenceView>): void {
    const before = this.#hooks.find(call)?.conference ?? NO_CONFERENCE;
    this.#hooks.change(call, { conference: { ...before, ...change } });
  }

  #tellConference(call: string): void {
    const view = this.#hooks.find(call);
    if (!view?.conference) return;
    const { id, term, mixer, iMix, people } = view.conference;
    const speaking = people.filter((one) => one.speaking).map(({ name }) => name);
    const event = { event: 'conference', call, peer: view.peer, at: this.#now() } as const;
    this.#hooks.tell({ ...event, conference: id, term, mixer, iMix, speaking, people });
  }

  #peer(call: string): string {
    return this.#hooks.find(call)?.peer ?? '';
  }

  #lastedMs(call: string): number {
    const answeredAtMs = this.#hooks.find(call)?.answeredAtMs ?? null;
    return answeredAtMs === null ? 0 : Math.max(0, this.#now() - answeredAtMs);
  }

  /** What this machine has to spare for mixing. Windows tells no load, and then nothing is said of it. */
  #tellMachine(): void {
    const [load = 0] = loadavg();
    const cores = availableParallelism();
    const idleCenticores = Math.max(1, Math.round(100 * (cores - Math.min(load, cores))));
    this.#core.node?.driver.command({ type: 'machine', idleCenticores });
  }

  #now(): number {
    return this.#core.options.wallClock();
  }

  /** Throws what the node refuses. */
  #tellNode(command: NodeWord): void {
    this.#core.signedIn();
    this.#refused = undefined;
    this.#core.command({ type: 'conference', command });
    const refused = this.#refused as Extract<News, { type: 'refused' }>['code'] | undefined;
    if (refused !== undefined) throw new Refusal(refused);
  }

  #tellNodeLater(command: NodeWord): void {
    this.#core.node?.driver.command({ type: 'conference', command });
  }
}

/** What others read of us. */
const TROUBLE: Readonly<Record<Quality['verdict'], string>> = {
  good: '',
  'they hear gaps': 'is heard with gaps',
  'you hear gaps': 'hears gaps',
  'gaps both ways': 'gaps both ways',
  'no sound arrives': 'hears nothing',
};

const NO_CONFERENCE: ConferenceView = {
  id: '',
  term: 0,
  mixer: '',
  iMix: false,
  others: [],
  people: [],
  rejoinable: false,
};

type Totals = typeof NO_TOTALS;

function addTotals(a: Totals, b: Totals): Totals {
  return {
    sentPackets: a.sentPackets + b.sentPackets,
    receivedPackets: a.receivedPackets + b.receivedPackets,
    sentBytes: a.sentBytes + b.sentBytes,
    receivedBytes: a.receivedBytes + b.receivedBytes,
    lostIn: a.lostIn + b.lostIn,
    concealedPct: Math.max(a.concealedPct, b.concealedPct),
  };
}
