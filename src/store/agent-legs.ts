/**
 * The legs of a conference as the voice end knows them: which talker is which leg, to which mix it belongs, and what a voice
 * end that starts anew must be told. Whoever runs a conference in the agent hands in what the node says of its legs; `tell`
 * goes to the voice end of the conference, if one has started.
 *
 * The mix moves when a leg opens that cannot belong to those that are there: another machine mixes, or the same one has
 * a second leg to somebody. Then both are there for a moment, and the voice end must know them apart (`leg` of the port).
 */
import { type LegLevel, TALKER_MAX, type ToVoice } from '../audio/port.ts';
import type { OrdinaryNodeEvent } from '../net/index.ts';
import type { Call } from './state.ts';
import { wayOf } from './voice-end.ts';

type Rung = Extract<OrdinaryNodeEvent, { type: 'rung' }>['rung'];

interface KnownLeg {
  readonly talker: number;
  readonly mix: number;
  node: string;
  rung: Rung | undefined;
  path: NonNullable<Call['path']> | undefined;
  held: boolean;
  muted: boolean;
}

export interface OpenedLeg {
  /** As media calls it. */
  readonly leg: string;
  readonly node: string;
  /** We mix: this leg is to hear the others. */
  readonly mixes: boolean;
}

export class LegTalkers {
  readonly #tell: (message: ToVoice) => void;
  readonly #legs = new Map<string, KnownLeg>();
  #mix = 0;
  /** Whose the present mix is: a node, or ours. */
  #mixer: string | undefined;

  constructor(tell: (message: ToVoice) => void) {
    this.#tell = tell;
  }

  /** The call of two that runs becomes the conference: this leg goes on as talker 0. */
  adopt(leg: string, { rung, path }: Pick<KnownLeg, 'rung' | 'path'>): void {
    this.#legs.set(leg, { talker: 0, mix: this.#mix, node: '', rung, path, held: false, muted: false });
  }

  open({ leg, node, mixes }: OpenedLeg): void {
    const mixer = mixes ? 'us' : node;
    const known = this.#legs.get(leg);
    if (known) {
      known.node = node;
      this.#mixer = mixer;
      return;
    }
    const present = [...this.#legs.values()].filter(({ mix }) => mix === this.#mix);
    if (present.length > 0 && (mixer !== this.#mixer || present.some((one) => one.node === node))) this.#mix += 1;
    this.#mixer = mixer;
    const talker = this.#freeTalker();
    if (talker === undefined) return;
    const opened = { talker, mix: this.#mix, node, rung: undefined, path: undefined, held: false, muted: false };
    this.#legs.set(leg, opened);
    this.#tellOpen(opened);
  }

  close(leg: string): void {
    const known = this.#legs.get(leg);
    if (!known) return;
    this.#legs.delete(leg);
    this.#tell({ type: 'leg', talker: known.talker, on: false });
  }

  rung(leg: string, rung: Rung): void {
    const known = this.#legs.get(leg);
    if (!known) return;
    known.rung = rung;
    this.#tellRung(known);
  }

  path(leg: string, path: NonNullable<Call['path']>): void {
    const known = this.#legs.get(leg);
    if (!known) return;
    known.path = path;
    this.#tell({ ...wayOf(path), talker: known.talker });
  }

  /** Either end has it on hold. */
  hold(leg: string, on: boolean): void {
    const known = this.#legs.get(leg);
    if (!known || known.held === on) return;
    known.held = on;
    this.#tell({ type: 'hold', on, talker: known.talker });
  }

  /** Who is on hold, of all people of the conference: bodies to and from them stop. */
  holds(people: readonly { readonly node: string; readonly held: boolean }[]): void {
    for (const [leg, { node }] of this.#legs) {
      const person = people.find((one) => one.node === node);
      if (person) this.hold(leg, person.held);
    }
  }

  /** Nobody hears it. */
  mute(leg: string, on: boolean): void {
    const known = this.#legs.get(leg);
    if (!known || known.muted === on) return;
    known.muted = on;
    this.#tell({ type: 'mute', on, talker: known.talker });
  }

  /** In the words of media. */
  get legs(): IterableIterator<string> {
    return this.#legs.keys();
  }

  /** For `play`; undefined: nobody is there to play it to. */
  talkerOf(leg: string): number | undefined {
    return this.#legs.get(leg)?.talker;
  }

  /** Whose body this is, in the words of media; undefined: it belongs to nobody any more. */
  legOf(talker: number): string | undefined {
    for (const [leg, known] of this.#legs) if (known.talker === talker) return leg;
    return undefined;
  }

  /** Nodes that spoke, as a `level` of the mixer says. */
  speaking(levels: readonly LegLevel[]): string[] {
    const spoke = (node: KnownLeg): boolean =>
      levels.some(({ talker, speaking }) => talker === node.talker && speaking);
    return [...this.#legs.values()].filter((known) => known.mix === this.#mix && spoke(known)).map(({ node }) => node);
  }

  /** A voice end has started: it knows of talker 0 and of nothing else. */
  repeat(): void {
    const known = [...this.#legs.values()];
    if (!known.some(({ talker }) => talker === 0)) this.#tell({ type: 'leg', talker: 0, on: false });
    for (const leg of known) {
      this.#tellOpen(leg);
      this.#tellRung(leg);
      const { talker } = leg;
      if (leg.path) this.#tell({ ...wayOf(leg.path), talker });
      if (leg.held) this.#tell({ type: 'hold', on: true, talker });
      if (leg.muted) this.#tell({ type: 'mute', on: true, talker });
    }
  }

  /** Where there is none, a leg of an older mix makes room: its end is near anyway. */
  #freeTalker(): number | undefined {
    const taken = [...this.#legs.values()].map(({ talker }) => talker);
    for (let talker = 0; talker <= TALKER_MAX; talker++) if (!taken.includes(talker)) return talker;
    for (const [leg, { talker, mix }] of this.#legs) {
      if (mix === this.#mix) continue;
      this.close(leg);
      return talker;
    }
    return undefined;
  }

  #tellOpen({ talker, mix }: KnownLeg): void {
    this.#tell({ type: 'leg', talker, on: true, mix });
  }

  #tellRung({ talker, rung }: KnownLeg): void {
    if (!rung) return;
    const { frameMs, frameBytes, copies, distance } = rung;
    this.#tell({ type: 'rung', talker, frameMs, frameBytes, copies, distance });
  }
}
