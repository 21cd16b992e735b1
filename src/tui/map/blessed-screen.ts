/**
 * What every screen of blessed needs here: opened without its complaints, left on every way out, drawn without colour or braille
 * where the terminal is not to have them. For `world-map.ts` and the monitor; blessed never runs in a process where Ink does.
 */
import type { default as Blessed, Screen } from 'blessed';
import type { CanvasWidget } from 'blessed-contrib/lib/widget/canvas.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface Leaving {
  /** Resolves when the person leaves or a signal says so; rejects with a fault that nobody caught. */
  readonly ended: Promise<void>;
  over(): boolean;
  /** Gives faults and signals back. */
  release(): void;
}

/** Blessed leaves faults and signals to others when there are others, and its own way out loses what it wrote last. */
export function onLeaving(screen: Screen, keys: readonly string[]): Leaving {
  let over = false;
  let end = (): void => {};
  let fail = (_error: unknown): void => {};
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  }).finally(() => {
    over = true;
  });
  process.on('uncaughtException', fail);
  for (const signal of SIGNALS) process.on(signal, end);
  screen.key(keys, () => end());
  return {
    ended,
    over: () => over,
    release: () => {
      process.off('uncaughtException', fail);
      for (const signal of SIGNALS) process.off(signal, end);
    },
  };
}

/** Blessed complains on stderr of capabilities in terminfo that it cannot read, and never uses. */
export function openedQuietly(blessed: typeof Blessed): Screen {
  const { error } = console;
  console.error = () => {};
  try {
    return blessed.screen({ smartCSR: true });
  } finally {
    console.error = error;
  }
}

/** Puts it on the screen, where it draws without colours or without braille if the terminal is not to have them. */
export function appendPlainly(screen: Screen, widget: CanvasWidget, colour: boolean): void {
  screen.append(widget);
  const canvas = widget.ctx._canvas;
  const frame = canvas.frame.bind(canvas);
  canvas.frame = () => plainer(frame(), colour, screen.tput.unicode);
}

function plainer(frame: string, colour: boolean, unicode: boolean): string {
  const shades = colour ? frame : frame.replaceAll(/\u001b\[[\d;]*m/g, '');
  return unicode ? shades : shades.replaceAll(/[\u2801-\u28ff]/g, '.');
}
