/**
 * Variables of the environment that hold one of a few words, or a number: a mistyped one would be as if it were not set, and
 * `WREN_SUPERNODE=no` would let a machine serve whose owner does not want that. Apart from the sentence about it (`environment.ts`),
 * because the screen is opened without the command line where nothing is wrong.
 */

export interface Mistyped {
  readonly name: string;
  /** What it should be. */
  readonly what: string;
  readonly example: string;
}

const RULES: readonly (readonly [name: string, form: RegExp, what: string, example: string])[] = [
  ['WREN_SUPERNODE', /^(auto|always|never)$/, 'auto, always or never', 'never'],
  ['WREN_RELAY_KBPS', /^\d{1,8}$/, 'a whole number', '1000'],
  ['WREN_FAKE_CLOCK_OFFSET_MS', /^[+-]?\d{1,15}$/, 'a whole number', '259200000'],
];

/** The first that is not as it should be. An empty one is as good as none. */
export function mistypedIn(env: NodeJS.ProcessEnv): Mistyped | undefined {
  for (const [name, form, what, example] of RULES) {
    const value = env[name] ?? '';
    if (value !== '' && !form.test(value)) return { name, what, example };
  }
  return undefined;
}
