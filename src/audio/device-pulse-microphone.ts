/**
 * The microphone at a PulseAudio server. Without a choice it is the server's default, with one exception: where no microphone
 * is plugged in, the server's default is what its own speaker plays, and everybody would hear himself. That is refused,
 * also when the server moves a running stream there. What a person has chosen or made the default otherwise is taken as it is.
 */
import type { Capture, DeviceEvents } from './device.ts';
import type { PulseConnection } from './device-pulse-connection.ts';
import { hearsOurSpeaker, type PulseDevices, readDevices } from './device-pulse-devices.ts';
import { createRecord, StreamLife } from './device-pulse-stream.ts';
import { AudioFailure } from './failure.ts';
import { FrameQueue } from './frame-queue.ts';

export interface MicrophoneChoice {
  /** By the server's name; undefined: its default. */
  readonly device: string | undefined;
  /** The sink that is played on where nobody chose one; undefined: the server's default. */
  readonly speaker: string | undefined;
}

/** Opens the microphone on a connection of its own, which it ends. Rejects with AudioFailure. */
export async function openMicrophone(
  connection: PulseConnection,
  choice: MicrophoneChoice,
  events: DeviceEvents,
): Promise<Capture> {
  try {
    if (choice.device === undefined) {
      const devices = await readDevices(connection);
      if (isEcho(devices, choice, devices.defaults.source)) throw onlyMonitor(devices.defaults.source);
    }
    return await record(connection, choice, events);
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
}

async function record(connection: PulseConnection, choice: MicrophoneChoice, events: DeviceEvents): Promise<Capture> {
  const stream = await createRecord(connection, choice.device);
  const queue = new FrameQueue();
  /** Nothing is taken from a place that was not looked at. */
  let looking = 0;
  const life: StreamLife = new StreamLife(connection, stream, { side: 'microphone', device: choice.device }, events, {
    onSamples: (bytes) => {
      life.heard();
      if (looking > 0) return;
      for (let frames = queue.push(bytes); frames > 0; frames--) events.onFrame();
    },
    onMoved: () => {
      looking++;
      const look = async (): Promise<void> => {
        const devices = await readDevices(connection);
        looking--;
        const { name } = life;
        if (name !== choice.device && isEcho(devices, choice, name)) life.fail(cause(name), 'audio-only-monitor');
        else events.onMoved?.();
      };
      // Nothing is taken from a place that nobody can look at, and a person who is not heard must know.
      look().catch(() => life.fail('where it is now is not told'));
    },
  });
  await life.opened;
  return {
    kind: 'pulse',
    paced: true,
    get name() {
      return life.name;
    },
    read: () => queue.take(),
    // The device gathers for so long; that a frame must become whole is the frame's own.
    delayMs: stream.latencyMs / 2,
    get overruns() {
      return queue.lost;
    },
    close: async () => life.close(),
  };
}

function isEcho(devices: PulseDevices, { speaker }: MicrophoneChoice, source: string | undefined): boolean {
  return hearsOurSpeaker(devices, source, speaker ?? devices.defaults.sink);
}

function cause(source: string | undefined): string {
  return `there is only ${source ?? 'one'}, which hears what the speaker plays`;
}

function onlyMonitor(source: string | undefined): AudioFailure {
  return new AudioFailure('audio-only-monitor', `microphone: ${cause(source)}`);
}
