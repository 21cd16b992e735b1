/**
 * The microphone and the speaker of a running call: opened as the SPEC says, opened again when one is lost, and taken to
 * the chosen device when that was away and is back. `voice-io.ts` makes one a call and hands in the engine; devices are those of
 * `device-choice.ts`.
 *
 * A side that is lost is silent and is looked for at once, then ever more rarely, and whenever the sound server tells that
 * devices have changed. A side whose chosen device goes away plays on wherever the server has put it, or on the default, and moves
 * back to a device that returns: the new stream first, then the old one ends. Without a choice the server moves streams
 * to its default itself.
 */
import type { Capture, DeviceEvents, Playback } from './device.ts';
import {
  chosenWords,
  findPlaces,
  isCardSpec,
  openDevices,
  type Places,
  SIDES,
  type Side,
  watchPlaces,
} from './device-choice.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { AudioFailure } from './failure.ts';
import { DEVICE_LOSS_TOLD_MS, DEVICE_MOVED_MS, DEVICE_RETRY_MS, DEVICE_WORKED_MS } from './params.ts';
import type { DevicesInUse } from './port.ts';
import type { VoiceEngine } from './voice-engine.ts';

export interface CallDevicesHost {
  readonly env: { readonly [name: string]: string | undefined };
  /** Monotonic ms. */
  now(): number;
  /** The microphone in use has another frame. */
  onFrame(): void;
  onInputEnded(): void;
  /** Another microphone; `paced` as in `Capture`. */
  onCapture(paced: boolean): void;
  /** What could be opened is open, or what was chosen is in use again. */
  onReady(): void;
  onUsing(using: DevicesInUse): void;
  onProblem(failure: AudioFailure): void;
}

/** A card that is missing, held by somebody, or hears the speaker may be another one soon. */
const MAY_COME_BACK: ReadonlySet<string> = new Set(['audio-no-device', 'audio-device-busy', 'audio-only-monitor']);

/** One opening of one side. */
interface Opening {
  readonly side: Side;
  /** The newest opening of a side counts. */
  readonly number: number;
  /** It died before it was in use. */
  lost: AudioFailure | undefined;
}

