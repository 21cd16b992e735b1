/** What line mode asks: the questions before what cannot be taken back, and the steps of the first-run walk. Pure. */
import type { SafetyReport } from '../../store/port.ts';
import { type AppState, currentCall } from '../../store/state.ts';
import { type Dialog, faceOf, type UiState, type WalkField, walkFieldsOf, walkStepOf } from '../ui-state.ts';
import { contextOf } from '../update/context.ts';
import type { World } from '../update/world.ts';
import type { Voice } from './voice.ts';

type Question = Extract<Dialog, { type: 'confirm' | 'quit' }>;

/** The question that is open now; empty for none. */
export function questionLines({ app, ui }: World, voice: Voice): readonly string[] {
  const { dialog } = ui;
  if (dialog?.type === 'quit') {
    const peer = currentCall(app)?.peer ?? '';
    const body = [`You are in a call with ${peer}. The call can go on without this program.`];
    const more = voice.isReader ? [] : ['hangup ends the call and quits, keep quits and keeps the call, stay goes on.'];
    return voice.ask('A call is running', [...body, ...more], ['hangup', 'keep', 'stay']);
  }
  if (dialog?.type !== 'confirm') return [];
  const title =
    dialog.what === 'verify' ? 'Safety words' : dialog.what === 'serve' ? 'A supernode here' : 'Please confirm';
  return voice.ask(title, bodyOf(dialog, app), ['yes', 'no']);
}

function bodyOf(dialog: Extract<Question, { type: 'confirm' }>, app: AppState): readonly string[] {
  switch (dialog.what) {
    case 'remove':
      return [`Remove ${dialog.name} from your buddies? Messages stay on this machine.`];
    case 'leave':
      return [`Leave ${dialog.name}? The others are told. What was said stays on this machine.`];
    case 'forget':
      return [`Take ${dialog.name} off the list? What was said stays on this machine.`];
    case 'erase':
      return [`Erase what was said with ${dialog.name}, and the calls, for good? Only here, not there.`];
    case 'block':
      return [`Block ${dialog.name}? They see you offline, and cannot write or call.`];
    case 'revoke':
      return [
        `Revoke ${dialog.name}? It is signed out and shut out of your account for ever: for a machine that was lost.`,
      ];
    case 'sign-out':
      return ['Sign out? You can be called again after signing in.'];
    case 'serve-no-more':
      return ['Serve the network no longer? Whoever uses this machine now is handed over first.'];
    case 'serve':
      return [serveQuestion(app)];
    case 'verify':
      return dialog.safety ? verifyLines(dialog.safety) : [];
  }
}

function serveQuestion({ serving }: AppState): string {
  const caps = serving ? `at most ${serving.caps.clients} people and ${serving.caps.relayKbps} kbit/s` : 'within caps';
  return (
    'May this machine help the network as a supernode, when it is needed? It passes on sealed packets and finds people ' +
    `for others: ${caps}. Its address, not your name, is then known to everybody in the network. ` +
    '"settings supernode never" ends it at any time.'
  );
}

function verifyLines({ name, safety, halves }: SafetyReport): readonly string[] {
  return [
    ...halves.map((half) => `${half.name}: ${half.words.join(' ')}`),
    ...(safety === 'changed' ? [`${name} HAS ANOTHER KEY THAN BEFORE.`] : []),
    `Does ${name} see the same words? Compare them in a call, or side by side.`,
  ];
}

const FIELDS: Readonly<Record<WalkField, readonly [label: string, note: string]>> = {
  name: ['Name', 'Six to 32 letters, digits, dots, underscores or hyphens, a letter first.'],
  displayName: ['Display name', 'It may stay empty.'],
  password: ['Password', 'What you type is not shown.'],
  again: ['Password again', ''],
};

/** What the walk asks for now, and what it says on the way; empty where it asks nothing new. */
export function walkLines(before: World, after: World, voice: Voice): readonly string[] {
  const { app, ui } = after;
  if (faceOf(app, ui) !== 'walk') return [];
  const now = walkPlace(app, ui);
  const { walk } = ui;
  const error = walk.error !== '' && walk.error !== before.ui.walk.error ? [walk.error] : [];
  if (walk.busySinceMs !== null) return before.ui.walk.busySinceMs === null ? ['One moment.'] : [];
  const was = faceOf(before.app, before.ui) === 'walk' ? walkPlace(before.app, before.ui) : '';
  const isSame = now === was && error.length === 0 && before.ui.walk.busySinceMs === null;
  return isSame ? [] : [...error, ...placeLines(app, ui, voice, was)];
}

function walkPlace(app: AppState, ui: UiState): string {
  const step = walkStepOf(app, ui);
  return step === 'account' ? `${ui.walk.mode} ${walkFieldsOf(ui.walk)[ui.walk.field]}` : step;
}

function placeLines(app: AppState, ui: UiState, voice: Voice, was: string): readonly string[] {
  const step = walkStepOf(app, ui);
  if (step === 'invite') {
    const welcome =
      was === '' ? ['Welcome to wren. To begin, join a network by its invite, which starts with "wren:".'] : [];
    return [...welcome, ...voice.field('Invite', 'Paste it, then Enter.')];
  }
  if (step === 'choice') {
    return voice.isReader
      ? ['Menu, 2 items.', '1 of 2: sign up, a new account.', '2 of 2: sign in, an account that I have.']
      : ['1  sign up: a new account', '2  sign in: an account that I have'];
  }
  const [label, note] = FIELDS[walkFieldsOf(ui.walk)[ui.walk.field] ?? 'name'];
  return voice.field(label, note);
}

/** What stands before the person's own typing, and whether that is hidden. */
export function promptOf({ app, ui }: World): { readonly text: string; readonly secret: boolean } {
  const context = contextOf(app, ui);
  if (context === 'confirming') return { text: 'yes or no: ', secret: false };
  if (context === 'quitting') return { text: 'hangup, keep or stay: ', secret: false };
  if (context === 'writing') return { text: `${ui.selected}> `, secret: false };
  if (faceOf(app, ui) !== 'walk') return { text: 'wren> ', secret: false };
  const step = walkStepOf(app, ui);
  if (step === 'choice') return { text: '1 or 2: ', secret: false };
  if (step === 'invite') return { text: 'Invite: ', secret: false };
  const field = walkFieldsOf(ui.walk)[ui.walk.field] ?? 'name';
  return { text: `${FIELDS[field][0]}: `, secret: field === 'password' || field === 'again' };
}
