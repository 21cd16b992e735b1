/** What every component of the screen is drawn from. */
import type { KeyContext } from '../key-bindings.ts';
import type { Layout } from '../layout.ts';
import type { Glyphs } from '../theme.ts';
import type { World } from '../update/world.ts';

export interface ViewProps {
  readonly world: World;
  readonly layout: Layout;
  readonly context: KeyContext;
  readonly glyphs: Glyphs;
}
