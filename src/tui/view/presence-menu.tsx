/** What others see of me, and signing out. */
import { innerColumns } from '../layout.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { presenceMenu } from '../update/dialog-commands.ts';
import { presenceWord, servingWords } from '../wording.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export const PresenceMenu = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'presence' }> }) => {
  const { world, glyphs, dialog } = props;
  const { app } = world;
  const menu = presenceMenu(app);
  const place = dialogPlace(props, 52, menu.length);
  const columns = innerColumns(place.columns);
  const rows = menu.map((choice, index): Row => {
    const chosen = index === dialog.chosen;
    const row =
      choice === 'sign-out'
        ? [span('  '), span(`sign out ${app.account?.name ?? ''}`)]
        : choice === 'serving'
          ? [span('  '), span('supernode'), span(`  ${servingWords(app)}`, 'muted')]
          : [
              span(`${glyphs.presence[choice]} `),
              span(presenceWord(choice), app.presence === choice ? 'strong' : 'plain'),
              span(choice === 'invisible' ? '  others see you offline' : '', 'muted'),
            ];
    const whole = spread(
      [span(chosen ? `${glyphs.chosen} ` : '  ', 'accent'), ...row],
      app.presence === choice ? [span('now', 'muted')] : [],
      columns,
    );
    return chosen ? inReverse(whole, columns) : whole;
  });
  return (
    <DialogFrame title="You" glyphs={glyphs} place={place}>
      <Lines rows={rows} />
    </DialogFrame>
  );
};
