/**
 * The screen of `wren monitor`, with blessed and blessed-contrib: five charts and the words beside them, the network, the
 * log, the map. `bin/commands/monitor.ts` hands in a feed that tells when there is something new; nothing comes out but the
 * end, when the person leaves. What is drawn is worked out in `monitor-rows.ts`.
 *
 *   +------------------------------------------------+
 *   | wren monitor [1 call] 2 network  3 log  4 map  |
 *   |  round trip 24 ms  |  jitter      |  loss      |
 *   |  buffer            |  bit rate    |  words     |
 *   | keys                                           |
 *   +------------------------------------------------+
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Box, Screen } from 'blessed';
import type LineChart from 'blessed-contrib/lib/widget/charts/line.js';
import type WorldMap from 'blessed-contrib/lib/widget/map.js';
import { appendPlainly, onLeaving, openedQuietly } from '../map/blessed-screen.ts';
import { type PlacedSupernode, panelLines } from '../map/map-rows.ts';
import { drawMap } from '../map/world-map.ts';
import { wrap } from '../text/width.ts';
import {
  type Chart,
  callLines,
  chartPlaces,
  charts,
  figureLines,
  fittingTitle,
  helpLines,
  keyLine,
  logLines,
  MONITOR_KEYS,
  type MonitorAct,
  type MonitorView,
  networkLines,
  PAGES,
  type Page,
  titleLine,
} from './monitor-rows.ts';
import { guardTerminal } from './terminal-guard-io.ts';

export interface MonitorOptions {
  /** What is known now. */
  readonly view: () => MonitorView;
  /** Told whenever that has changed. Returns the undoing. */
  readonly onNews: (listener: () => void) => () => void;
  /** For the map, when its page is opened. Must not reject. */
  readonly supernodes: () => Promise<readonly PlacedSupernode[]>;
  /** The person wants the ways to the other end of the call tested. */
  readonly testWays: () => void;
  readonly colour: boolean;
  /** Leave by itself after so long. */
  readonly forMs?: number;
}

/** Seconds that a chart shows. */
const CHART_SECONDS = 60;
const MAP_COLUMNS_MIN = 60;
const MAP_ROWS_MIN = 10;

/** Shows the monitor until the person leaves. Needs a terminal. */
export async function showMonitor(options: MonitorOptions): Promise<void> {
  const { default: blessed } = await import('blessed');
  const { default: worldMap } = await import('blessed-contrib/lib/widget/map.js');
  const { default: lineChart } = await import('blessed-contrib/lib/widget/charts/line.js');
  const guard = guardTerminal();
  const screen = openedQuietly(blessed);
  const leaving = onLeaving(screen, keysOf('leave'));
  const box = (top: number, left: number, width: number, height: number): Box => {
    const made = blessed.box({ top, left, width, height, wrap: false });
    screen.append(made);
    return made;
  };
  const picture = new MonitorPicture(screen, { box, lineChart, worldMap }, options);
  let undo = (): void => {};
  try {
    undo = options.onNews(() => picture.news());
    screen.on('resize', () => picture.rebuild());
    for (const { keys, act } of MONITOR_KEYS) if (act !== 'leave') screen.key(keys, () => picture.act(act));
    picture.rebuild();
    const { forMs } = options;
    await Promise.race([leaving.ended, ...(forMs === undefined ? [] : [sleep(forMs, undefined, { ref: false })])]);
  } finally {
    undo();
    picture.end();
    leaving.release();
    screen.destroy();
    guard.release();
  }
}

function keysOf(wanted: MonitorAct): readonly string[] {
  return MONITOR_KEYS.find(({ act }) => act === wanted)?.keys ?? [];
}

interface Widgets {
  readonly box: (top: number, left: number, columns: number, rows: number) => Box;
  readonly lineChart: typeof LineChart;
  readonly worldMap: typeof WorldMap;
}

/** The page that is shown, and how to fill it again: widgets are made when page or size change, and filled each second. */
class MonitorPicture {
  readonly #screen: Screen;
  readonly #widgets: Widgets;
  readonly #options: MonitorOptions;
  #page: Page = 'call';
  #before: Page = 'call';
  #view: MonitorView;
  #paused = false;
  #scrolled = 0;
  #placed: readonly PlacedSupernode[] = [];
  #over = false;
  #fill = (): void => {};

  constructor(screen: Screen, widgets: Widgets, options: MonitorOptions) {
    this.#screen = screen;
    this.#widgets = widgets;
    this.#options = options;
    this.#view = options.view();
  }

