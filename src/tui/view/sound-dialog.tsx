/** Sound settings: devices, echo, noise and gain, a test call, and a meter that lives. */
import { innerColumns } from '../layout.ts';
import { soundMeterRows, soundRows } from '../rows/sound-rows.ts';
import { fitRow, type Row, span } from '../text/spans.ts';
import type { Dialog } from '../ui-state.ts';
import { DialogFrame, dialogPlace } from './dialog-frame.tsx';
import { Lines } from './line.tsx';
import type { ViewProps } from './view-props.ts';

const NOTHING: Row = [span('')];

export const SoundDialog = (props: ViewProps & { readonly dialog: Extract<Dialog, { type: 'sound' }> }) => {
  const { world, glyphs, dialog } = props;
  // Two meters in a call: as many rows at all times, so that nothing jumps.
  const place = dialogPlace(props, 72, 11);
  const style = { columns: innerColumns(place.columns), glyphs };
  const meters = soundMeterRows(world.app, style).map((row) => fitRow(row, style.columns));
  const settings = soundRows(world.app, dialog, style);
  // In a window of few rows the chosen one stays in sight, and the meter below it.
  const room = Math.max(1, place.rows - 2 - meters.length);
  const top = Math.max(0, Math.min(dialog.chosen - room + 1, settings.length - room));
  const gap = room > settings.length ? [NOTHING] : [];
  return (
    <DialogFrame title="Sound" glyphs={glyphs} place={place}>
      <Lines rows={[...settings.slice(top, top + room), ...gap, ...meters]} />
    </DialogFrame>
  );
};
