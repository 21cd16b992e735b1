/** Changes of the person's own settings: judged as the file is, in force at once, and remembered. */
import { type Preferences, readPreferences } from '../preferences.ts';
import type { UiState } from '../ui-state.ts';
import { type Step, step } from './world.ts';

/** Trouble with sound is told once, until it is another, or sound has worked: whoever opens the screen again knows it. */
export function isTold({ preferences }: UiState, problem: string): boolean {
  return problem === '' || problem === preferences.toldProblem;
}

export function problemTold(ui: UiState, problem: string): Step {
  if (problem === ui.preferences.toldProblem) return step(ui);
  return preferenceChanged(ui, { toldProblem: problem });
}

export function preferenceChanged(ui: UiState, change: Partial<Preferences>): Step {
  const { preferences, keys, problems } = readPreferences({ ...ui.preferences, ...change });
  return step({ ...ui, preferences, keys, problems }, { type: 'save', change });
}
