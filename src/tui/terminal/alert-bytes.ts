/**
 * An alert as bytes for a terminal: the bell, and the notifications that terminals know (OSC 9: iTerm2, kitty, WezTerm; OSC 777: foot,
 * urxvt, VTE, Ghostty). Inside tmux they are sent only where it lets them through. Pure.
 */
import { DEFAULT_SCREEN_SETTINGS, type ScreenSettings } from '../../store/state.ts';
import type { Alert } from '../alerts.ts';
import { throughTmux } from './tmux.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What may be sent to this terminal. */
export interface AlertWays {
  readonly bell: boolean;
  readonly osc9: boolean;
  readonly osc777: boolean;
  /** Wrapped for the terminal outside of tmux. */
  readonly wrapped: boolean;
}

/** `tmuxPasses`: tmux said so; false outside of it, and before it was asked. */
export function alertWays(settings: ScreenSettings | undefined, env: Environment, tmuxPasses: boolean): AlertWays {
  const { alertBell, alertOsc9, alertOsc777, alertTmux } = settings ?? DEFAULT_SCREEN_SETTINGS;
  const inTmux = (env.TMUX ?? '') !== '';
  const passes = !inTmux || alertTmux === 'on' || (alertTmux === 'auto' && tmuxPasses);
  const known = knownWays(env);
  return {
    bell: alertBell,
    osc9: passes && (alertOsc9 === 'on' || (alertOsc9 === 'auto' && known === 'osc9')),
    osc777: passes && (alertOsc777 === 'on' || (alertOsc777 === 'auto' && known === 'osc777')),
    wrapped: inTmux,
  };
}

/** Which of the two this terminal is known to have; one only, since whoever has both would show an alert twice. */
function knownWays(env: Environment): 'osc9' | 'osc777' | undefined {
  const { TERM = '', TERM_PROGRAM = '', LC_TERMINAL = '', VTE_VERSION = '', KITTY_WINDOW_ID = '' } = env;
  if (TERM === 'dumb' || TERM === 'linux') return undefined;
  if (/^(foot|rxvt|xterm-ghostty)/.test(TERM) || TERM_PROGRAM === 'ghostty' || VTE_VERSION !== '') return 'osc777';
  // LC_* is what ssh hands on, so iTerm2 is known beyond it too.
  const isOsc9 = /^(iTerm\.app|WezTerm)$/.test(TERM_PROGRAM) || LC_TERMINAL === 'iTerm2';
  return isOsc9 || TERM === 'xterm-kitty' || KITTY_WINDOW_ID !== '' ? 'osc9' : undefined;
}

/** All that is sent for one alert; empty when nothing may be. */
export function alertBytes({ text }: Alert, ways: AlertWays): string {
  // A digit and a semicolon in front would be another command of OSC 9, a semicolon in the title ends it in OSC 777.
  const said = text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ');
  const osc = [
    ...(ways.osc9 ? [`\x1b]9;wren: ${said}\x1b\\`] : []),
    ...(ways.osc777 ? [`\x1b]777;notify;wren;${said.replaceAll(';', ',')}\x1b\\`] : []),
  ].join('');
  const passed = osc !== '' && ways.wrapped ? throughTmux(osc) : osc;
  return (ways.bell ? '\x07' : '') + passed;
}
