/**
 * Where everything stands: sizes worked out from the window and the state, once, for drawing and for scrolling alike.
 *
 *   call panel                (only around a call)
 *   buddies | conversation    two panes from 70 columns, else the one that has the focus
 *   trouble                   (only while something is wrong)
 *   hints, or a notice
 *   status
 */
import type { AppState } from '../store/state.ts';
import { callRowCount } from './rows/call-rows.ts';
import { promptHeight } from './rows/prompt-rows.ts';
import { wrap } from './text/width.ts';
import { canWrite, draftOf, type UiState } from './ui-state.ts';
import { failureSentence, nobodySentence, SENTENCES } from './wording.ts';

export interface Layout {
  readonly tooSmall: boolean;
  readonly twoPanes: boolean;
  /** Outer widths, frame included; 0 for a pane out of sight. */
  readonly listColumns: number;
  readonly chatColumns: number;
  readonly bodyRows: number;
  /** Rows of the call panel, frame included; 0 without a call. */
  readonly callRows: number;
  readonly callFramed: boolean;
  /** Rows inside the frames. */
  readonly listRows: number;
  readonly messageRows: number;
  /** Rows of the line being written; 0 when there is nobody to write to. */
  readonly promptRows: number;
  readonly troubleLines: readonly string[];
  readonly noticeLines: readonly string[];
}

const TWO_PANES_FROM_COLUMNS = 70;
const COLUMNS_MIN = 30;
const ROWS_MIN = 8;
/** Lower windows give the call panel no frame. */
const FRAMED_CALL_FROM_ROWS = 20;
const PROMPT_ROWS_MAX = 5;
const SENTENCE_ROWS_MAX = 3;

export function layoutOf(app: AppState, ui: UiState): Layout {
  const { columns, rows } = ui;
  const twoPanes = columns >= TWO_PANES_FROM_COLUMNS;
  const listColumns = twoPanes ? Math.min(36, Math.max(28, Math.floor(columns * 0.34))) : columns;
  const chatColumns = twoPanes ? columns - listColumns : columns;
  const callFramed = rows >= FRAMED_CALL_FROM_ROWS;
  const callContent = callRowCount(app, ui.callDetails && rows >= FRAMED_CALL_FROM_ROWS);
  const callRows = callContent === 0 ? 0 : callContent + (callFramed ? 2 : 0);
  const troubleLines = sentenceLines(troubleOf(app, ui), columns - 3);
  const noticeLines = sentenceLines(ui.notice?.text ?? '', columns - 2);
  const footRows = troubleLines.length + Math.max(1, noticeLines.length) + 1;
  const bodyRows = Math.max(3, rows - callRows - footRows);
  const inner = bodyRows - 2;
  const draft = draftOf(ui, ui.selected);
  const promptMax = Math.max(1, Math.min(PROMPT_ROWS_MAX, Math.floor(inner / 3)));
  const promptRows = canWrite(app, ui) ? promptHeight(draft, promptColumns(chatColumns), promptMax) : 0;
  return {
    tooSmall: columns < COLUMNS_MIN || rows < ROWS_MIN,
    twoPanes,
    listColumns: twoPanes || ui.focus === 'list' ? listColumns : 0,
    chatColumns: twoPanes || ui.focus === 'chat' ? chatColumns : 0,
    bodyRows,
    callRows,
    callFramed,
    listRows: inner - (ui.filtering || ui.filter.text !== '' ? 1 : 0),
    messageRows: Math.max(1, inner - (promptRows > 0 ? promptRows + 1 : 0)),
    promptRows,
    troubleLines,
    noticeLines,
  };
}

/** Columns inside a frame, with a blank at each side. */
export function innerColumns(outer: number): number {
  return Math.max(1, outer - 4);
}

/** Columns of the line being written, behind its `> `. */
export function promptColumns(outer: number): number {
  return Math.max(1, innerColumns(outer) - 2);
}

/** The sentence that stays while something is wrong; empty while all is well. */
function troubleOf(app: AppState, ui: UiState): string {
  if (ui.link.type === 'lost') {
    // Only an agent that was there can be gone.
    const gone = ui.link.code === 'agent-unreachable' && app.version !== '';
    return gone ? SENTENCES.agentGone : failureSentence(ui.link.code);
  }
  if (app.trouble === null) return '';
  return app.tried ? nobodySentence(app.tried) : failureSentence(app.trouble);
}

function sentenceLines(text: string, columns: number): readonly string[] {
  return text === '' ? [] : wrap(text, columns).slice(0, SENTENCE_ROWS_MAX);
}
