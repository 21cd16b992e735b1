/**
 * The shape of everything that can happen to the screen and of what it asks for: (world, message) -> (world, effects).
 * Pure data in, pure data out; `run-screen.tsx` carries the effects out and hands their results back as messages.
 */
import type { FailureCode } from '../../net/protocol/failures.ts';
import type {
  AgentCommand,
  AgentEvent,
  ResultOf,
  SafetyReport,
  SearchReport,
  SoundDevicesReport,
} from '../../store/port.ts';
import type { AppState, ChatLine } from '../../store/state.ts';
import type { CommandName } from '../key-bindings.ts';
import type { Preferences } from '../preferences.ts';
import type { Key } from '../terminal/key-parser.ts';
import type { Background } from '../themes.ts';
import type { LoggedCall, Notice, UiState } from '../ui-state.ts';

export interface World {
  readonly app: AppState;
  readonly ui: UiState;
  /** Wall clock, ms. */
  readonly nowMs: number;
  /** The audio SPEC given on the command line, for calls made from this screen. */
  readonly audio?: string | undefined;
}

/** Why something was asked, so that its answer finds its place. */
export type Tag =
  | { readonly for: 'join' }
  | { readonly for: 'account' }
  | { readonly for: 'history'; readonly with: string }
  /** A part of it; `show`: the line that was found. */
  | { readonly for: 'part'; readonly with: string; readonly aroundMs: number; readonly show?: string }
  | { readonly for: 'send'; readonly to: string; readonly text: string }
  | { readonly for: 'search'; readonly pattern: string }
  | { readonly for: 'find'; readonly words: string }
  | { readonly for: 'safety'; readonly name: string }
  | { readonly for: 'gather' }
  | { readonly for: 'add'; readonly name: string }
  | { readonly for: 'devices' }
  | { readonly for: 'calls' }
  | { readonly for: 'transfer'; readonly device: string }
  /** Only a refusal is told, with this in front. */
  | { readonly for: 'plain'; readonly detail: string }
  /** Not even that. */
  | { readonly for: 'quiet' };

export type Effect =
  | { readonly type: 'request'; readonly command: AgentCommand; readonly tag: Tag }
  | { readonly type: 'quit'; readonly hangUp: boolean }
  | { readonly type: 'suspend' }
  | { readonly type: 'repaint' }
  /** To the terminal's clipboard; harmless text. */
  | { readonly type: 'copy'; readonly text: string }
  /** Remembered for the next screen. */
  | { readonly type: 'save'; readonly change: Partial<Preferences> };

export type Message =
  | { readonly type: 'key'; readonly key: Key }
  | { readonly type: 'event'; readonly event: AgentEvent }
  | { readonly type: 'linked'; readonly state: AppState }
  | { readonly type: 'link-lost'; readonly code: FailureCode }
  | { readonly type: 'reply'; readonly tag: Tag; readonly result: unknown }
  | {
      readonly type: 'refused';
      readonly tag: Tag;
      readonly code: FailureCode;
      readonly detail: string;
      readonly retryAfterMs: number;
    }
  | { readonly type: 'resized'; readonly columns: number; readonly rows: number }
  /** The terminal has told its background. */
  | { readonly type: 'background'; readonly background: Background }
  | { readonly type: 'tick' };

export interface Step {
  readonly ui: UiState;
  readonly effects: readonly Effect[];
  /** A command that is carried out next, as if its key had been pressed. */
  readonly next?: CommandName;
}

/** What the replies hold that the screen reads. */
export type HistoryReply = readonly ChatLine[];
export type CallsReply = readonly LoggedCall[];
export type SearchReply = SearchReport;
export type SafetyReply = SafetyReport;
export type DevicesReply = SoundDevicesReport;
export type TransferReply = ResultOf<'call.transfer'>;

/** Long enough to read; Escape dismisses earlier. What went wrong stays longer. */
const NOTICE_MS = { plain: 6_000, good: 6_000, warn: 12_000, bad: 20_000 } as const;

export function step(ui: UiState, ...effects: readonly Effect[]): Step {
  return { ui, effects };
}

export function request(command: AgentCommand, tag: Tag = { for: 'quiet' }): Effect {
  return { type: 'request', command, tag };
}

/** `ui` with a sentence that stays for a while. */
export function noticed(world: World, ui: UiState, text: string, tone: Notice['tone'] = 'plain'): UiState {
  return { ...ui, notice: { text, tone, untilMs: world.nowMs + NOTICE_MS[tone] } };
}
