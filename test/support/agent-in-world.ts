/**
 * A person of the simulated internet with the rooms of an agent that calls need, and a voice end with the real engine and
 * codec in virtual time: a tone for a microphone, a speaker that says how loud it was, and recordings in memory.
 */
import type { CallRecorder } from '../../src/audio/call-recorder-file.ts';
import { noCapture, noPlayback } from '../../src/audio/device-none.ts';
import { LegWords } from '../../src/audio/leg-words.ts';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import type { ToVoice } from '../../src/audio/port.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import type { OrdinaryNodeEvent } from '../../src/net/index.ts';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import type { CallEvent } from '../../src/store/port.ts';
import type { VoiceEnd, VoiceEvents } from '../../src/store/voice-end.ts';
import type { Person } from '../sim/people-world.ts';
import type { World } from '../sim/world.ts';
import { AgentScene } from './agent-scene.ts';
import { tone } from './speech.ts';

const FRAME_MS = 20;
const FRAME = 320;

/** How loud 20 ms were, at a moment. */
export interface Loudness {
  readonly at: number;
  readonly peak: number;
}

/** Both sides of a recording, frame by frame. */
export interface Recorded {
  readonly path: string;
  readonly me: Loudness[];
  readonly them: Loudness[];
}

const peakOf = (pcm: Int16Array): number => pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

export class AgentInWorld {
  readonly scene: AgentScene;
  readonly calls: AgentCalls;
  readonly heard: Loudness[] = [];
  readonly recordings: Recorded[] = [];
  readonly sent: { readonly at: number; readonly bytes: number }[] = [];
  readonly #world: World;
  /** Each machine has a clock of its own. */
  readonly #clock: () => number;
  readonly #codecs: OpusCodec[] = [];

  constructor(world: World, person: Person, hz: number) {
    this.#world = world;
    this.#clock = () => world.host(person.name).now();
    this.scene = new AgentScene({ makeVoice: (events) => this.#voice(events, tone(hz, 1)) });
    this.scene.signedIn(person.name);
    this.scene.onCommand = (command) => {
      if (command.type === 'voice') this.sent.push({ at: world.now, bytes: command.body.length });
      person.does(command);
    };
    this.calls = new AgentCalls(this.scene.core);
    person.onEvent = (event) => this.#fromNode(event);
  }

  /** What scripts would read, oldest first. */
  get told(): CallEvent[] {
    return this.scene.events.flatMap((event) => (event.type === 'call.event' ? [event.event] : []));
  }

  /** The loudest 20 ms that were heard in this time. */
  loudest(fromMs: number, untilMs: number, of: readonly Loudness[] = this.heard): number {
    return Math.max(0, ...of.filter(({ at }) => at >= fromMs && at < untilMs).map(({ peak }) => peak));
  }

  end(): void {
    this.scene.end();
    for (const codec of this.#codecs) codec.close();
  }

  #fromNode(event: OrdinaryNodeEvent): void {
    if (event.type === 'call') this.calls.fromNode(event.news);
    else if (event.type === 'play' || event.type === 'rung' || event.type === 'path' || event.type === 'quality')
      this.calls.fromMedia(event);
  }

  #voice(events: VoiceEvents, said: Int16Array): VoiceEnd {
    const world = this.#world;
    const codec = openOpus();
    this.#codecs.push(codec);
    const engine = new VoiceEngine(codec);
    const words = new LegWords();
    words.begin(engine);
    let [frames, isOver] = [0, false];
    engine.attachCapture({
      ...noCapture(),
      kind: 'file',
      read: () => said.subarray((frames % 50) * FRAME, (frames % 50) * FRAME + FRAME),
    });
    engine.attachPlayback({
      ...noPlayback(),
      kind: 'file',
      write: (pcm) => void this.heard.push({ at: world.now, peak: peakOf(pcm) }),
    });
    const tick = (): void => {
      if (isOver) return;
      engine.tick(this.#clock());
      frames++;
      for (const output of engine.drain()) {
        if (output.type === 'body') events.onBody(output.bytes, output.talker);
        else events.onMessage(output.message);
      }
      world.later(FRAME_MS, tick);
    };
    const tell = (message: ToVoice): void => {
      if (message.type === 'start') tick();
      else if (message.type === 'record') this.#record(engine, events, message.path);
      else if (message.type === 'record-end') {
        engine.record(undefined);
        events.onMessage({ type: 'recording', on: false, path: this.recordings.at(-1)?.path ?? '' });
      } else if (message.type === 'mute' || message.type === 'rung' || message.type === 'way') words.take(message);
    };
    const stop = async (): Promise<void> => {
      isOver = true;
    };
    const play = (arrivalMs: number, body: Buffer): void => engine.receive(arrivalMs - performance.timeOrigin, 0, body);
    return { pid: null, tell, play, stop };
  }

  #record(engine: VoiceEngine, events: VoiceEvents, path: string): void {
    const recorded: Recorded = { path, me: [], them: [] };
    this.recordings.push(recorded);
    const file: CallRecorder = {
      frame: (me, them) => {
        recorded.me.push({ at: this.#world.now, peak: peakOf(me) });
        recorded.them.push({ at: this.#world.now, peak: peakOf(them) });
      },
      close: async () => undefined,
    };
    engine.record(file);
    events.onMessage({ type: 'recording', on: true, path });
  }
}
