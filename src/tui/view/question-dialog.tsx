/** Questions before something that cannot be taken back: remove, block, sign out, quit during a call. */
import { QUESTION_COLUMNS, type Question, questionRows, titleOf } from '../rows/question-rows.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

export const QuestionDialog = (props: ViewProps & { readonly dialog: Question }) => {
  const { world, context, glyphs, dialog } = props;
  const { rows } = questionRows(world.app, world.ui, dialog, context);
  const place = dialogPlace(props, QUESTION_COLUMNS, rows.length);
  return (
    <DialogFrame title={titleOf(dialog)} glyphs={glyphs} place={place} tone="warn">
      <Lines rows={rows} />
    </DialogFrame>
  );
};
