/** Keys of the settings. What belongs to the agent is asked of it and shown when it says so; the rest is the screen's own. */
import type { AppState } from '../../store/state.ts';
import { SETTING_ITEMS, type SettingItem } from '../rows/settings-rows.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { THEME_CHOICES } from '../themes.ts';
import type { Dialog, UiState } from '../ui-state.ts';
import { lineAfter, valueAfter } from './choices.ts';
import { preferenceChanged } from './preference-changes.ts';
import { noticed, request, type Step, step, type World } from './world.ts';

const WATCHES = ['off', 'warn', 'close'] as const;

export const SETTINGS_HANDLERS = {
  'settings.open': ({ ui }: World): Step => step(ui.dialog ? ui : { ...ui, dialog: settingsAt('sound') }),
} as const;

/** The settings with this line chosen: where dialogs that were opened from it lead back. */
export function settingsAt(item: SettingItem): Dialog {
  return { type: 'settings', chosen: SETTING_ITEMS.indexOf(item) };
}

export function settingsMoved({ ui }: World, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'settings') return ui;
  return { ...ui, dialog: { ...dialog, chosen: lineAfter(dialog.chosen, by, SETTING_ITEMS.length) } };
}

export function settingsChanged(world: World, by: 1 | -1): Step {
  const { app, ui } = world;
  if (ui.dialog?.type !== 'settings') return step(ui);
  const item = SETTING_ITEMS[ui.dialog.chosen] ?? 'sound';
  const closed = { ...ui, dialog: null };
  const plain = { for: 'plain', detail: '' } as const;
  switch (item) {
    case 'sound':
      return { ...step(ui), next: 'sound.open' };
    case 'keys':
      return step({ ...ui, dialog: { type: 'keys', filter: EMPTY_EDITOR, chosen: 0, capturing: false, error: '' } });
    case 'presence':
      return { ...step(closed), next: 'presence.open' };
    case 'devices':
      return step({ ...ui, dialog: { type: 'devices', chosen: 0 } });
    case 'safety':
      return { ...step(closed), next: 'safety.open' };
    case 'supernode':
      return serving(world);
    case 'theme':
      return preferenceChanged(ui, { theme: valueAfter(THEME_CHOICES, ui.preferences.theme, by) });
    case 'mouse':
      return preferenceChanged(ui, { mouse: !ui.preferences.mouse });
    case 'talk':
      return step(ui, request({ type: 'talk.set', talk: app.audio.talk?.talk === 'push' ? 'open' : 'push' }, plain));
    case 'watch':
      return step(
        ui,
        request({ type: 'talk.set', watch: valueAfter(WATCHES, app.audio.talk?.watch ?? 'warn', by) }, plain),
      );
    case 'pathTests':
      return step(ui, request({ type: 'privacy.set', pathTests: app.privacy?.pathTests === false }, plain));
    case 'history':
      return step(ui, request({ type: 'history.encrypt', encryption: encryptionAfter(world) }, plain));
    case 'callers':
      return step(ui);
    case 'alertCalls':
    case 'alertMessages':
    case 'alertConnection':
    case 'alertBell': {
      const value = app.settings?.[item] === false ? 'on' : 'off';
      return step(ui, request({ type: 'settings.set', key: item, value }, plain));
    }
  }
}

/** What is locked is asked for again rather than given up. */
function encryptionAfter({ app }: World): 'auto' | 'off' | 'again' {
  if (app.history?.protection === 'locked') return 'again';
  return app.history?.protection === 'secret-store' ? 'off' : 'auto';
}

function serving(world: World): Step {
  const { app, ui } = world;
  if (!app.serving) return step(ui);
  if (app.serving.consentBy === 'environment') {
    return step(noticed(world, ui, 'WREN_SUPERNODE settles that: change it where the agent is started.', 'warn'));
  }
  return step({ ...ui, dialog: servingQuestion(app) });
}

/** Serving is agreed to after the question that says what it costs, never by a key alone. */
export function servingQuestion({ serving }: AppState): Dialog {
  const isAgreed = serving?.role === 'supernode' || serving?.consent === 'always' || serving?.answer === 'yes';
  return { type: 'confirm', what: isAgreed ? 'serve-no-more' : 'serve', name: '' };
}
