/**
 * The devices of a PulseAudio server: asked for over a connection, and chosen by name (pure). A monitor is a source that
 * hears what a sink plays.
 */
import type { Wanted } from './device.ts';
import type { PulseConnection } from './device-pulse-connection.ts';
import { COMMAND } from './device-pulse-packets.ts';
import { NO_INDEX, type TagReader } from './device-pulse-tags.ts';
import { PULSE_DEVICES_MAX } from './params.ts';
import type { SoundDevice } from './port.ts';

export interface PulseDevice extends SoundDevice {
  /** The sink that a monitor hears. */
  readonly monitorOf: string | undefined;
}

export interface PulseDevices {
  readonly sources: readonly PulseDevice[];
  readonly sinks: readonly PulseDevice[];
  readonly defaults: { readonly source: string | undefined; readonly sink: string | undefined };
}

/** Rejects with AudioFailure when the server is gone. */
export async function readDevices(connection: PulseConnection): Promise<PulseDevices> {
  const [server, sources, sinks] = await Promise.all([
    connection.ask(COMMAND.getServerInfo),
    connection.ask(COMMAND.getSourceInfoList),
    connection.ask(COMMAND.getSinkInfoList),
  ]);
  // Name and version of the program, the person, the machine, and how the server likes samples.
  server.skip(5);
  const [sink, source] = [server.string(), server.string()];
  return {
    sources: devicesIn(sources, source),
    // In the list of a sink the same place has the monitor that hears it.
    sinks: devicesIn(sinks, sink).map((one) => ({ ...one, isMonitor: false, monitorOf: undefined })),
    defaults: { sink, source },
  };
}

/** The entries of a list of sinks or sources, which have one form. */
export function devicesIn(values: TagReader, defaultName: string | undefined): PulseDevice[] {
  const devices: PulseDevice[] = [];
  while (!values.ended && devices.length < PULSE_DEVICES_MAX) {
    values.skip();
    const name = values.string();
    const description = values.string() ?? name;
    // Samples, channels, module, volume, mute.
    values.skip(5);
    const isMonitor = values.u32() !== NO_INDEX;
    const monitorOf = values.string();
    // Latency, driver, flags, properties, latency that was asked for.
    values.skip(5);
    if (values.broken || name === undefined) break;
    devices.push({
      name,
      description: description ?? name,
      isDefault: name === defaultName,
      isMonitor,
      isChosen: false,
      monitorOf: isMonitor ? monitorOf : undefined,
    });
  }
  return devices;
}

/** Whether this source hears that sink. */
export function hearsOurSpeaker(devices: PulseDevices, source: string | undefined, sink: string | undefined): boolean {
  const found = devices.sources.find(({ name }) => name === source);
  return found?.monitorOf !== undefined && found.monitorOf === sink;
}

type Named = Pick<SoundDevice, 'name' | 'description'>;

/** The first device whose name or description contains `wanted`, without case; one that is called just so before others. */
export function chosenOf<T extends Named>(devices: readonly T[], wanted: string): T | undefined {
  const folded = wanted.toLowerCase();
  const contains = (text: string): boolean => text.toLowerCase().includes(folded);
  return (
    devices.find(({ name, description }) => name === wanted || description === wanted) ??
    devices.find(({ name, description }) => contains(name) || contains(description))
  );
}

/**
 * What a name chooses on both sides. Microphones go before monitors; a name that means a speaker does not mean the monitor
 * of it too, but the default microphone.
 */
export function chosenPair({ sources, sinks }: PulseDevices, wanted: Wanted): Pick<Wanted, 'capture' | 'playback'> {
  const sink = wanted.playback === undefined ? undefined : chosenOf(sinks, wanted.playback)?.name;
  const heard = (one: PulseDevice): boolean => !(wanted.either && one.isMonitor && one.monitorOf === sink);
  const source =
    wanted.capture === undefined ? undefined : chosenOf(microphonesFirst(sources).filter(heard), wanted.capture)?.name;
  return { capture: source, playback: sink };
}

/** Few people mean what hears a speaker. */
export function microphonesFirst<T extends Pick<SoundDevice, 'isMonitor'>>(devices: readonly T[]): T[] {
  return [...devices].sort((a, b) => Number(a.isMonitor) - Number(b.isMonitor));
}
