/**
 * A question at the terminal whose answer is not shown: raw mode, so that the system echoes nothing, and therefore
 * the editing keys done here. Terminals deliver several keys in one read (a paste, a slow line), so what follows an
 * Enter is kept for the next question. The terminal is put back however the question ends.
 */
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';

/** Ctrl-C, or the end of input, at a prompt. Nothing was done. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
  }
}

export interface Prompt {
  readonly askHidden: (question: string) => Promise<string>;
  /** Gives the terminal back. */
  close(): void;
}

/** Longer input than any password is dropped as it is typed. */
const ANSWER_LENGTH_MAX = 1024;

export function openPrompt(input: ReadStream, screen: NodeJS.WritableStream): Prompt {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let wake: (() => void) | undefined;
  let ended = false;
  const onData = (chunk: Buffer) => {
    if (pending.length < ANSWER_LENGTH_MAX * 4) pending += decoder.write(chunk);
    wake?.();
  };
  const onEnd = () => {
    ended = true;
    wake?.();
  };
  input.setRawMode(true);
  input.on('data', onData).on('end', onEnd).resume();

  const close = () => {
    input.off('data', onData).off('end', onEnd).pause();
    input.setRawMode(false);
  };
  const askHidden = async (question: string): Promise<string> => {
    screen.write(question);
    let answer: Answer = { text: '', state: 'open', rest: '' };
    while (answer.state === 'open') {
      if (pending === '') {
        if (ended) answer = { ...answer, state: 'interrupted' };
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      answer = typeInto(answer, pending);
      pending = answer.rest;
    }
    screen.write('\n');
    if (answer.state === 'interrupted') throw new Interrupted();
    return answer.text;
  };
  return { askHidden, close };
}

export interface Answer {
  readonly text: string;
  readonly state: 'open' | 'given' | 'interrupted';
  /** Typed after the answer was complete. */
  readonly rest: string;
}

/** One unit of what a terminal sends: a whole escape sequence (an arrow key), or one code point. */
const KEY = /\u001b\[[0-?]*[ -/]*[@-~]|\u001bO.|\u001b|[\s\S]/uy;

/** The editing keys: Backspace, Ctrl-U (all), Ctrl-C and Ctrl-D on nothing (give up), Enter. Others are ignored. */
export function typeInto(answer: Answer, typed: string): Answer {
  if (answer.state !== 'open') return answer;
  let points = [...answer.text];
  KEY.lastIndex = 0;
  for (let match = KEY.exec(typed); match !== null; match = KEY.exec(typed)) {
    const key = match[0];
    const rest = typed.slice(KEY.lastIndex);
    if (key === '\r' || key === '\n') return { text: points.join(''), state: 'given', rest };
    if (key === '\u0003' || (key === '\u0004' && points.length === 0)) return { text: '', state: 'interrupted', rest };
    if (key === '\u007f' || key === '\b') points.pop();
    else if (key === '\u0015') points = [];
    else if (key >= ' ' && points.length < ANSWER_LENGTH_MAX) points.push(key);
  }
  return { text: points.join(''), state: 'open', rest: '' };
}
