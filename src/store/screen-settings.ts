/**
 * The settings that screens act on and the agent only keeps: it tells them in `AppState.settings`, so that every screen
 * has them, also one of another machine. Part of `Settings`; their rows stand in `settings-table.ts`. Pure data.
 */

export const SCREEN_MODES = ['auto', 'full', 'plain', 'screen-reader'] as const;

export interface ScreenSettings {
  /** What `wren` shows without a flag: the full screen, lines, or lines for a screen reader. */
  readonly screenMode: (typeof SCREEN_MODES)[number];
  /** BEL. */
  readonly alertBell: boolean;
  /** Notifications of the terminal; `auto`: where the terminal is known to have them. */
  readonly alertOsc9: 'auto' | 'on' | 'off';
  readonly alertOsc777: 'auto' | 'on' | 'off';
  /** Through tmux, wrapped; `auto`: where tmux says that it lets them through. */
  readonly alertTmux: 'auto' | 'on' | 'off';
  /** What is worth an alert. */
  readonly alertCalls: boolean;
  readonly alertMessages: boolean;
  readonly alertConnection: boolean;
  /** An alert says what was written, not only by whom. */
  readonly alertText: boolean;
}

export const DEFAULT_SCREEN_SETTINGS: ScreenSettings = {
  screenMode: 'auto',
  alertBell: true,
  alertOsc9: 'auto',
  alertOsc777: 'auto',
  alertTmux: 'auto',
  alertCalls: true,
  alertMessages: true,
  alertConnection: true,
  alertText: false,
};

/** Those of them that an object holds, for whoever tells them. */
export function screenSettingsOf(settings: ScreenSettings): ScreenSettings {
  const keys = Object.keys(DEFAULT_SCREEN_SETTINGS) as (keyof ScreenSettings)[];
  return Object.fromEntries(keys.map((key) => [key, settings[key]])) as unknown as ScreenSettings;
}
