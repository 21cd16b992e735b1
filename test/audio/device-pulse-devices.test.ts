/** Devices of a PulseAudio server as its lists have them. */
import { describe, expect, it } from 'vitest';
import { tellsOfDevices } from '../../src/audio/device-pulse.ts';
import {
  chosenOf,
  chosenPair,
  devicesIn,
  hearsOurSpeaker,
  microphonesFirst,
  type PulseDevices,
} from '../../src/audio/device-pulse-devices.ts';
import { NO_INDEX, TagReader, TagWriter } from '../../src/audio/device-pulse-tags.ts';
import { putDevice } from '../support/pulse-fake.ts';

function sourcesIn(list: readonly (readonly [string, string, string | undefined])[], theDefault?: string) {
  const values = new TagWriter();
  for (const [name, description, monitorOf] of list) putDevice(values, name, description, monitorOf);
  return devicesIn(new TagReader(values.bytes), theDefault);
}

const SOURCES = sourcesIn(
  [
    ['speaker.monitor', 'Monitor of Speaker', 'speaker'],
    ['alsa_input.usb-Headset.mono', 'USB Headset, Mono', undefined],
    ['virtual.monitor', 'Monitor of Virtual', 'virtual'],
  ],
  'alsa_input.usb-Headset.mono',
);
const DEVICES: PulseDevices = {
  sources: SOURCES,
  sinks: sourcesIn([
    ['speaker', 'Speaker', undefined],
    ['alsa_output.usb-Headset.stereo', 'USB Headset', undefined],
    ['virtual', 'Virtual', undefined],
  ]),
  defaults: { source: 'alsa_input.usb-Headset.mono', sink: 'speaker' },
};

describe('a list of devices', () => {
  it('has name, description, what is the default, and which sink a monitor hears', () => {
    expect(SOURCES.map(({ name, isDefault, monitorOf }) => [name, isDefault, monitorOf])).toEqual([
      ['speaker.monitor', false, 'speaker'],
      ['alsa_input.usb-Headset.mono', true, undefined],
      ['virtual.monitor', false, 'virtual'],
    ]);
    expect(SOURCES[0]).toMatchObject({ description: 'Monitor of Speaker', isMonitor: true, isChosen: false });
  });

  it('that is cut short or none gives what is whole', () => {
    const values = new TagWriter();
    putDevice(values, 'a', 'A', undefined);
    putDevice(values, 'b', 'B', undefined);
    expect(devicesIn(new TagReader(values.bytes.subarray(0, -3)), undefined).map(({ name }) => name)).toEqual(['a']);
    expect(devicesIn(new TagReader(new TagWriter().u32(NO_INDEX).string(undefined).bytes), undefined)).toEqual([]);
  });

  it('has microphones before what hears a speaker', () => {
    expect(microphonesFirst(SOURCES)[0]?.name).toBe('alsa_input.usb-Headset.mono');
  });
});

describe('a chosen name', () => {
  it('is a name or description, or a part of one, and the whole goes before the part', () => {
    const devices = [
      { name: 'headset.monitor', description: 'Monitor' },
      { name: 'headset', description: 'USB Thing' },
    ];
    expect(chosenOf(devices, 'headset')?.name).toBe('headset');
    expect(chosenOf(devices, 'usb th')?.name).toBe('headset');
    expect(chosenOf(devices, 'HEADSET')?.name).toBe('headset.monitor');
    expect(chosenOf(devices, 'camera')).toBeUndefined();
  });

  it('of a headset is both its sides, of a speaker the speaker alone, and of a microphone may be a monitor', () => {
    const both = (name: string) => chosenPair(DEVICES, { capture: name, playback: name, either: true });
    expect(both('headset')).toEqual({
      capture: 'alsa_input.usb-Headset.mono',
      playback: 'alsa_output.usb-Headset.stereo',
    });
    expect(both('speaker')).toEqual({ capture: undefined, playback: 'speaker' });
    expect(chosenPair(DEVICES, { capture: 'virtual', playback: undefined, either: false })).toEqual({
      capture: 'virtual.monitor',
      playback: undefined,
    });
  });
});

it('a monitor of the speaker that is played on is known from other sources', () => {
  expect(hearsOurSpeaker(DEVICES, 'speaker.monitor', 'speaker')).toBe(true);
  expect(hearsOurSpeaker(DEVICES, 'virtual.monitor', 'speaker')).toBe(false);
  expect(hearsOurSpeaker(DEVICES, 'alsa_input.usb-Headset.mono', 'speaker')).toBe(false);
  expect(hearsOurSpeaker(DEVICES, undefined, undefined)).toBe(false);
});

it('events tell when devices come, go or become the default, and not of loudness and streams', () => {
  const [fresh, changed, gone] = [0x00, 0x10, 0x20];
  const [sink, source, stream, client, server, card] = [0, 1, 2, 5, 7, 9];
  for (const event of [sink | fresh, source | gone, card | fresh, server | changed])
    expect(tellsOfDevices(event)).toBe(true);
  for (const event of [sink | changed, stream | fresh, client | gone]) expect(tellsOfDevices(event)).toBe(false);
});
