/** Words for scenes of the screen: a call, a figure, a world with people in it, keys pressed one after another. */
import { newCall } from '../../src/store/new-call.ts';
import type { AgentEvent } from '../../src/store/port.ts';
import type { AppState, Call, Quality } from '../../src/store/state.ts';
import { KeyParser } from '../../src/tui/terminal/key-parser.ts';
import { INITIAL_UI, type UiState } from '../../src/tui/ui-state.ts';
import { update } from '../../src/tui/update/update.ts';
import type { Effect, Message, Tag, World } from '../../src/tui/update/world.ts';
import { SIGNED_IN } from './scripted-agent.ts';

// Times of day on the screen are local: everywhere the same in tests.
process.env.TZ = 'UTC';

export const NOW_MS = Date.UTC(2026, 10, 25, 21, 0);

/** An outgoing call to bobby1, changed as told. */
export function call(change: Partial<Call> = {}): Call {
  return { ...newCall('c0'.repeat(16), 'bobby1', 'out', NOW_MS), ...change };
}

export const GOOD: Quality = {
  path: 'direct',
  rttMs: 23.4,
  jitterMs: 3.2,
  lossInPct: 0.04,
  lossOutPct: 0,
  bufferMs: 40,
  mouthToEarMs: 121,
  sentPps: 50,
  recvPps: 50,
  payloadBytes: 83,
  bitrate: 24_000,
  redundancy: 1,
  concealedPct: 0.2,
  mos: 4.2,
  verdict: 'good',
};

/** The screen without a terminal: its world, and what it asked for. */
export class Scene {
  world: World;
  /** Everything asked for so far, oldest first. */
  readonly effects: Effect[] = [];

  constructor(app: AppState = SIGNED_IN, ui: Partial<UiState> = {}) {
    this.world = { app, ui: { ...INITIAL_UI, ...ui }, nowMs: NOW_MS };
    this.receive({ type: 'linked', state: app });
  }

  get ui(): UiState {
    return this.world.ui;
  }

  receive(message: Message): void {
    const { app, ui, effects } = update(this.world, message);
    this.world = { ...this.world, app, ui };
    this.effects.push(...effects);
  }

  /** Presses what a keyboard would send. */
  type(bytes: string): this {
    const parser = new KeyParser();
    for (const key of [...parser.feed(Buffer.from(bytes)), ...parser.flush()]) this.receive({ type: 'key', key });
    return this;
  }

  event(event: AgentEvent): this {
    this.receive({ type: 'event', event });
    return this;
  }

  reply(tag: Tag, result: unknown): this {
    this.receive({ type: 'reply', tag, result });
    return this;
  }

  refuse(tag: Tag, code: Extract<Message, { type: 'refused' }>['code'], retryAfterMs = 0): this {
    this.receive({ type: 'refused', tag, code, detail: '', retryAfterMs });
    return this;
  }

  after(elapsedMs: number): this {
    this.world = { ...this.world, nowMs: this.world.nowMs + elapsedMs };
    this.receive({ type: 'tick' });
    return this;
  }

  /** Commands asked for, `chat.history` left out: every look at a conversation asks for it. */
  asked(): unknown[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'request' && effect.command.type !== 'chat.history' ? [effect.command] : [],
    );
  }
}
