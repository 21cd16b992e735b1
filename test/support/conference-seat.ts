/**
 * A person of the simulated network with ears and a mouth: a real voice engine, ticked in virtual time, which says a recording
 * and keeps what its speaker plays, joined to the node as the agent joins a voice child to it (`agent-legs.ts`): legs of a
 * conference are talkers, and each body goes to the leg it was made for.
 */
import { LegWords } from '../../src/audio/leg-words.ts';
import type { OpusCodec } from '../../src/audio/opus.ts';
import type { FromVoice } from '../../src/audio/port.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import type { OrdinaryNodeEvent } from '../../src/net/node/ordinary-node.ts';
import { LegTalkers } from '../../src/store/agent-legs.ts';
import type { Person } from '../sim/people-world.ts';
import { keptPlayback, recordedCapture } from './voice-loop.ts';

export class ConferenceSeat {
  readonly person: Person;
  readonly engine: VoiceEngine;
  readonly talkers: LegTalkers;
  readonly told: FromVoice[] = [];
  /** Our conference, while it runs. */
  conference: string | undefined;
  readonly #speaker = keptPlayback();
  #seen = 0;
  #ticks = 0;
  #gone = false;

  /** Says `voice` from its first tick on, in a circle never. `codec` is asked for each leg. */
  constructor(person: Person, voice: Int16Array, codec: () => OpusCodec) {
    this.person = person;
    this.engine = new VoiceEngine(codec(), undefined, codec);
    this.engine.attachCapture(recordedCapture(voice));
    this.engine.attachPlayback(this.#speaker);
    const words = new LegWords();
    words.begin(this.engine);
    this.talkers = new LegTalkers((word) => words.take(word as Parameters<LegWords['take']>[0]));
    this.#tick();
  }

  /** What the speaker played between two times, s after the first tick. */
  heard(from = 0, until = Number.POSITIVE_INFINITY): Int16Array {
    return this.#speaker.samples().subarray(from * 16_000, until * 16_000);
  }

  /** How long it has played, s. */
  get seconds(): number {
    return this.#ticks / 50;
  }

  does(command: Extract<Parameters<Person['does']>[0], { type: 'conference' }>['command']): void {
    this.person.does({ type: 'conference', command });
  }

  /** Who mixes, as far as this one knows. */
  get mixer(): string | undefined {
    const news = this.person.node.events.findLast(
      (event) => event.type === 'conference' && event.news.type === 'roster',
    );
    if (news?.type !== 'conference' || news.news.type !== 'roster') return undefined;
    return news.news.roster.people.find(({ isMixer }) => isMixer)?.name;
  }

  /** Killed without warning. */
  kill(): void {
    this.#gone = true;
    this.person.kill();
  }

  #tick(): void {
    const { world } = this.person.world;
    if (this.#gone) return;
    this.#hearNode();
    // Engine and node count on the clock of their machine.
    this.engine.tick(world.host(this.person.name).now());
    this.#ticks++;
    for (const output of this.engine.drain()) {
      if (output.type === 'tell') this.#tell(output.message);
      else this.#send(output.talker, output.bytes);
    }
    world.later(20, () => this.#tick());
  }

  #send(talker: number, body: Buffer): void {
    const call = this.talkers.legOf(talker);
    if (call !== undefined) this.person.does({ type: 'voice', call, body });
  }

  #tell(message: FromVoice): void {
    this.told.push(message);
    if (message.type === 'level' && message.legs && this.conference !== undefined) {
      const nodes = this.talkers.speaking(message.legs);
      this.does({ type: 'speaking', call: this.conference, nodes });
    }
    if (message.type !== 'stats') return;
    const { type: _type, talker = 0, ...stats } = message;
    const call = this.talkers.legOf(talker);
    if (call !== undefined) this.person.does({ type: 'voice-stats', call, stats });
  }

  #hearNode(): void {
    const { events } = this.person.node;
    for (; this.#seen < events.length; this.#seen++) this.#happened(events[this.#seen]!);
  }

  #happened(event: OrdinaryNodeEvent): void {
    if (event.type === 'play') {
      const talker = this.talkers.talkerOf(event.call);
      if (talker !== undefined) this.engine.receive(event.arrivalMs, talker, event.body);
    } else if (event.type === 'rung') this.talkers.rung(event.call, event.rung);
    else if (event.type === 'path') this.talkers.path(event.call, event.path);
    // A call of two is the only leg, of talker 0, and stays it when a conference grows out of it.
    else if (event.type === 'call' && event.news.type === 'answered')
      this.talkers.adopt(event.news.call, { rung: undefined, path: undefined });
    else if (event.type === 'conference') {
      const { news } = event;
      if (news.type === 'ringing' && news.direction === 'in') this.does({ type: 'answer', call: news.call });
      else if (news.type === 'begun') this.conference = news.call;
      else if (news.type === 'leg' && news.on) this.talkers.open(news);
      else if (news.type === 'leg') this.talkers.close(news.leg);
      else if (news.type === 'roster') this.talkers.holds(news.roster.people);
    }
  }
}
