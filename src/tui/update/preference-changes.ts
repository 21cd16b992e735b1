/** Changes of the person's own settings: judged as the file is, in force at once, and remembered. */
import { type Preferences, readPreferences } from '../preferences.ts';
import type { UiState } from '../ui-state.ts';
import { type Step, step } from './world.ts';

export function preferenceChanged(ui: UiState, change: Partial<Preferences>): Step {
  const { preferences, keys, problems } = readPreferences({ ...ui.preferences, ...change });
  return step({ ...ui, preferences, keys, problems }, { type: 'save', change });
}
