/**
 * The level of the microphone outside of calls, for a person who sets up sound: a voice end without a call listens while
 * somebody asks for it again every few seconds, and what it makes is thrown away. A call that begins takes over. `agent-sound-desk.ts`
 * hands in the command `sound.listen`; levels stand in `AppState.audio.meter` while it listens.
 */
import type { FromVoice } from '../audio/port.ts';
import { isFailureCode } from '../net/protocol/failures.ts';
import { SOUND_LISTEN_MS } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { soundSettings, soundTold } from './agent-sound.ts';
import type { VoiceEnd } from './voice-end.ts';

export class SoundMeter {
  readonly #core: AgentCore;
  #voice: VoiceEnd | undefined;
  #spec = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(core: AgentCore) {
    this.#core = core;
  }

  /** Listens from now on for SOUND_LISTEN_MS; not in a call, which has levels of its own, and not for a service. */
  listen(): void {
    const { calls, audio } = this.#core.state;
    if (this.#core.options.service || calls.some(({ phase }) => phase !== 'ended')) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.end(), SOUND_LISTEN_MS);
    if (!this.#voice) this.#begin();
    if (audio.spec !== this.#spec) this.#start(audio.spec);
  }

  /** What was chosen has changed. */
  changed(): void {
    if (!this.#voice) return;
    if (this.#core.state.audio.spec !== this.#spec) this.#start(this.#core.state.audio.spec);
    this.#voice.tell({ type: 'filters', ...soundSettings(this.#core) });
  }

  /** Lets go of the devices. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    const voice = this.#voice;
    if (!voice) return;
    this.#voice = undefined;
    this.#spec = '';
    const { meter, using, filters, ...audio } = this.#core.state.audio;
    this.#core.emit({ type: 'audio.changed', audio });
    await voice.stop();
  }

  #begin(): void {
    try {
      this.#voice = this.#core.options.makeVoice({
        // Nobody hears it.
        onBody: () => undefined,
        onMessage: (message) => {
          if (!this.#voice) return;
          if (message.type === 'level') this.#level(message);
          else if (message.type === 'using' || message.type === 'filters') soundTold(this.#core, message);
          else if (message.type === 'problem')
            this.#core.notice(isFailureCode(message.code) ? message.code : 'internal', message.detail);
        },
        onDeath: () => void this.end(),
      });
    } catch (error) {
      this.#core.options.log.error('sound', 'no voice process', {}, error);
    }
  }

  #level({ inputDb, outputDb, speaking }: Extract<FromVoice, { type: 'level' }>): void {
    this.#core.emit({ type: 'sound.level', inputDb, outputDb, speaking });
  }

  #start(spec: string): void {
    this.#spec = spec;
    // A file of a person is not played for a meter.
    if (spec.startsWith('file:')) return;
    this.#voice?.tell({ type: 'start', spec, call: '' });
    this.#voice?.tell({ type: 'filters', ...soundSettings(this.#core) });
  }
}
