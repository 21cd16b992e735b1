/**
 * When the microphone of a call is open: push-to-talk, where calls begin muted, and the watchdog against one that was
 * forgotten (`microphone-watch.ts`). Both are settings of the profile and stand in `AppState.audio.talk`. `agent.ts` hands in the
 * command `talk.set`, `agent-calls.ts` asks at the beginning of a call and with each level that a voice end tells.
 */
import type { AgentCore } from './agent-core.ts';
import type { Line } from './call-line.ts';
import type { AgentCommand } from './port.ts';
import { type Settings, talkOf } from './settings-file.ts';
import type { Call, TalkSettings } from './state.ts';

type TalkChange = Omit<Extract<AgentCommand, { type: 'talk.set' }>, 'type'>;

/** Remembers the change and tells it; gives all as it is now. Throws `Refusal('disk-full')`. */
export function changeTalk(core: AgentCore, { talk, watch, watchMinutes, detach }: TalkChange): TalkSettings {
  const change: Partial<Settings> = {
    ...(talk === undefined ? {} : { talk }),
    ...(watch === undefined ? {} : { microphoneWatch: watch }),
    ...(watchMinutes === undefined ? {} : { microphoneWatchMinutes: watchMinutes }),
    ...(detach === undefined ? {} : { detach }),
  };
  const { settings } = core.options.profile;
  if (Object.keys(change).length > 0) settings.set(change);
  const now = talkOf(settings.get());
  core.emit({ type: 'audio.changed', audio: { ...core.state.audio, talk: now } });
  return now;
}

/** True with push-to-talk: the microphone of a call is closed until somebody opens it. A service has no person. */
export function beginsMuted(core: AgentCore): boolean {
  return core.options.service === undefined && core.options.profile.settings.get().talk === 'push';
}

/** Looks after the microphone of this call and says what a person should know; true when it is to be muted. */
export function watchMicrophone(core: AgentCore, line: Line, call: Call, speaking: boolean): boolean {
  const settings = talkOf(core.options.profile.settings.get());
  const isOpen = line.hasMicrophone && call.phase === 'running' && !call.muted && core.options.service === undefined;
  const attended = core.options.attended?.() ?? true;
  const wish = { watch: settings.watch, minutes: settings.watchMinutes };
  const act = line.watch.look(performance.now(), { open: isOpen, speaking, attended }, wish);
  const { leftOpen } = line.watch;
  if (leftOpen !== call.leftOpen) {
    const { leftOpen: _before, ...rest } = call;
    core.emit({ type: 'call.changed', call: leftOpen === undefined ? rest : { ...rest, leftOpen } });
  }
  if (act === undefined) return false;
  const why = leftOpen === 'quiet' ? 'nobody spoke here' : 'no screen was open';
  core.notice(
    act === 'warn' ? 'microphone-left-open' : 'microphone-closed',
    `call with ${call.peer}, ${why} for ${settings.watchMinutes} min`,
  );
  return act === 'close';
}
