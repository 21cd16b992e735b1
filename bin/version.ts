/** The version of the program, baked in when it is bundled; `0.0.0` when it runs from its sources, as in tests. */
declare const __WREN_VERSION__: string | undefined;

export const VERSION: string = typeof __WREN_VERSION__ === 'string' ? __WREN_VERSION__ : '0.0.0';
