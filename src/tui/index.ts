/** The face of the screen: what `bin` may import. */
export { runScreen, type ScreenOptions } from './run-screen.tsx';
