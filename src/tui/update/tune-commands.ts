/** Keys of lists whose lines are settings: the sound settings, and the settings of everything else. */
import { settingsChanged, settingsMoved } from './settings-commands.ts';
import { soundChanged, soundMoved, testCall } from './sound-commands.ts';
import { type Step, step, type World } from './world.ts';

export const TUNE_HANDLERS = {
  'tune.up': (world: World): Step => step(moved(world, -1)),
  'tune.down': (world: World): Step => step(moved(world, 1)),
  'tune.first': (world: World): Step => step(moved(world, Number.NEGATIVE_INFINITY)),
  'tune.last': (world: World): Step => step(moved(world, Number.POSITIVE_INFINITY)),
  'tune.more': (world: World): Step => changed(world, 1),
  'tune.less': (world: World): Step => changed(world, -1),
  'tune.test': (world: World): Step => (world.ui.dialog?.type === 'sound' ? testCall(world) : step(world.ui)),
  'tune.close': ({ ui }: World): Step => step({ ...ui, dialog: null }),
} as const;

function moved(world: World, by: number) {
  return world.ui.dialog?.type === 'settings' ? settingsMoved(world, by) : soundMoved(world.ui, by);
}

function changed(world: World, by: 1 | -1): Step {
  return world.ui.dialog?.type === 'settings' ? settingsChanged(world, by) : soundChanged(world, by);
}
