/**
 * The settings as rows: one line each with what is set, and below them what the chosen one means, in words. What has a
 * place of its own (sound, keys, devices) is opened from here. `update/settings-commands.ts` changes what they show.
 */
import { type AppState, chosenDevices } from '../../store/state.ts';
import { keyOf } from '../key-bindings.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';
import type { UiState } from '../ui-state.ts';
import { presenceWord, servingWords } from '../wording.ts';

export const SETTING_ITEMS = [
  'sound',
  'talk',
  'watch',
  'keys',
  'theme',
  'mouse',
  'presence',
  'callers',
  'pathTests',
  'history',
  'supernode',
  'devices',
  'safety',
  'alertCalls',
  'alertMessages',
  'alertConnection',
  'alertBell',
] as const;
export type SettingItem = (typeof SETTING_ITEMS)[number];

const LABELS: Readonly<Record<SettingItem, string>> = {
  sound: 'Sound',
  talk: 'Microphone',
  watch: 'Left open',
  keys: 'Keys',
  theme: 'Theme',
  mouse: 'Mouse',
  presence: 'You are',
  callers: 'Who may call',
  pathTests: 'Path tests',
  history: 'Messages',
  supernode: 'Supernode',
  devices: 'Devices',
  safety: 'Safety words',
  alertCalls: 'Alert: calls',
  alertMessages: 'Alert: chats',
  alertConnection: 'Alert: offline',
  alertBell: 'Alert: bell',
};
const LABEL_COLUMNS = 15;

export interface SettingsStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
}

export function settingsRows(
  app: AppState,
  ui: UiState,
  chosen: number,
  { columns, glyphs }: SettingsStyle,
): readonly Row[] {
  return SETTING_ITEMS.map((item, index): Row => {
    const isChosen = index === chosen;
    const row = spread(
      [
        span(isChosen ? `${glyphs.chosen} ` : '  ', 'accent'),
        span(LABELS[item].padEnd(LABEL_COLUMNS), 'muted'),
        span(valueWords(item, app, ui)),
      ],
      opens(item) ? [span('...', 'muted')] : [],
      columns,
    );
    return isChosen ? inReverse(row, columns) : row;
  });
}

/** True for what has a place of its own. */
function opens(item: SettingItem): boolean {
  return ['sound', 'keys', 'presence', 'devices', 'safety', 'supernode'].includes(item);
}

function valueWords(item: SettingItem, app: AppState, ui: UiState): string {
  switch (item) {
    case 'sound': {
      const { input, output } = chosenDevices(app.audio.spec);
      if (app.audio.spec !== 'default' && !app.audio.spec.startsWith('device:')) return app.audio.spec;
      return `${input || 'default'} in, ${output || 'default'} out`;
    }
    case 'talk':
      return app.audio.talk?.talk === 'push' ? 'push to talk: calls begin muted' : 'open in calls';
    case 'watch':
      return watchWords(app);
    case 'keys':
      return keysWords(ui);
    case 'theme':
      return ui.preferences.theme === 'auto' ? `auto: ${backgroundWords(ui)}` : ui.preferences.theme;
    case 'mouse':
      return ui.preferences.mouse ? 'on' : 'off';
    case 'presence':
      return presenceWord(app.presence);
    case 'callers':
      return 'your buddies, nobody else';
    case 'pathTests':
      return app.privacy === undefined ? 'unknown' : app.privacy.pathTests ? 'allowed to buddies' : 'refused';
    case 'history':
      return historyWords(app);
    case 'supernode':
      return app.serving ? `${app.serving.consent}; ${servingWords(app)}` : 'unknown';
    case 'devices':
      return devicesWords(app);
    case 'safety':
      return ui.selected === '' ? 'choose a buddy first' : `with ${ui.selected}`;
    case 'alertCalls':
    case 'alertMessages':
    case 'alertConnection':
    case 'alertBell':
      return app.settings === undefined ? 'unknown' : app.settings[item] ? 'on' : 'off';
  }
}

