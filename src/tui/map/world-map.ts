/**
 * The screen of `wren map`: supernodes on a map of the world, with a panel of counts beside it. Blessed is loaded when
 * the map is shown, and never runs while Ink does. `bin/map.ts` hands in what is known; nothing comes out but the end,
 * when the person leaves.
 *
 *   +----------------------------------------------+
 *   | 3 supernodes known, in 2 countries           |
 *   |      map (A, S, o: states)       |  panel    |
 *   | keys                                         |
 *   +----------------------------------------------+
 */
import type { Box, Screen } from 'blessed';
import type WorldMap from 'blessed-contrib/lib/widget/map.js';
import { appendPlainly, onLeaving, openedQuietly } from './blessed-screen.ts';
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
const KEYS = 'q leave  r redraw  Up/Down scroll';
const COLOURS: Readonly<Record<Marker['state'], string>> = { active: 'cyan', standby: 'magenta', known: 'normal' };

/** Shows the map until the person leaves. Needs a terminal. */
export async function showWorldMap({ view: first, reload, colour }: MapOptions): Promise<void> {
  const { default: blessed } = await import('blessed');
  const { default: worldMap } = await import('blessed-contrib/lib/widget/map.js');
  const screen = openedQuietly(blessed);
  let view = first;
  let panel: Box | undefined;

  const line = (top: number, content: string): void => {
    screen.append(blessed.box({ top, left: 0, width: screen.width, height: 1, wrap: false, content }));
  };
  const draw = (): void => {
    for (const child of [...screen.children]) child.destroy();
    const { map, panelColumns } = mapLayout(screen.width, screen.height);
    line(0, view.note === '' ? titleOf(view.placed) : `${titleOf(view.placed)}. ${view.note}`);
    if (map) drawMap(screen, worldMap, view.placed, { ...map, colour });
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

  const leaving = onLeaving(screen, ['q', 'escape', 'C-c']);
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

/** In cells, below the title. */
export interface MapSize {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** Puts the map with its markers on the screen, to be rendered; `worldMap` is the widget of blessed-contrib. */
export function drawMap(
  screen: Screen,
  worldMap: typeof WorldMap,
  placed: readonly PlacedSupernode[],
  { columns, rows, colour }: MapSize,
): void {
  const map = worldMap({ top: 1, left: 0, width: columns, height: rows, style: { shapeColor: 'green' } });
  appendPlainly(screen, map, colour);
  for (const { latitude, longitude, text, state } of markersOf(countryCounts(placed))) {
    map.addMarker({ lat: latitude, lon: longitude, char: text, color: COLOURS[state] });
  }
}
