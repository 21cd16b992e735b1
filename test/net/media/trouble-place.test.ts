/** Where the trouble of a call sits, and the sentence that says so. */
import { describe, expect, it } from 'vitest';
import { TroubleMemory, type TroubleSigns, troubleOf } from '../../../src/net/media/trouble-place.ts';

const FINE: TroubleSigns = {
  theyHearGaps: false,
  weHearGaps: false,
  silentMs: 0,
  lossInPct: 0,
  lossOutPct: 0,
  jitterMs: 2,
  queueOutMs: 0,
  queueInMs: 0,
  relayDrops: false,
  deviceFaults: false,
};

describe('the place of trouble', () => {
  it('is nowhere in a good call, also with loss that copies make good', () => {
    expect(troubleOf({ ...FINE, lossInPct: 8, lossOutPct: 8, relayDrops: true, deviceFaults: true })).toEqual({
      place: null,
      trouble: '',
    });
  });

  const they = { theyHearGaps: true };
  const we = { weHearGaps: true };
  it.each<[Partial<TroubleSigns>, string, string]>([
    [{ ...they, lossOutPct: 6 }, 'uplink', 'they hear gaps: your uplink loses 6 %'],
    [{ ...they, lossOutPct: 2.34 }, 'uplink', 'they hear gaps: your uplink loses 2.3 %'],
    [{ ...they, lossOutPct: 30, relayDrops: true }, 'relay', 'they hear gaps: the relay drops what is above its limit'],
    [{ ...they, lossOutPct: 5, queueOutMs: 812.4 }, 'queue', 'they hear gaps: 812 ms wait in a queue of your uplink'],
    [they, 'their device', 'they hear gaps, though your packets arrive: their machine or their Wi-Fi is late'],
    [{ ...we, lossInPct: 12.6 }, 'downlink', 'you hear gaps: your downlink loses 13 %'],
    [{ ...we, queueInMs: 400 }, 'queue', 'you hear gaps: 400 ms wait in a queue on the way to you'],
    [{ ...we, jitterMs: 55 }, 'downlink', 'you hear gaps: packets come in bursts, 55 ms apart from their time'],
    [{ ...we, deviceFaults: true }, 'our device', 'you hear gaps: your sound device does not keep up'],
    [we, 'our device', 'you hear gaps, though packets arrive: this machine is late'],
    [{ ...we, ...they, lossOutPct: 9, lossInPct: 9 }, 'uplink', 'they hear gaps: your uplink loses 9 %'],
    [{ queueInMs: 300 }, 'queue', 'no gaps, but a delay: 300 ms wait in a queue on the way to you'],
    [{ silentMs: 4_200, ...they }, 'downlink', 'nothing has come from them for 4 s'],
  ])('%o is the %s: %s', (signs, place, trouble) => {
    expect(troubleOf({ ...FINE, ...signs })).toEqual({ place, trouble });
  });
});

describe('what happened lately', () => {
  it('counts for three seconds, and a new voice child is no fault', () => {
    const memory = new TroubleMemory();
    const faulty = (now: number) => memory.signs(now, 0, 0).deviceFaults;
    memory.voiceTold(0, { overruns: 5, underruns: 5 });
    memory.voiceTold(500, { overruns: 5, underruns: 5 });
    expect(faulty(500)).toBe(false);
    memory.voiceTold(1_000, { overruns: 5, underruns: 6 });
    expect([faulty(1_000), faulty(3_900), faulty(4_000)]).toEqual([true, true, false]);
    memory.voiceTold(5_000, undefined);
    memory.voiceTold(5_500, { overruns: 1, underruns: 0 });
    expect(faulty(5_500)).toBe(false);
    memory.relayDropped(6_000);
    expect([memory.signs(8_999, 1, 2), memory.signs(9_000, 1, 2)]).toEqual([
      { queueOutMs: 1, queueInMs: 2, relayDrops: true, deviceFaults: false },
      { queueOutMs: 1, queueInMs: 2, relayDrops: false, deviceFaults: false },
    ]);
  });
});
