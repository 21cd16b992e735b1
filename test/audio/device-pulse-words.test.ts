/** What the programs of PulseAudio print, as version 16.1 does. */
import { describe, expect, it } from 'vitest';
import { chosenOf, deviceIn, readDefault, readDevices, tellsOfDevices } from '../../src/audio/device-pulse-words.ts';

const SOURCES = `Source #0
	State: RUNNING
	Name: speaker.monitor
	Description: Monitor of Speaker
	Driver: module-null-sink.c
	Monitor of Sink: speaker
	Properties:
		device.description = "Monitor of Speaker"

Source #3
	State: SUSPENDED
	Name: alsa_input.usb-Headset.mono
	Description: USB Headset, Mono
	Monitor of Sink: n/a
`;
const INFO = 'Server Name: pulseaudio\nDefault Sink: speaker\nDefault Source: alsa_input.usb-Headset.mono\nCookie: a\n';

describe('what pactl prints', () => {
  it('is devices with name, description, and whether they are the default or hear a speaker', () => {
    expect(readDefault(INFO, 'sink')).toBe('speaker');
    expect(readDevices(SOURCES, readDefault(INFO, 'source'))).toEqual([
      {
        name: 'speaker.monitor',
        description: 'Monitor of Speaker',
        isDefault: false,
        isMonitor: true,
        isChosen: false,
      },
      {
        name: 'alsa_input.usb-Headset.mono',
        description: 'USB Headset, Mono',
        isDefault: true,
        isMonitor: false,
        isChosen: false,
      },
    ]);
    expect(readDevices('Connection failure: Connection refused', undefined)).toEqual([]);
    expect(readDefault('', 'source')).toBeUndefined();
  });

  it('tells when devices come, go or become the default, and not of volumes and streams', () => {
    expect(tellsOfDevices("Event 'new' on sink #2\n")).toBe(true);
    expect(tellsOfDevices("Event 'new' on client #1\nEvent 'change' on server #4294967295\n")).toBe(true);
    expect(
      tellsOfDevices("Event 'change' on sink #2\nEvent 'new' on sink-input #7\nEvent 'remove' on client #1\n"),
    ).toBe(false);
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
});

it('where a stream is stands in the words of its program', () => {
  expect(deviceIn('Connected to device speaker (index: 1, suspended: no).')).toBe('speaker');
  expect(deviceIn('Stream moved to device head (2, not suspended).\u001b[K')).toBe('head');
  expect(deviceIn('Time: 0.035 sec; Latency: 16258 usec.')).toBeUndefined();
});
