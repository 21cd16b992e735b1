/**
 * What a person wants of sound, command by command: the SPEC, echo, noise and gain, which devices there are, and the meter
 * outside of calls. The settings are kept by `agent-sound.ts`; running calls and the meter follow each change. `agent.ts` hands in
 * the commands.
 */
import type { AgentCalls } from './agent-calls.ts';
import type { AgentCore } from './agent-core.ts';
import { changeSound, listDevices } from './agent-sound.ts';
import { SoundMeter } from './agent-sound-meter.ts';
import type { AgentCommand } from './port.ts';

type SoundCommand = Extract<
  AgentCommand,
  { type: 'audio.set' | 'sound.set' | 'sound.devices' | 'sound.listen' | 'sound.attach' }
>;

export function isSoundCommand(command: AgentCommand): command is SoundCommand {
  return command.type === 'audio.set' || command.type.startsWith('sound.');
}

export class SoundDesk {
  readonly #core: AgentCore;
  readonly #calls: Pick<AgentCalls, 'specChanged' | 'soundChanged' | 'endpoint'>;
  readonly #meter: SoundMeter;

  constructor(core: AgentCore, calls: Pick<AgentCalls, 'specChanged' | 'soundChanged' | 'endpoint'>) {
    this.#core = core;
    this.#calls = calls;
    this.#meter = new SoundMeter(core);
  }

  /** What the command resolves with; throws `Refusal('disk-full')`. */
  handle(command: SoundCommand): unknown {
    switch (command.type) {
      case 'audio.set':
        this.#choose(command.spec);
        return null;
      case 'sound.set': {
        const sound = changeSound(this.#core, command);
        this.#calls.soundChanged();
        this.#meter.changed();
        return sound;
      }
      case 'sound.devices':
        return listDevices(this.#core);
      case 'sound.listen':
        this.#meter.listen();
        return null;
      case 'sound.attach':
        this.#calls.endpoint.look();
        this.#meter.changed();
        return null;
    }
  }

  /** The voice end of a call has the devices, and tells of them. */
  callBegins(): void {
    void this.#meter.end();
  }

  /** The agent ends. */
  close(): Promise<void> {
    return this.#meter.end();
  }

  #choose(spec: string): void {
    const { audio } = this.#core.state;
    this.#core.options.profile.settings.set({ audioSpec: spec });
    this.#calls.endpoint.declined();
    this.#core.emit({ type: 'audio.changed', audio: { ...this.#core.state.audio, spec } });
    this.#calls.specChanged(spec, audio.spec);
    this.#meter.changed();
  }
}
