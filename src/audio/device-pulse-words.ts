/**
 * What `pactl`, `parec` and `pacat` print, read (pure): devices of a list, the defaults, where a stream is, and whether an
 * event is about devices. `device-pulse.ts` runs the programs, with LC_ALL=C. Text that is none of this is no device.
 */
import type { SoundDevice } from './port.ts';

export type PulseSide = 'source' | 'sink';

/** The devices of `pactl list sources` or `sinks`; `defaultName` is one of `pactl info`. */
export function readDevices(text: string, defaultName: string | undefined): SoundDevice[] {
  const devices: { name: string; description: string; isDefault: boolean; isMonitor: boolean; isChosen: boolean }[] =
    [];
  for (const line of text.split('\n')) {
    const [, key, value = ''] = /^\s(Name|Description|Monitor of Sink): (.*)$/.exec(line) ?? [];
    const last = devices.at(-1);
    if (key === 'Name') {
      devices.push({
        name: value,
        description: value,
        isDefault: value === defaultName,
        isMonitor: false,
        isChosen: false,
      });
    } else if (key === 'Description' && last) last.description = value;
    else if (key === 'Monitor of Sink' && last) last.isMonitor = value !== 'n/a';
  }
  return devices;
}

/** The default of that side as `pactl info` tells it. */
export function readDefault(text: string, side: PulseSide): string | undefined {
  return new RegExp(`^Default ${side === 'sink' ? 'Sink' : 'Source'}: (.+)$`, 'm').exec(text)?.[1];
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

/** The device that a recorder or player says it plays on now; undefined when the line says nothing of it. */
export function deviceIn(line: string): string | undefined {
  return /^(?:Connected to device|Stream moved to device) (\S+) \(/.exec(line)?.[1];
}

/** Whether lines of `pactl subscribe` are about devices coming, going or becoming the default. */
export function tellsOfDevices(text: string): boolean {
  return /^Event '((new|remove)' on (sink|source|card)|change' on server) #/m.test(text);
}
