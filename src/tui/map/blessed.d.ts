/**
 * Of blessed and blessed-contrib, which carry no types that fit, only what `world-map.ts` and the monitor use. Sizes are
 * cells; a key name is `q`, `escape`, `C-c`, `up`.
 */
declare module 'blessed' {
  export interface BoxOptions {
    readonly top: number;
    readonly left: number;
    readonly width: number;
    readonly height: number;
    readonly content?: string;
    readonly wrap?: boolean;
    readonly scrollable?: boolean;
  }
  export interface Node {
    destroy(): void;
  }
  export interface Box extends Node {
    scroll(lines: number): void;
    setContent(content: string): void;
  }
  export interface Screen {
    readonly width: number;
    readonly height: number;
    readonly children: readonly Node[];
    readonly tput: { readonly unicode: boolean };
    append(node: Node): void;
    key(names: readonly string[], listener: () => void): void;
    on(event: 'resize', listener: () => void): void;
    realloc(): void;
    render(): void;
    destroy(): void;
  }
  const blessed: {
    screen(options: { readonly smartCSR: boolean }): Screen;
    box(options: BoxOptions): Box;
  };
  export default blessed;
}

declare module 'blessed-contrib/lib/widget/canvas.js' {
  import type { Node } from 'blessed';

  export interface CanvasWidget extends Node {
    /** There once the widget is on a screen. */
    readonly ctx: { readonly _canvas: { frame(): string } };
  }
}

declare module 'blessed-contrib/lib/widget/map.js' {
  import type { BoxOptions } from 'blessed';
  import type { CanvasWidget } from 'blessed-contrib/lib/widget/canvas.js';

  export interface WorldMap extends CanvasWidget {
    addMarker(marker: {
      readonly lat: number;
      readonly lon: number;
      readonly char: string;
      readonly color: string;
    }): void;
  }
  export default function worldMap(options: BoxOptions & { readonly style: { readonly shapeColor: string } }): WorldMap;
}

declare module 'blessed-contrib/lib/widget/charts/line.js' {
  import type { BoxOptions } from 'blessed';
  import type { CanvasWidget } from 'blessed-contrib/lib/widget/canvas.js';

  export interface LineChart extends CanvasWidget {
    /** Sets `canvasSize`, when the chart comes on a screen: dots, two a column and four a row. */
    calcSize(): void;
    canvasSize: { readonly width: number; readonly height: number };
    /** One label a value, a blank for none. At least one value. */
    setData(lines: readonly { readonly x: readonly string[]; readonly y: readonly number[] }[]): void;
  }
  export default function line(
    options: BoxOptions & {
      readonly style: { readonly line: string; readonly text: string; readonly baseline: string };
      readonly numYLabels: number;
      readonly xPadding: number;
      readonly xLabelPadding: number;
    },
  ): LineChart;
}
