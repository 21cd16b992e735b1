/**
 * How soon V8 makes fast code of what runs in a call. It goes by how much a function has run, and fifty times a second is
 * little: left alone it takes 40 s, in which a call costs twice as much processor time as later, and then as much work as at
 * once. So voice children start with other flags, and the agent has them from the third second of a call on, when nothing of its
 * beginning is in the way, to the end of the last call.
 *
 * V8 11 (Node 20) alone: later ones have a quick compiler in between, and other flags.
 */
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

interface Flag {
  readonly name: string;
  readonly inCall: number;
  /** What V8 11 has of itself. */
  readonly usual: number;
}

export const TEMPO_FLAGS: readonly Flag[] = [
  // Bytes of bytecode that a function runs before it is looked at.
  { name: 'interrupt-budget', inCall: 10_000, usual: 67_584 },
  // How often it is looked at before it is taken, and once more for so many bytes of it.
  { name: 'ticks-before-optimization', inCall: 1, usual: 3 },
  { name: 'bytecode-size-allowance-per-tick', inCall: 1_000, usual: 150 },
  // Calls since it last saw something new.
  { name: 'minimum-invocations-after-ic-update', inCall: 100, usual: 500 },
  // What is compiled twice, here and inside its callers, is compiled for long.
  { name: 'max-inlined-bytecode-size-cumulative', inCall: 250, usual: 920 },
];

const HAS_FLAGS = process.versions.v8.startsWith('11.');
const BEGINNING_MS = 3_000;

/** Of the command line of a voice child. */
export const VOICE_TEMPO: readonly string[] = HAS_FLAGS
  ? TEMPO_FLAGS.map(({ name, inCall }) => `--${name}=${inCall}`)
  : [];

export class CallTempo {
  #timer: NodeJS.Timeout | undefined;

  /** A call has begun to talk. */
  begin(): void {
    if (!HAS_FLAGS) return;
    this.#timer ??= setTimeout(() => set('inCall'), BEGINNING_MS).unref();
  }

  /** There is no call any more. */
  end(): void {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    set('usual');
  }
}

function set(which: 'inCall' | 'usual'): void {
  for (const flag of TEMPO_FLAGS) setFlagsFromString(`--${flag.name}=${flag[which]}`);
}
