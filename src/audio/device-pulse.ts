/**
 * Sound through a PulseAudio server, or PipeWire in its place, by its native protocol over a socket. On Linux this is 20 to
 * 40 ms quicker than PortAudio and survives its drivers' faults (measured); and it needs no program or library of the system.
 * The face of the one owner of PulseAudio (`device-pulse-*.ts`): `device-choice.ts` asks `findPulse` and opens what is here.
 */
import type { Capture, DeviceEvents, Playback } from './device.ts';
import { PulseConnection } from './device-pulse-connection.ts';
import { type PulseDevices, readDevices } from './device-pulse-devices.ts';
import { openMicrophone } from './device-pulse-microphone.ts';
import { COMMAND } from './device-pulse-packets.ts';
import { type Environment, type PulseAddress, pulseAddresses, pulseCookie } from './device-pulse-server.ts';
import { openSpeaker } from './device-pulse-speaker.ts';
import { DEVICE_EVENTS_GATHER_MS } from './params.ts';

/** A server that answers. */
export interface Pulse {
  readonly address: PulseAddress;
  readonly cookie: Uint8Array;
  /** What the environment (PULSE_SOURCE, PULSE_SINK) chooses where nobody else does. */
  readonly source: string | undefined;
  readonly sink: string | undefined;
}

/** The first that answers, or undefined. Nothing is started. */
export async function findPulse(env: Environment): Promise<Pulse | undefined> {
  const addresses = pulseAddresses(env);
  if (addresses.length === 0) return undefined;
  const common = { cookie: pulseCookie(env), source: env.PULSE_SOURCE || undefined, sink: env.PULSE_SINK || undefined };
  for (const address of addresses) {
    const pulse = { ...common, address };
    try {
      (await connect(pulse)).close();
      return pulse;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

function connect({ address, cookie }: Pulse): Promise<PulseConnection> {
  return PulseConnection.open(address, cookie);
}

/** All devices and the defaults, as the environment changes those. Rejects with AudioFailure when the server is gone. */
export async function lookAtPulse(pulse: Pulse): Promise<PulseDevices> {
  const connection = await connect(pulse);
  try {
    const { defaults, ...devices } = await readDevices(connection);
    return {
      ...devices,
      defaults: { source: pulse.source ?? defaults.source, sink: pulse.sink ?? defaults.sink },
    };
  } finally {
    connection.close();
  }
}

/** What `subscribe` is asked to tell of: sinks, sources, the server, cards. */
const SUBSCRIPTION = 0x0001 | 0x0002 | 0x0080 | 0x0200;
const [SINK, SOURCE, SERVER, CARD] = [0, 1, 7, 9];
const CHANGED = 0x10;

/** Whether an event is about devices coming, going or becoming the default, and not about loudness. */
export function tellsOfDevices(event: number): boolean {
  const [what, how] = [event & 0x0f, event & 0x30];
  return what === SERVER ? how === CHANGED : how !== CHANGED && (what === SINK || what === SOURCE || what === CARD);
}

/**
 * Calls `onChange` some milliseconds after devices came, went or became the default, until `end`, and `onEnd` once when the
 * server dies before. Rejects with AudioFailure when it is gone already.
 */
export async function watchPulse(
  pulse: Pulse,
  { onChange, onEnd }: { readonly onChange: () => void; readonly onEnd: () => void },
): Promise<{ end(): void }> {
  const connection = await connect(pulse);
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearTimeout(timer);
    connection.close();
  };
  connection.listen({
    onSamples: () => undefined,
    onCommand: (command, values) => {
      if (command !== COMMAND.subscribeEvent || timer || !tellsOfDevices(values.u32())) return;
      timer = setTimeout(() => {
        timer = undefined;
        onChange();
      }, DEVICE_EVENTS_GATHER_MS);
    },
    onEnd: () => {
      clearTimeout(timer);
      onEnd();
    },
  });
  try {
    await connection.ask(COMMAND.subscribe, (values) => values.u32(SUBSCRIPTION));
  } catch (thrown) {
    end();
    throw thrown;
  }
  return { end };
}

/**
 * Opens the microphone `capture`, for a call whose speaker is `playback` (by the server's names, undefined for its
 * default). Rejects with AudioFailure.
 */
export async function openPulseCapture(
  pulse: Pulse,
  { capture, playback }: { readonly capture?: string | undefined; readonly playback?: string | undefined },
  events: DeviceEvents,
): Promise<Capture> {
  const choice = { device: capture ?? pulse.source, speaker: playback ?? pulse.sink };
  return openMicrophone(await connect(pulse), choice, events);
}

/** Opens the speaker (`device` by the server's name, undefined for its default). Rejects with AudioFailure. */
export async function openPulsePlayback(
  pulse: Pulse,
  device: string | undefined,
  events: DeviceEvents,
): Promise<Playback> {
  return openSpeaker(await connect(pulse), device ?? pulse.sink, events);
}
