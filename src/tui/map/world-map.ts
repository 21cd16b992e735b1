/**
 * The screen of `wren map`: supernodes on a map of the world, with a panel of counts beside it. The only place of
 * blessed, which is loaded when the map is shown and never runs while Ink does. `bin/map.ts` hands in what is known;
 * nothing comes out but the end, when the person leaves.
 *
 *   +----------------------------------------------+
 *   | 3 supernodes known, in 2 countries           |
 *   |      map (A, S, o: states)       |  panel    |
 *   | keys                                         |
 *   +----------------------------------------------+
 */
import type { default as Blessed, Box, Screen } from 'blessed';
import {
  countryCounts,
  type Marker,
  mapLayout,
  markersOf,
  type PlacedSupernode,
  panelLines,
  STATE_LETTERS,
  titleOf,
} from './map-rows.ts';

export interface MapView {
  readonly placed: readonly PlacedSupernode[];
  /** What a person should know beside it; empty when there is nothing. */
  readonly note: string;
}

export interface MapOptions {
  readonly view: MapView;
  /** What is known now. Must not reject. */
  readonly reload: () => Promise<MapView>;
  readonly colour: boolean;
}

const LEGEND = `${STATE_LETTERS.active} active  ${STATE_LETTERS.standby} standby  ${STATE_LETTERS.known} known`;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
const KEYS = 'q leave  r redraw  Up/Down scroll';
const COLOURS: Readonly<Record<Marker['state'], string>> = { active: 'cyan', standby: 'magenta', known: 'normal' };

/** Shows the map until the person leaves. Needs a terminal. */
export async function showWorldMap({ view: first, reload, colour }: MapOptions): Promise<void> {
  const { default: blessed } = await import('blessed');
  const { default: worldMap } = await import('blessed-contrib/lib/widget/map.js');
  const screen = openedQuietly(blessed);
  let view = first;
  let panel: Box | undefined;

  const drawMap = (columns: number, rows: number): void => {
    const map = worldMap({ top: 1, left: 0, width: columns, height: rows, style: { shapeColor: 'green' } });
    screen.append(map);
    const canvas = map.ctx._canvas;
    const frame = canvas.frame.bind(canvas);
    canvas.frame = () => plainer(frame(), colour, screen.tput.unicode);
    for (const { latitude, longitude, text, state } of markersOf(countryCounts(view.placed))) {
      map.addMarker({ lat: latitude, lon: longitude, char: text, color: COLOURS[state] });
    }
  };
  const line = (top: number, content: string): void => {
    screen.append(blessed.box({ top, left: 0, width: screen.width, height: 1, wrap: false, content }));
  };
  const draw = (): void => {
    for (const child of [...screen.children]) child.destroy();
    const { map, panelColumns } = mapLayout(screen.width, screen.height);
    line(0, view.note === '' ? titleOf(view.placed) : `${titleOf(view.placed)}. ${view.note}`);
    if (map) drawMap(map.columns, map.rows);
    panel = blessed.box({
      top: 1,
      left: screen.width - panelColumns,
      width: panelColumns,
      height: Math.max(1, screen.height - 2),
      wrap: false,
      scrollable: true,
      content: panelLines(view.placed).join('\n'),
    });
    screen.append(panel);
    line(screen.height - 1, `${KEYS}    ${LEGEND}`);
    screen.render();
  };
  const scroll = (lines: number): void => {
    panel?.scroll(lines);
    screen.render();
  };

  const leaving = onLeaving(screen);
  try {
    screen.on('resize', draw);
    screen.key(['up'], () => scroll(-1));
    screen.key(['down'], () => scroll(1));
    screen.key(['r'], () => {
      void reload().then((fresh) => {
        if (leaving.over()) return;
        view = fresh;
        screen.realloc();
        draw();
      });
    });
    draw();
    await leaving.ended;
  } finally {
    leaving.release();
    screen.destroy();
  }
}

interface Leaving {
  /** Resolves when the person leaves or a signal says so; rejects with a fault that nobody caught. */
  readonly ended: Promise<void>;
  over(): boolean;
  /** Gives faults and signals back. */
  release(): void;
}

/** Blessed leaves faults and signals to others when there are others, and its own way out loses what it wrote last. */
function onLeaving(screen: Screen): Leaving {
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
  screen.key(['q', 'escape', 'C-c'], () => end());
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
function openedQuietly(blessed: typeof Blessed): Screen {
  const { error } = console;
  console.error = () => {};
  try {
    return blessed.screen({ smartCSR: true });
  } finally {
    console.error = error;
  }
}

/** What the canvas draws, without colours or without braille where the terminal is not to have them. */
function plainer(frame: string, colour: boolean, unicode: boolean): string {
  const shades = colour ? frame : frame.replaceAll(/\u001b\[[\d;]*m/g, '');
  return unicode ? shades : shades.replaceAll(/[\u2801-\u28ff]/g, '.');
}