function watchWords({ audio: { talk } }: AppState): string {
  if (!talk || talk.watch === 'off') return 'not watched';
  const after = `after ${talk.watchMinutes} min`;
  return talk.watch === 'warn' ? `warn ${after}` : `warn ${after}, then close it`;
}

function keysWords({ preferences, problems }: UiState): string {
  const { length } = Object.keys(preferences.keys);
  const changed = length === 0 ? 'as they came' : length === 1 ? 'one is yours' : `${length} are yours`;
  return problems.length === 0 ? changed : `${changed}; ${problems.length} cannot be used`;
}

function backgroundWords({ background }: UiState): string {
  return background === 'light' ? 'light background' : "the terminal's own colours";
}

function historyWords({ history }: AppState): string {
  if (!history) return 'unknown';
  if (history.protection === 'secret-store') return 'encrypted on this machine';
  return history.protection === 'locked' ? 'encrypted, and locked now' : 'plain files, for your user only';
}

function devicesWords({ devices }: AppState): string {
  if (!devices) return 'no list yet: sign in again';
  const online = devices.list.filter((one) => one.online).length;
  return `${devices.list.length}, of which ${online} online`;
}

/** What the chosen one means; one paragraph. */
export function settingWords(item: SettingItem, app: AppState, ui: UiState): string {
  const more = keyOf('tune.more', 'tuning', ui.keys);
  switch (item) {
    case 'sound':
      return 'Devices with a live meter, echo, noise, gain, and a test call.';
    case 'talk':
      return 'A terminal does not tell when a key is let go: one push opens the microphone, the next closes it.';
    case 'watch':
      return 'What becomes of a microphone that is open though nobody speaks here, or no screen is there.';
    case 'keys':
      return ui.problems[0] ?? 'Every key can be another one. They are kept in screen.json of the profile.';
    case 'theme':
      return 'auto, terminal (its own 16 colours), dark, light, contrast (no faint text), plain (no colour).';
    case 'mouse':
      return 'Clicks choose and the wheel scrolls; selecting text then needs Shift in most terminals.';
    case 'presence':
      return 'What others see; invisible looks offline and still receives. Sign out is there too.';
    case 'callers':
      return 'Whoever is not on your list can ask to be added, no more. b in the list blocks somebody.';
    case 'pathTests':
      return 'Your buddies may find out which way a call to you would take; nothing rings. Your address is in it.';
    case 'history':
      return app.history?.why ?? 'How what was said lies on the disk.';
    case 'supernode':
      return supernodeWords(app);
    case 'devices':
      return 'The machines of your account; one that was lost can be shut out for ever.';
    case 'safety':
      return `Compare them in a call: the same words mean nobody stands between you. ${more} shows them.`;
    case 'alertCalls':
      return 'Tell you of a call, also outside of this window: bell, notification, a program of yours.';
    case 'alertMessages':
      return 'Tell you of a message. While you are on do not disturb, nothing alerts.';
    case 'alertConnection':
      return 'Tell you when the connection to the network is lost, and when it is back.';
    case 'alertBell':
      return 'The bell of the terminal. "wren settings" has notifications (OSC 9, 777, tmux) and programs to run.';
  }
}

/** The role, its bounds, and what it costs now. */
function supernodeWords({ serving }: AppState): string {
  if (!serving) return 'This agent tells nothing of it.';
  const by = serving.consentBy === 'environment' ? 'Set by WREN_SUPERNODE. ' : '';
  const { cost, caps } = serving;
  if (!cost)
    return `${by}At most ${caps.clients} people and ${caps.relayKbps} kbit/s, if it ever serves. ${serving.why}`;
  const relayed = (cost.relayedBytes / 1_000_000).toFixed(1);
  const memory = Math.round(cost.memoryBytes / 1_048_576);
  return `${by}Now ${cost.clients} of ${caps.clients} people, ${relayed} MB relayed, ${Math.round(cost.cpuPercent)} % of a core, ${memory} MiB.`;
}
