/** What `environment-rules.ts` finds mistyped in the environment is told, whatever the command. */
import { mistypedIn } from './environment-rules.ts';
import { UsageProblem } from './usage.ts';

/** Throws `UsageProblem`. */
export function checkEnvironment(env: NodeJS.ProcessEnv): void {
  const mistyped = mistypedIn(env);
  if (!mistyped) return;
  const { name, what, example } = mistyped;
  throw new UsageProblem(`${name} is not ${what}`, `${name}=${example}`);
}
