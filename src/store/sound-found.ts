/** Reads the answers of the probe and the list (`audio/device-probe.ts`, `device-list.ts`): one JSON line from our own program, checked all the same. */
import * as v from 'valibot';
import type { SoundFound } from '../audio/device-probe.ts';
import type { SoundDevices } from '../audio/port.ts';

const Found = v.object({
  codec: v.picklist(['native', 'wasm']),
  backend: v.picklist(['portaudio', 'pulse', 'file', 'none', 'socket']),
  filter: v.picklist(['speex', 'own', 'none']),
  raised: v.exactOptional(v.boolean()),
});

const Device = v.object({
  name: v.string(),
  description: v.string(),
  isDefault: v.boolean(),
  isMonitor: v.boolean(),
  isChosen: v.boolean(),
});
const Devices = v.object({ backend: Found.entries.backend, inputs: v.array(Device), outputs: v.array(Device) });

export function readSoundFound(line: string): SoundFound | undefined {
  return read(Found, line);
}

export function readSoundDevices(line: string): SoundDevices | undefined {
  return read(Devices, line);
}

function read<T>(schema: v.GenericSchema<unknown, T>, line: string): T | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
