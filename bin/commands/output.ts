/**
 * The two channels of a command. Data goes to stdout: lines a person or a pipe can use, or with `--json` one object
 * a line and nothing else. Words for people go to stderr. A reader that goes away (`| head`) is not an error: what
 * follows is swallowed, and whoever asked is told once.
 */
import type { Writable } from 'node:stream';
import { isDiskFull } from '../../src/store/atomic-file.ts';
import { CONTROLS } from './layout.ts';

export interface Output {
  readonly json: boolean;
  /** One JSON object on stdout; nothing without `--json`. */
  object(value: object): void;
  /** One line of data on stdout; nothing with `--json`. */
  line(text: string): void;
  /** One line for people on stderr. */
  say(text: string): void;
  /** The outcome of a command that returns no data: the object with `--json`, else the sentence on stderr. */
  tell(value: object, sentence: string): void;
  /** Called once, now or later, when nobody reads stdout any more. */
  onReaderGone(listener: () => void): void;
  /** What the system said when stdout could not take all, for want of room. */
  lost(): Error | undefined;
  /** Resolves when everything written has been handed to the system. */
  flush(): Promise<void>;
}

export interface Channels {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export function openOutput(json: boolean, { stdout, stderr }: Channels): Output {
  const listeners: (() => void)[] = [];
  let readable = true;
  let lost: Error | undefined;
  stdout.on('error', (error) => {
    if (isDiskFull(error)) lost ??= error;
    if (!readable) return;
    readable = false;
    for (const listener of listeners) listener();
  });
  // A closed terminal (EIO) or pipe on stderr leaves nobody to tell.
  stderr.on('error', () => {});

  const write = (text: string) => {
    if (readable) stdout.write(`${text}\n`);
  };
  const object = (value: object) => {
    if (json) write(jsonLine(value));
  };
  const say = (text: string) => {
    stderr.write(`${text}\n`);
  };
  return {
    json,
    object,
    line: (text) => {
      if (!json) write(text);
    },
    say,
    tell: (value, sentence) => {
      if (json) object(value);
      else say(sentence);
    },
    onReaderGone: (listener) => {
      if (readable) listeners.push(listener);
      else listener();
    },
    lost: () => lost,
    // An error of the last write is told a turn later.
    flush: () =>
      Promise.all([drained(stdout), drained(stderr)]).then(() => new Promise((resolve) => setImmediate(resolve))),
  };
}

/**
 * JSON that a terminal cannot be hurt by either: `JSON.stringify` leaves DEL, C1 controls and bidirectional overrides
 * bare, so they are written as escapes; a parser reads the same text back.
 */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(CONTROLS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