  news(): void {
    if (this.#paused || this.#over) return;
    this.#view = this.#options.view();
    this.#fill();
    this.#screen.render();
  }

  end(): void {
    this.#over = true;
  }

  act(act: MonitorAct): void {
    const turn = (step: number): void => {
      const at = Math.max(0, PAGES.indexOf(this.#page));
      this.#show(PAGES[(at + step + PAGES.length) % PAGES.length] ?? 'call');
    };
    if (act === 'next') turn(1);
    else if (act === 'previous') turn(-1);
    else if (act === 'up' || act === 'down') this.#scroll(act === 'up' ? -1 : 1);
    else if (act === 'pause') this.#pause();
    else if (act === 'test') this.#options.testWays();
    else if (act === 'help') this.#show(this.#page === 'help' ? this.#before : 'help');
    else if (act === 'redraw') {
      this.#screen.realloc();
      this.rebuild();
    } else if (act !== 'leave') this.#show(act);
  }

  /** Everything anew: another page, another size, or a terminal that somebody else wrote into. */
  rebuild(): void {
    if (this.#over) return;
    for (const child of [...this.#screen.children]) child.destroy();
    const { width, height } = this.#screen;
    const title = this.#widgets.box(0, 0, width, 1);
    this.#widgets.box(height - 1, 0, width, 1).setContent(keyLine(width));
    const body = this.#body();
    this.#fill = () => {
      title.setContent(titleLine(this.#page, this.#paused, width));
      body();
    };
    this.#fill();
    this.#screen.render();
  }

  #show(page: Page): void {
    if (this.#page !== 'help') this.#before = this.#page;
    this.#page = page;
    this.#scrolled = 0;
    this.rebuild();
    if (page !== 'map') return;
    void this.#options.supernodes().then((placed) => {
      this.#placed = placed;
      if (this.#page === 'map') this.rebuild();
    });
  }

  #pause(): void {
    this.#paused = !this.#paused;
    if (!this.#paused) this.#view = this.#options.view();
    this.#fill();
    this.#screen.render();
  }

  #scroll(lines: number): void {
    this.#scrolled = Math.max(0, this.#scrolled + lines);
    this.#fill();
    this.#screen.render();
  }

  /** Makes the widgets of the page; returns how they are filled. */
  #body(): () => void {
    const { width, height } = this.#screen;
    const rows = Math.max(1, height - 2);
    if (this.#page === 'map') return this.#mapBody(width, rows);
    const places = this.#page === 'call' ? chartPlaces(width, height) : undefined;
    if (places) return this.#chartsBody(places);
    const text = this.#widgets.box(1, 0, width, rows);
    return () => {
      const lines = this.#textLines(width);
      this.#scrolled = Math.min(this.#scrolled, Math.max(0, lines.length - rows));
      text.setContent(cut(lines.slice(this.#scrolled, this.#scrolled + rows), width));
    };
  }

  #textLines(width: number): string[] {
    const view = this.#view;
    if (this.#page === 'help') return folded(helpLines(width), width);
    if (this.#page === 'network') return folded(networkLines(view, width), width);
    if (this.#page === 'log') return folded(logLines(view), width);
    const words = folded([...callLines(view), '', ...logLines(view)], width);
    return [...figureLines(view, width, this.#screen.tput.unicode), ...words];
  }

  #chartsBody(places: NonNullable<ReturnType<typeof chartPlaces>>): () => void {
    const titles = places.map(({ top, left, columns }) => this.#widgets.box(top, left, columns, 1));
    const canvases = places.slice(0, -1).map(({ top, left, columns, rows }) => {
      const chart = this.#widgets.lineChart({
        ...{ top: top + 1, left, width: columns, height: rows - 1 },
        ...{ numYLabels: 3, xPadding: 8, xLabelPadding: 4 },
        style: { line: 'cyan', text: 'normal', baseline: 'normal' },
      });
      // The widget leaves a frame of three columns and two rows for labels of a border that there is not.
      chart.calcSize = () => {
        chart.canvasSize = { width: 2 * columns, height: 4 * (rows - 1) };
      };
      appendPlainly(this.#screen, chart, this.#options.colour);
      return chart;
    });
    const words = places.at(-1);
    if (!words) return () => {};
    const { top, left, columns, rows } = words;
    const text = this.#widgets.box(top + 1, left, columns, rows - 1);
    return () => {
      for (const [at, chart] of charts(this.#view.samples, CHART_SECONDS).entries()) {
        const room = places[at]?.columns ?? 1;
        titles[at]?.setContent(cut([fittingTitle(chart.title, room)], room));
        canvases[at]?.setData([lineOf(chart)]);
      }
      const lines = folded([...callLines(this.#view), '', ...logLines(this.#view)], columns);
      text.setContent(cut(lines.slice(0, rows - 1), columns));
    };
  }

  #mapBody(width: number, rows: number): () => void {
    if (width >= MAP_COLUMNS_MIN && rows >= MAP_ROWS_MIN) {
      const { colour } = this.#options;
      drawMap(this.#screen, this.#widgets.worldMap, this.#placed, { columns: width, rows, colour });
      return () => {};
    }
    const text = this.#widgets.box(1, 0, width, rows);
    return () => {
      const lines = this.#placed.length > 0 ? panelLines(this.#placed) : ['no supernode is known yet'];
      this.#scrolled = Math.min(this.#scrolled, Math.max(0, lines.length - rows));
      text.setContent(cut(lines.slice(this.#scrolled, this.#scrolled + rows), width));
    };
  }
}

/** Nothing measured yet is a line at nought. */
function lineOf({ values }: Chart): { x: string[]; y: number[] } {
  const y = values.length > 0 ? [...values] : [0];
  return { x: y.map((_, at) => (at === 0 && y.length > 1 ? `-${y.length - 1}s` : ' ')), y };
}

/** At blanks, so that no sentence ends in the middle of a word at the edge. */
function folded(lines: readonly string[], columns: number): string[] {
  return lines.flatMap((line) => wrap(line, columns));
}

/** A line that is longer than the box would be wrapped or run on. */
function cut(lines: readonly string[], columns: number): string {
  return lines.map((line) => [...line].slice(0, columns).join('')).join('\n');
}
