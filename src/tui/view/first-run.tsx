/** The first-run walk: join a network, then sign up or in. One card in the middle of the screen. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { padRow, type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import { type Walk, type WalkField, walkFieldsOf, walkStepOf } from '../ui-state.ts';
import { Line, Lines } from './line.tsx';
import { secondsWords } from './search-dialog.tsx';
import { TextPrompt } from './text-prompt.tsx';
import type { ViewProps } from './view-props.ts';

const CARD_COLUMNS = 66;
const LABELS: Readonly<Record<WalkField, string>> = {
  name: 'Name',
  displayName: 'Shown as',
  password: 'Password',
  again: 'Once more',
};
const PLACEHOLDERS: Readonly<Record<WalkField, string>> = {
  name: '6 to 32 characters, such as bobby1',
  displayName: 'your name as others see it; may be empty',
  password: '8 characters or more',
  again: 'the same password',
};
const LABEL_COLUMNS = 13;
const BELOW_ROWS = 4;

export const FirstRun = ({ world, layout, glyphs }: ViewProps) => {
  const { app, ui, nowMs } = world;
  const { walk } = ui;
  const columns = Math.min(CARD_COLUMNS, ui.columns - 4);
  const walkStep = walkStepOf(app, ui);
  const low = ui.rows < 18;
  const height = layout.bodyRows;
  const below = belowRows(walk, columns, nowMs);
  return (
    <Box
      flexDirection="column"
      height={height}
      width={ui.columns}
      alignItems="center"
      justifyContent="center"
      flexShrink={0}
    >
      <Box flexDirection="column" width={columns} flexShrink={0}>
        <Lines rows={introRows(walkStep, walk, low, columns)} />
        {walkStep === 'invite' && (
          <Field label="Invite" mark={glyphs.chosen} active={walk.busySinceMs === null}>
            <TextPrompt
              editor={walk.invite}
              columns={columns - LABEL_COLUMNS}
              rowsMax={low ? 2 : 4}
              active={ui.dialog === null && walk.busySinceMs === null}
              placeholder="wren:..."
            />
          </Field>
        )}
        {walkStep === 'choice' && <Lines rows={choiceRows(walk, glyphs.chosen)} />}
        {walkStep === 'account' &&
          walkFieldsOf(walk).map((name, index) => {
            const active = index === walk.field && walk.busySinceMs === null && ui.dialog === null;
            return (
              <Field key={name} label={LABELS[name]} mark={glyphs.chosen} active={active}>
                <TextPrompt
                  editor={walk[name]}
                  columns={columns - LABEL_COLUMNS}
                  active={active}
                  placeholder={walk.mode === 'sign-in' ? '' : PLACEHOLDERS[name]}
                  {...(name === 'password' || name === 'again' ? { secret: glyphs.secret } : {})}
                />
              </Field>
            );
          })}
        {/* Always as high, so that the card does not jump when a sentence appears. */}
        <Lines rows={Array.from({ length: BELOW_ROWS }, (_, index) => below[index - 1] ?? [])} />
      </Box>
    </Box>
  );
};

interface FieldProps {
  readonly label: string;
  readonly mark: string;
  readonly active: boolean;
  readonly children: ReactNode;
}

const Field = ({ label, mark, active, children }: FieldProps) => (
  <Box flexShrink={0}>
    <Line row={padRow([span(`${active ? mark : ' '} ${label}`, active ? 'accent' : 'muted')], LABEL_COLUMNS)} />
    {children}
  </Box>
);

function introRows(
  walkStep: 'invite' | 'choice' | 'account',
  walk: Walk,
  low: boolean,
  columns: number,
): readonly Row[] {
  const brand: readonly Row[] = low
    ? []
    : [[span('wren', 'accent'), span('  calls and chat from the terminal', 'muted')], []];
  const text = (sentence: string): readonly Row[] => wrap(sentence, columns).map((line) => [span(line, 'muted')]);
  if (walkStep === 'invite') {
    return [
      ...brand,
      [span('Join a network', 'strong')],
      ...text('Paste the invite that you were given. It begins with "wren:".'),
      ...(low
        ? []
        : text(
            'Nobody gave you one? Run "wren up" in another terminal: it starts a network of your own and prints an invite.',
          )),
      [],
    ];
  }
  if (walkStep === 'choice') return [...brand, [span('Who are you?', 'strong')], []];
  return walk.mode === 'sign-up'
    ? [
        ...brand,
        [span('Make an account', 'strong')],
        ...(low ? [] : text('The password cannot be recovered: nobody but you has it.')),
        [],
      ]
    : [...brand, [span('Sign in', 'strong')], []];
}

function choiceRows(walk: Walk, mark: string): readonly Row[] {
  return (['I am new here: make an account', 'I have an account: sign in'] as const).map((words, index) => {
    const chosen = walk.chosen === index;
    return [span(chosen ? `${mark} ` : '  ', 'accent'), span(words, chosen ? 'strong' : 'plain')];
  });
}

function belowRows(walk: Walk, columns: number, nowMs: number): readonly Row[] {
  if (walk.busySinceMs !== null) {
    return [[span(`Talking to the network... ${secondsWords(nowMs - walk.busySinceMs)}`, 'muted')]];
  }
  return wrap(walk.error, columns).map((line) => [span(line, 'bad')]);
}
