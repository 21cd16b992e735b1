/** The devices of the account as rows: label, whether it is there, since when it belongs to the account. */
import type { AppState, DevicesReport } from '../../store/state.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';
import { dateWords } from '../wording.ts';

export interface DeviceRowsStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
}

/** Enough of an id to tell two devices of one label apart, and to type at `wren devices revoke`. */
const ID_DIGITS = 8;
/** Below so many columns the id would leave no room for the label. */
const NARROW = 48;

/** Those that are here now, but for this one. */
export function otherDevices({ devices }: AppState): DevicesReport['list'] {
  return devices?.list.filter(({ thisOne, online }) => online && !thisOne) ?? [];
}

export function deviceRows(
  list: DevicesReport['list'],
  chosen: number,
  { columns, glyphs }: DeviceRowsStyle,
): readonly Row[] {
  return list.map(({ id, label, thisOne, online, addedAtMs }, index): Row => {
    const isChosen = index === chosen;
    const here = thisOne ? 'this one' : online ? 'online' : 'away';
    const row = spread(
      [
        span(isChosen ? `${glyphs.chosen} ` : '  ', 'accent'),
        span(`${online ? glyphs.presence.online : glyphs.presence.offline} `, online ? 'good' : 'muted'),
        span(label, 'strong'),
        span(`  ${here}`),
      ],
      [
        span(columns < NARROW ? '' : `${id.slice(0, ID_DIGITS)}  `, 'muted'),
        span(`since ${dateWords(addedAtMs)}`, 'muted'),
      ],
      columns,
    );
    return isChosen ? inReverse(row, columns) : row;
  });
}