export class CallDevices {
  readonly #engine: VoiceEngine;
  readonly #host: CallDevicesHost;
  #spec = '';
  #resumeMs = 0;
  /** Openings that are under way. */
  #busy = 0;
  #closed: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #movedTimer: NodeJS.Timeout | undefined;
  readonly #newest = { capture: 0, playback: 0 };
  readonly #current: { capture: Opening | undefined; playback: Opening | undefined } = {
    capture: undefined,
    playback: undefined,
  };
  /** How often each side was looked for since it worked: both sides of a headset go at once, but not in the same moment. */
  readonly #tries = { capture: 0, playback: 0 };
  readonly #lostAt = { capture: Number.NEGATIVE_INFINITY, playback: Number.NEGATIVE_INFINITY };
  #lossToldAt = Number.NEGATIVE_INFINITY;
  /** Sides on which the chosen device was there once. */
  readonly #chosen = new Set<Side>();
  /** Where the default stands in for what was chosen. */
  #away: ReadonlySet<Side> = new Set();
  #watch: { end(): void } | 'starting' | undefined;
  /** Looking at the server; 'again': something has changed meanwhile. */
  #looking: 'no' | 'once' | 'again' = 'no';
  #told = '';

  constructor(engine: VoiceEngine, host: CallDevicesHost) {
    this.#engine = engine;
    this.#host = host;
  }

  /** While this is true ticks are missed because a device opens. */
  get opening(): boolean {
    return this.#busy > 0;
  }

  /** Opens both sides, and tells what fails. Another SPEC in a running call changes devices. */
  start(spec: string, resumeMs: number): void {
    this.#spec = spec;
    this.#resumeMs = resumeMs;
    for (const side of SIDES) this.#tries[side] = 0;
    this.#away = new Set();
    this.#chosen.clear();
    void this.#open(SIDES, true);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    clearTimeout(this.#retry);
    clearTimeout(this.#movedTimer);
    this.#endWatch();
    await Promise.all(SIDES.map((side) => this.#engine[side].close()));
  }

  /** Opens these sides afresh. `loudly`: tell what fails and what is ready; a retry tells only when it succeeds. */
  async #open(sides: readonly Side[], loudly: boolean): Promise<void> {
    clearTimeout(this.#retry);
    await Promise.all(sides.map((side) => this.#silence(side)));
    const { openings, failures, absent } = await this.#attach(sides);
    if (openings.every(({ side, number }) => number !== this.#newest[side]) || this.#closed) return;
    // What is wrong is told after what there is, and stands.
    if (loudly || failures.length === 0) this.#host.onReady();
    else this.#retryLater();
    if (loudly) for (const failure of failures) this.#host.onProblem(failure);
    this.#setAway(sides, absent);
    this.#tellUsing();
    void this.#keepWatch();
  }

  /** The new device first, then the old one ends. */
  async #replace(side: Side): Promise<void> {
    const { absent, failures } = await this.#attach([side]);
    if (!this.#closed && failures.length === 0) this.#setAway([side], absent);
    this.#tellUsing();
  }

  async #attach(sides: readonly Side[]) {
    const openings = sides.map((side): Opening => ({ side, number: ++this.#newest[side], lost: undefined }));
    const eventsOf = (side: Side): DeviceEvents | undefined => {
      const opening = openings.find((one) => one.side === side);
      return opening && this.#events(opening);
    };
    this.#busy++;
    const events = { capture: eventsOf('capture'), playback: eventsOf('playback') };
    const { failures, absent, chosen, ...opened } = await openDevices(
      this.#spec,
      this.#host.env,
      events,
      this.#resumeMs,
    );
    this.#busy--;
    for (const opening of openings) {
      const device = opened[opening.side];
      if (!device) continue;
      const isNewest = opening.number === this.#newest[opening.side] && !this.#closed;
      // A replacement that is none does not replace anything.
      if (chosen.includes(opening.side)) this.#chosen.add(opening.side);
      if (!isNewest || (device.kind === 'none' && this.#current[opening.side])) void device.close();
      else this.#use(opening, device);
    }
    return { openings, failures, absent };
  }

  #use(opening: Opening, device: Capture | Playback): void {
    const { side } = opening;
    const old = this.#engine[side];
    this.#current[side] = device.kind === 'none' ? undefined : opening;
    if ('read' in device) {
      this.#engine.attachCapture(device);
      this.#host.onCapture(device.paced);
    } else this.#engine.attachPlayback(device);
    void old.close();
    if (opening.lost) this.#lost(side, opening.lost);
  }

  /**
   * The call goes on with silence on that side, and without a microphone by the clock. Resolves when another may be opened: a
   * sound server gives a device to several at once, a card may not.
   */
  async #silence(side: Side): Promise<void> {
    this.#newest[side]++;
    this.#current[side] = undefined;
    const old = this.#engine[side];
    if (side === 'capture') {
      this.#engine.attachCapture(noCapture());
      this.#host.onCapture(false);
    } else this.#engine.attachPlayback(noPlayback());
    const closed = old.close();
    if (old.kind !== 'pulse') await closed;
  }

  #events(opening: Opening): DeviceEvents {
    const isCurrent = (): boolean => this.#current[opening.side] === opening && !this.#closed;
    return {
      onFrame: () => {
        if (isCurrent()) this.#host.onFrame();
      },
      onInputEnded: () => {
        if (isCurrent()) this.#host.onInputEnded();
      },
      onLost: (failure) => {
        opening.lost = failure;
        if (isCurrent()) this.#lost(opening.side, failure);
      },
      onMoved: () => {
        if (isCurrent()) this.#moved();
      },
    };
  }

  #lost(side: Side, failure: AudioFailure): void {
    const nowMs = this.#host.now();
    if (nowMs - this.#lossToldAt > DEVICE_LOSS_TOLD_MS) this.#host.onProblem(failure);
    // One that worked for a while is worth a look at once again.
    if (nowMs - this.#lostAt[side] > DEVICE_WORKED_MS) this.#tries[side] = 0;
    this.#lostAt[side] = nowMs;
    this.#lossToldAt = nowMs;
    void this.#silence(side);
    this.#tellUsing();
    const isCard = MAY_COME_BACK.has(failure.code);
    if (isCard) this.#retryLater();
  }

  /** A card that went away may come back: a headset, a restarted server. */
  #retryLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    const tries = Math.min(...this.#missing().map((side) => this.#tries[side]), DEVICE_RETRY_MS.length - 1);
    this.#retry = setTimeout(() => {
      const missing = this.#missing();
      for (const side of missing) this.#tries[side]++;
      void this.#open(missing, false);
    }, DEVICE_RETRY_MS[tries]!);
  }

  #missing(): Side[] {
    return SIDES.filter((side) => this.#engine[side].kind === 'none');
  }

  // --- what the sound server tells

  #moved(): void {
    this.#tellUsing();
    clearTimeout(this.#movedTimer);
    // A device that goes is still in the list while its streams are moved, and both sides of a headset go at once.
    this.#movedTimer = setTimeout(() => void this.#look(), DEVICE_MOVED_MS);
  }

  /** Devices have changed: what is missing may be there, what was chosen may have gone or come back. */
  async #look(): Promise<void> {
    if (this.#looking !== 'no') {
      this.#looking = 'again';
      return;
    }
    do {
      this.#looking = 'once';
      if (!this.opening && this.#missing().length > 0 && isCardSpec(this.#spec))
        await this.#open(this.#missing(), false);
      const places = await findPlaces(this.#spec, this.#host.env);
      if (places && !this.#closed) await this.#follow(places);
    } while ((this.#looking as string) === 'again' && !this.#closed);
    this.#looking = 'no';
    void this.#keepWatch();
  }

  async #follow(places: Places): Promise<void> {
    const sides = SIDES.filter((side) => this.#engine[side].kind === 'pulse');
    // Gone; a side that the name never fitted is not meant.
    const gone = sides.filter((side) => places.chosen[side] === undefined && this.#chosen.has(side));
    const there = sides.filter((side) => places.chosen[side] === this.#engine[side].name);
    if (gone.length + there.length > 0) this.#setAway([...gone, ...there], gone);
    await Promise.all(sides.filter((side) => this.#isElsewhere(side, places)).map((side) => this.#replace(side)));
  }

  /** Not where it was chosen to be. Where else it is than the default, a person has put it there by hand. */
  #isElsewhere(side: Side, { chosen, defaults }: Places): boolean {
    const { name } = this.#engine[side];
    if (chosen[side] === undefined || name === undefined || name === chosen[side]) return false;
    return this.#away.has(side) || name === defaults[side];
  }

  /** On these sides the default stands in for what was chosen just where `absent` says; told once. */
  #setAway(sides: readonly Side[], absent: readonly Side[]): void {
    const away = new Set(SIDES.filter((side) => (sides.includes(side) ? absent.includes(side) : this.#away.has(side))));
    const before = this.#away.size;
    this.#away = away;
    if (before > 0 && away.size === 0) this.#host.onReady();
    if (before > 0 || away.size === 0) return;
    this.#host.onProblem(new AudioFailure('audio-device-absent', chosenWords(this.#spec, [...away])));
  }

  /** Only while something is missing: what is there tells itself when it goes. */
  async #keepWatch(): Promise<void> {
    const isWanted = isCardSpec(this.#spec) && !this.#closed && (this.#away.size > 0 || this.#missing().length > 0);
    if (!isWanted) return this.#endWatch();
    if (this.#watch) return;
    this.#watch = 'starting';
    const onEnd = (): void => {
      this.#watch = undefined;
    };
    const watch = await watchPlaces(this.#spec, this.#host.env, { onChange: () => void this.#look(), onEnd });
    this.#watch = watch;
    if (this.#closed) this.#endWatch();
  }

  #endWatch(): void {
    if (typeof this.#watch === 'object') this.#watch.end();
    if (this.#watch !== 'starting') this.#watch = undefined;
  }

  #tellUsing(): void {
    if (this.#closed) return;
    const { capture, playback } = this.#engine;
    const using = { input: capture.name ?? null, output: playback.name ?? null };
    const told = JSON.stringify(using);
    if (told === this.#told) return;
    this.#told = told;
    this.#host.onUsing(using);
  }
}
