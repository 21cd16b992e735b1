/** Chooses the dialog that is open, if one is, and hands it what every part of the screen gets. */
import { AddDialog } from './add-dialog.tsx';
import { CallsDialog } from './calls-dialog.tsx';
import { CopyDialog } from './copy-dialog.tsx';
import { DevicesDialog } from './devices-dialog.tsx';
import { FindDialog } from './find-dialog.tsx';
import { GatherDialog } from './gather-dialog.tsx';
import { GroupDialog } from './group-dialog.tsx';
import { HelpOverlay } from './help-overlay.tsx';
import { KeysDialog } from './keys-dialog.tsx';
import { PaletteDialog } from './palette-dialog.tsx';
import { PresenceMenu } from './presence-menu.tsx';
import { QuestionDialog } from './question-dialog.tsx';
import { SearchDialog } from './search-dialog.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { SoundDialog } from './sound-dialog.tsx';
import { TransferDialog } from './transfer-dialog.tsx';
import type { ViewProps } from './view-props.ts';

export const Dialogs = (props: ViewProps) => {
  const { dialog } = props.world.ui;
  switch (dialog?.type) {
    case 'help':
      return <HelpOverlay {...props} dialog={dialog} />;
    case 'search':
      return <SearchDialog {...props} dialog={dialog} />;
    case 'find':
      return <FindDialog {...props} dialog={dialog} />;
    case 'add':
      return <AddDialog {...props} dialog={dialog} />;
    case 'gather':
      return <GatherDialog {...props} dialog={dialog} />;
    case 'palette':
      return <PaletteDialog {...props} dialog={dialog} />;
    case 'copy':
      return <CopyDialog {...props} dialog={dialog} />;
    case 'group':
      return <GroupDialog {...props} dialog={dialog} />;
    case 'settings':
      return <SettingsDialog {...props} dialog={dialog} />;
    case 'keys':
      return <KeysDialog {...props} dialog={dialog} />;
    case 'devices':
      return <DevicesDialog {...props} dialog={dialog} />;
    case 'transfer':
      return <TransferDialog {...props} dialog={dialog} />;
    case 'calls':
      return <CallsDialog {...props} dialog={dialog} />;
    case 'sound':
      return <SoundDialog {...props} dialog={dialog} />;
    case 'presence':
      return <PresenceMenu {...props} dialog={dialog} />;
    case 'confirm':
    case 'quit':
      return <QuestionDialog {...props} dialog={dialog} />;
    default:
      return null;
  }
};
