/**
 * Variables of the environment that hold one of a few words, or a number: a mistyped one would be as if it were not set, and
 * `WREN_SUPERNODE=no` would let a machine serve whose owner does not want that. So it is told, whatever the command.
 */
import { UsageProblem } from './usage.ts';

const RULES: readonly (readonly [name: string, form: RegExp, what: string, example: string])[] = [
  ['WREN_SUPERNODE', /^(auto|always|never)$/, 'auto, always or never', 'never'],
  ['WREN_RELAY_KBPS', /^\d{1,8}$/, 'a whole number', '1000'],
  ['WREN_FAKE_CLOCK_OFFSET_MS', /^[+-]?\d{1,15}$/, 'a whole number', '259200000'],
];

/** Throws `UsageProblem`. An empty one is as good as none. */
export function checkEnvironment(env: NodeJS.ProcessEnv): void {
  for (const [name, form, what, example] of RULES) {
    const value = env[name] ?? '';
    if (value !== '' && !form.test(value)) throw new UsageProblem(`${name} is not ${what}`, `${name}=${example}`);
  }
}
