/**
 * Of blessed and blessed-contrib, which carry no types that fit, only what `world-map.ts` uses. Sizes are cells; a key
 * name is `q`, `escape`, `C-c`, `up`.
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

declare module 'blessed-contrib/lib/widget/map.js' {
  import type { BoxOptions, Node } from 'blessed';

  export interface WorldMap extends Node {
    /** There once the map is on a screen. */
    readonly ctx: { readonly _canvas: { frame(): string } };
    addMarker(marker: {
      readonly lat: number;
      readonly lon: number;
      readonly char: string;
      readonly color: string;
    }): void;
  }
  export default function worldMap(options: BoxOptions & { readonly style: { readonly shapeColor: string } }): WorldMap;
}
