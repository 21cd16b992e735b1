import { afterAll, describe, expect, it } from 'vitest';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { bytesOf, levelDb } from '../../src/audio/pcm.ts';
import type { FromVoice, LegLevel } from '../../src/audio/port.ts';
import { parseVoiceBody } from '../../src/audio/voice-body.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import { findDelay } from '../support/likeness.ts';
import { RoundTable, toneDb } from '../support/round-table.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { otherSpeech, speech, tone } from '../support/speech.ts';
import { keptPlayback, recordedCapture, runLoop } from '../support/voice-loop.ts';

const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);

const RATE_HZ = 16_000;
const NOTHING = new Int16Array(0);
const codecs: OpusCodec[] = [];
afterAll(() => {
  for (const codec of codecs) codec.close();
});
function codec(): OpusCodec {
  const opened = openOpus();
  codecs.push(opened);
  return opened;
}

/** No two are in a simple ratio, so that no product of the codec falls on another. -24 dBFS each. */
const TONES_HZ = [311, 433, 557, 727, 919, 1153, 1429, 1787] as const;
const PEAK = 2000;
const toneOf = (seat: number, seconds: number): Int16Array => tone(TONES_HZ[seat]!, seconds, PEAK);

/** The sharpest corner: a click is many times that of the sound around it. */
function corner(pcm: Int16Array): number {
  let most = 0;
  for (let at = 2; at < pcm.length; at++) most = Math.max(most, Math.abs(pcm[at]! - 2 * pcm[at - 1]! + pcm[at - 2]!));
  return most;
}

describe('a conference of eight', () => {
  const table = new RoundTable({ codec, voices: TONES_HZ.map((_, seat) => toneOf(seat, 8)) });
  table.join(7);
  table.run(7.5);

  it('lets everybody hear all others equally loud, and himself 40 dB less', () => {
    for (const [seat, own] of TONES_HZ.entries()) {
      const heard = table.heard(seat, 2, 7.4);
      const others = TONES_HZ.filter((hz) => hz !== own).map((hz) => toneDb(heard, hz));
      expect(Math.max(...others) - Math.min(...others), `seat ${seat}`).toBeLessThan(2);
      expect(Math.min(...others), `seat ${seat}`).toBeGreaterThan(-27);
      expect(toneDb(heard, own), `seat ${seat}`).toBeLessThan(Math.min(...others) - 40);
    }
  });

  it('makes for each leg one body of one size every 20 ms, at continuous media times', () => {
    for (let seat = 1; seat < 8; seat++) {
      const bodies = table.bodies[seat]!;
      expect(bodies).toHaveLength(375);
      for (const [n, { bytes, atMs }] of bodies.entries()) {
        expect(bytes).toHaveLength(60);
        expect(parseVoiceBody(bytes)).toMatchObject({ mediaTime: n * 2, muted: false });
        expect(atMs).toBe(n * 20);
      }
    }
  });

  it('tells level, voice and buffer of each leg', () => {
    const level = table.told[0]!.filter((message) => message.type === 'level').at(-1)!;
    expect(level.legs!.map(({ talker }) => talker)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const { db } of level.legs!) expect(Math.abs(db + 27)).toBeLessThanOrEqual(2);
    const stats = table.told[0]!.filter((message) => message.type === 'stats').slice(-7);
    expect(stats.map(({ talker }) => talker)).toEqual([undefined, 1, 2, 3, 4, 5, 6]);
    for (const { concealed, bufferMs } of stats) {
      expect(concealed).toBeLessThan(5);
      expect(bufferMs).toBeLessThan(45);
    }
    expect(table.told[0]!.filter((message) => message.type === 'first-sound')).toHaveLength(7);
    // Who does not mix sees a call of two.
    expect(table.told[3]!.filter((message) => message.type === 'level').at(-1)!.legs).toBeUndefined();
  });
});

describe('speech in a conference', () => {
  const said = (at: number): Int16Array => samples.subarray(at * RATE_HZ, (at + 4) * RATE_HZ);

  it('leaves nothing of a voice in what its owner hears, bit by bit', () => {
    const heard = [said(2), NOTHING].map((voice) => {
      const voices = [otherSpeech().samples.subarray(0, 4 * RATE_HZ), said(0), voice, said(5)];
      const table = new RoundTable({ codec, voices });
      table.join(3);
      table.run(4);
      expect(levelDb(table.heard(2, 1)), 'the others speak').toBeGreaterThan(-40);
      return { own: table.heard(2), other: table.heard(1) };
    });
    const [spoke, silent] = heard;
    expect(bytesOf(spoke!.own).equals(bytesOf(silent!.own))).toBe(true);
    expect(bytesOf(spoke!.other).equals(bytesOf(silent!.other))).toBe(false);
  });

  it('comes no more than 45 ms later than it would in a call of two', () => {
    const spoken = new Int16Array(RATE_HZ * 5);
    spoken.set(samples.subarray(0, RATE_HZ * 4), RATE_HZ);
    const jitterMs = (n: number): number => ((n * 7) % 11) / 2;
    const direct = runLoop({
      ...{ codecA: codec(), codecB: codec(), samples: spoken, seconds: 5 },
      network: (n) => 24 + jitterMs(n),
    });
    const voices = [NOTHING, spoken, NOTHING, NOTHING];
    const table = new RoundTable({ codec, voices, network: (_seat, _up, n) => 12 + jitterMs(n) });
    table.join(3);
    table.run(5);
    const piece = spoken.subarray(3 * RATE_HZ, 4 * RATE_HZ);
    const delayMs = (heard: Int16Array): number => findDelay(piece, heard.subarray(3 * RATE_HZ)) / 16;
    expect(delayMs(table.heard(2)) - delayMs(direct.heard)).toBeLessThan(45);
    expect(delayMs(table.heard(3)) - delayMs(direct.heard)).toBeLessThan(45);
  });

  it('does not clip when four shout at once', () => {
    const shout = (from: number): Int16Array => {
      const piece = samples.subarray(from * RATE_HZ, (from + 4) * RATE_HZ);
      const loudest = piece.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
      return piece.map((one) => Math.round((one * 30_000) / loudest));
    };
    const table = new RoundTable({ codec, voices: [NOTHING, shout(0), shout(1.3), shout(2.1), shout(3)] });
    table.join(4);
    table.run(4);
    const peak = table.heard(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    expect(peak).toBeLessThanOrEqual(Math.ceil(32_768 * 10 ** (-1 / 20)));
    expect(peak).toBeGreaterThan(20_000);
  });
});

describe('a call of two that becomes a conference', () => {
  it('goes on without a gap, no louder or quieter, and nobody comes or goes with a click', () => {
    const table = new RoundTable({ codec, voices: [toneOf(0, 8), toneOf(1, 8), toneOf(2, 8), toneOf(3, 8)] });
    table.run(6, (tick) => {
      if (tick === 100) table.join(2);
      if (tick === 175) table.mixer.leg(1, false);
      // The first leg goes, and a new one is there in the same moment.
      if (tick === 230) {
        table.mixer.leg(2, true);
        table.mixer.leg(0, false);
      }
    });
    expect(table.bodies[1]!.map(({ bytes }) => parseVoiceBody(bytes)!.mediaTime)).toEqual(
      Array.from({ length: 230 }, (_, n) => n * 2),
    );
    const mine = [table.heard(1, 1, 1.9), table.heard(1, 2.6, 3.4), table.heard(1, 3.7, 4.5)].map((heard) => [
      toneDb(heard, TONES_HZ[0]),
      toneDb(heard, TONES_HZ[2]),
    ]);
    expect(Math.abs(mine[0]![0]! - mine[1]![0]!)).toBeLessThan(1);
    expect(mine.map(([, other]) => other! > -28)).toEqual([false, true, false]);
    // Steady, two such tones have corners of 128 in sum and the codec adds its own.
    const steady = corner(table.heard(1, 2.6, 3.4));
    expect(corner(table.heard(1, 1, 4.55))).toBeLessThan(2.5 * steady);
    expect(corner(table.heard(0, 1, 6))).toBeLessThan(2.5 * corner(table.heard(0, 2.6, 3.4)));
    // Seat 3 talks with the mixer alone now.
    expect(toneDb(table.heard(3, 5.2, 6), TONES_HZ[0])).toBeGreaterThan(-28);
    expect(toneDb(table.heard(3, 5.2, 6), TONES_HZ[1])).toBeLessThan(-70);
    expect(table.told[0]!.filter((message) => message.type === 'level').at(-1)!.legs).toMatchObject([{ talker: 2 }]);
  });

  it('keeps who left out, and begins anew with whoever comes as the same talker', () => {
    const table = new RoundTable({ codec, voices: [NOTHING, toneOf(1, 4), toneOf(2, 4)] });
    table.join(2);
    table.run(1);
    table.mixer.leg(1, false);
    table.mixer.leg(1, true);
    table.run(1);
    const times = table.bodies[2]!.slice(50).map(({ bytes }) => parseVoiceBody(bytes)!.mediaTime);
    expect(times).toEqual(Array.from({ length: 50 }, (_, n) => n * 2));
    table.mixer.leg(1, false);
    table.run(0.4);
    expect(table.bodies[2]).toHaveLength(100);
    expect(toneDb(table.heard(1, 2.2, 2.4), TONES_HZ[2])).toBeLessThan(-60);
    expect(table.mixer.stats(0).refused).toBeGreaterThan(15);
  });
});

describe('one leg of a conference', () => {
  const others = (table: RoundTable): number[] => [
    toneDb(table.heard(1, table.heard(1).length / RATE_HZ - 0.4), TONES_HZ[2]),
    toneDb(table.heard(3, table.heard(3).length / RATE_HZ - 0.4), TONES_HZ[2]),
  ];

  function three(): RoundTable {
    const table = new RoundTable({ codec, voices: [0, 1, 2, 3].map((seat) => toneOf(seat, 6)) });
    table.join(3);
    table.run(1);
    return table;
  }

  it('is muted for all by the mixer, goes on hearing them and is still seen to speak', () => {
    const table = three();
    expect(Math.min(...others(table))).toBeGreaterThan(-28);
    table.mixer.muteLeg(1, true);
    table.run(1);
    expect(Math.max(...others(table))).toBeLessThan(-60);
    expect(toneDb(table.heard(2, 1.4, 2), TONES_HZ[1])).toBeGreaterThan(-28);
    const legs = table.told[0]!.filter((message) => message.type === 'level').at(-1)!.legs!;
    expect(legs[1]!.db).toBeGreaterThan(-30);
    table.mixer.muteLeg(1, false);
    table.run(1);
    expect(Math.min(...others(table))).toBeGreaterThan(-28);
  });

  it('is on hold alone: it gets no bodies, nobody hears it, the others go on; then it is back', () => {
    const table = three();
    table.mixer.holdLeg(1, true);
    table.run(1);
    expect(table.bodies.map((bodies) => bodies.length)).toEqual([0, 100, 50, 100]);
    expect(Math.max(...others(table))).toBeLessThan(-60);
    expect(corner(table.heard(1, 0.9, 1.5))).toBeLessThan(2 * corner(table.heard(1, 0.6, 0.9)));
    table.mixer.holdLeg(1, false);
    table.run(1);
    expect(Math.min(...others(table))).toBeGreaterThan(-28);
    expect(parseVoiceBody(table.bodies[2]!.at(-1)!.bytes)!.mediaTime).toBe(298);
  });

  it('has a rung of its own', () => {
    const table = three();
    table.mixer.reshape({ frameMs: 60, frameBytes: 117, copies: 0, distance: 1 }, 1);
    table.run(1.2);
    expect(table.bodies.map((bodies) => bodies.at(-1)?.bytes.length)).toEqual([undefined, 60, 120, 60]);
    expect(table.bodies[2]).toHaveLength(50 + 20);
    expect(toneDb(table.heard(2, 1.7, 2.2), TONES_HZ[3])).toBeGreaterThan(-28);
  });

  it('that sends rubbish, floods or falls silent changes nothing of what the others hear of each other', () => {
    const random = seededRandom(5);
    const heard = ['quiet', 'hostile'].map((kind) => {
      const voices = [NOTHING, toneOf(1, 4), NOTHING, toneOf(3, 4), NOTHING];
      const isHostile = kind === 'hostile';
      const network = (seat: number, up: boolean): number | undefined =>
        isHostile && up && seat === 4 ? undefined : 5;
      const table = new RoundTable({ codec, voices, network });
      table.join(4);
      table.run(3, (tick) => {
        if (!isHostile || tick < 50) return;
        for (let n = 0; n < 20; n++) {
          const bytes = random.bytes(60);
          // Half of it is dressed as what a body looks like: one frame of 20 ms, at any time.
          if (n % 2 === 0) bytes.set([0x14, tick, n, 0xff]);
          table.inject(2, Buffer.from(bytes));
        }
      });
      if (isHostile) expect(table.mixer.stats(1).refused).toBeGreaterThan(1000);
      return [table.heard(1), table.heard(3)];
    });
    for (const [n, hz] of [TONES_HZ[3], TONES_HZ[1]].entries())
      expect(toneDb(heard[1]![n]!.subarray(1.5 * RATE_HZ), hz)).toBeCloseTo(
        toneDb(heard[0]![n]!.subarray(1.5 * RATE_HZ), hz),
        0,
      );
  });
});

describe('a mix that moves', () => {
  /** Two mixers whose mixes carry different tones, so that one hears which of them is heard. */
  function member(): {
    readonly engine: VoiceEngine;
    readonly run: (ticks: number, from: readonly number[]) => void;
    readonly heard: () => Int16Array;
    readonly sent: number[];
  } {
    const engine = new VoiceEngine(codec(), undefined, codec);
    const speaker = keptPlayback();
    engine.attachCapture(recordedCapture(toneOf(0, 8)));
    engine.attachPlayback(speaker);
    const others = [1, 2, 3].map((seat) => {
      const other = new VoiceEngine(codec());
      other.attachCapture(recordedCapture(toneOf(seat, 8)));
      return other;
    });
    const sent = [0, 0, 0];
    let n = 0;
    const run = (ticks: number, from: readonly number[]): void => {
      for (const end = n + ticks; n < end; n++) {
        for (const [talker, other] of others.entries()) {
          other.tick(n * 20);
          for (const output of other.drain())
            if (output.type === 'body' && from.includes(talker)) engine.receive(n * 20 + 5, talker, output.bytes);
        }
        engine.tick(n * 20 + 10);
        for (const output of engine.drain()) if (output.type === 'body') sent[output.talker]!++;
      }
    };
    return { engine, run, heard: speaker.samples, sent };
  }

  it('is heard from the old mixer until the new one is, never from both, and both are sent to', () => {
    const { engine, run, heard, sent } = member();
    run(75, [0]);
    engine.leg(1, true, 1);
    run(25, [0]);
    run(25, [0, 1]);
    const late = heard().subarray(-4800);
    expect(toneDb(late, TONES_HZ[2])).toBeGreaterThan(-28);
    expect(toneDb(late, TONES_HZ[1])).toBeLessThan(-60);
    expect(sent).toEqual([125, 50, 0]);
    engine.leg(0, false);
    run(50, [1]);
    expect(sent).toEqual([125, 100, 0]);
    const all = heard();
    // Neither silence in between, nor both at once, nor a click.
    for (let at = RATE_HZ; at < all.length; at += 320) expect(levelDb(all.subarray(at, at + 320))).toBeGreaterThan(-31);
    for (let at = RATE_HZ; at < all.length; at += 320) expect(levelDb(all.subarray(at, at + 320))).toBeLessThan(-24);
    expect(corner(all.subarray(RATE_HZ))).toBeLessThan(2.5 * corner(all.subarray(2.2 * RATE_HZ)));
  });

  it('is heard from the new one when the old one goes before it, and moves to us likewise', () => {
    const { engine, run, heard } = member();
    run(50, [0]);
    engine.leg(1, true, 1);
    engine.leg(2, true, 1);
    run(10, [0]);
    engine.leg(0, false);
    run(60, [1, 2]);
    const late = heard().subarray(-8000);
    expect(toneDb(late, TONES_HZ[1])).toBeLessThan(-60);
    for (const seat of [2, 3]) expect(toneDb(late, TONES_HZ[seat]!)).toBeGreaterThan(-28);
  });

  it('goes on for those who are still with us when another mixes for us already', () => {
    const table = new RoundTable({ codec, voices: [0, 1, 2, 3].map((seat) => toneOf(seat, 6)) });
    table.join(2);
    table.run(1.5);
    // Seat 3 mixes from now on; seats 1 and 2 have not found it yet.
    table.mixer.leg(2, true, 1);
    table.run(1.5);
    const [first, second] = [table.heard(1, 2.2, 3), table.heard(2, 2.2, 3)];
    expect(toneDb(first, TONES_HZ[2])).toBeGreaterThan(-28);
    expect(toneDb(second, TONES_HZ[1])).toBeGreaterThan(-28);
    for (const heard of [first, second]) expect(toneDb(heard, TONES_HZ[3])).toBeLessThan(-60);
    const [ours, theirs] = [table.heard(0, 2.2, 3), table.heard(3, 2.2, 3)];
    expect(toneDb(ours, TONES_HZ[3])).toBeGreaterThan(-28);
    for (const seat of [1, 2])
      for (const heard of [ours, theirs]) expect(toneDb(heard, TONES_HZ[seat]!)).toBeLessThan(-60);
    expect(toneDb(theirs, TONES_HZ[0])).toBeGreaterThan(-28);
    // The new one fails: those of the old mix are heard again.
    table.mixer.leg(2, false);
    table.run(0.6);
    expect(toneDb(table.heard(0, 3.2), TONES_HZ[1])).toBeGreaterThan(-28);
  });
});

describe('whoever mixes', () => {
  it('can mute: the legs hear each other and nothing of us, and no body says that it is muted', () => {
    const table = new RoundTable({ codec, voices: [toneOf(0, 3), toneOf(1, 3), toneOf(2, 3)] });
    table.mixer.mute(true);
    table.join(2);
    table.run(2);
    expect(toneDb(table.heard(1, 1), TONES_HZ[0])).toBeLessThan(-70);
    expect(toneDb(table.heard(1, 1), TONES_HZ[2])).toBeGreaterThan(-28);
    expect(table.bodies[1]!.every(({ bytes }) => !parseVoiceBody(bytes)!.muted)).toBe(true);
    table.mixer.leg(1, false);
    table.run(0.2);
    expect(parseVoiceBody(table.bodies[1]!.at(-1)!.bytes)!.muted).toBe(true);
  });

  it('can be away: the legs go on, our devices are silent, a recording has the legs', () => {
    const table = new RoundTable({ codec, voices: [toneOf(0, 4), toneOf(1, 4), toneOf(2, 4)] });
    const recorded: [Int16Array, Int16Array][] = [];
    table.join(2);
    table.run(1);
    table.mixer.away(true);
    table.mixer.record({
      frame: (me, them) => recorded.push([me.slice(), them.slice()]),
      close: async () => undefined,
    });
    table.run(1);
    expect(levelDb(table.heard(0, 1.1))).toBe(-96);
    expect(toneDb(table.heard(1, 1.5), TONES_HZ[0])).toBeLessThan(-60);
    expect(toneDb(table.heard(1, 1.5), TONES_HZ[2])).toBeGreaterThan(-28);
    const them = Int16Array.from(recorded.slice(25).flatMap(([, frame]) => [...frame]));
    for (const seat of [1, 2]) expect(toneDb(them, TONES_HZ[seat]!)).toBeGreaterThan(-28);
    expect(recorded.slice(2).every(([me]) => levelDb(me) === -96)).toBe(true);
    table.mixer.away(false);
    table.run(1);
    expect(toneDb(table.heard(0, 2.5), TONES_HZ[1])).toBeGreaterThan(-28);
  });

  it('gives the echo canceller everything that the speaker plays as its far end', () => {
    const far: Int16Array[] = [];
    const filter = {
      ...{ kind: 'own' as const, use: () => undefined, forget: () => undefined, close: () => undefined },
      process: (_microphone: Int16Array, reference: Int16Array) => void far.push(reference.slice()),
    };
    const engine = new VoiceEngine(codec(), { filter: () => filter, denoiser: () => undefined }, codec);
    const speaker = keptPlayback();
    engine.attachCapture({ ...recordedCapture(tone(300, 3)), kind: 'pulse' });
    engine.attachPlayback({ ...speaker, kind: 'pulse' });
    engine.filter({ echo: 'auto', noise: 'auto', gain: 'off', headphones: false, inputGainDb: 0 });
    engine.leg(1, true);
    const talkers = [0, 1].map((seat) => {
      const talker = new VoiceEngine(codec());
      talker.attachCapture(recordedCapture(toneOf(seat + 1, 3)));
      return talker;
    });
    for (let n = 0; n < 100; n++) {
      for (const [talker, one] of talkers.entries()) {
        one.tick(n * 20);
        for (const output of one.drain()) if (output.type === 'body') engine.receive(n * 20 + 5, talker, output.bytes);
      }
      engine.tick(n * 20 + 10);
      engine.drain();
    }
    const reference = Int16Array.from(far.slice(-40).flatMap((frame) => [...frame]));
    for (const seat of [1, 2]) expect(toneDb(reference, TONES_HZ[seat]!)).toBeGreaterThan(-28);
  });

  it('has eight legs at most, closes the codec of each that goes, and does without those that cannot be had', () => {
    const open = new Set<OpusCodec>();
    const made = (): OpusCodec => {
      const one = codec();
      const counted: OpusCodec = { ...counting(one), close: () => void open.delete(counted) };
      open.add(counted);
      return counted;
    };
    const engine = new VoiceEngine(codec(), undefined, made);
    for (let talker = 1; talker <= 8; talker++) engine.leg(talker, true);
    expect(open.size).toBe(7);
    const told = (): LegLevel[] => {
      engine.tick(0);
      const level = engine.drain().find((output) => output.type === 'tell' && output.message.type === 'level');
      return [...((level as { message: Extract<FromVoice, { type: 'level' }> }).message.legs ?? [])];
    };
    expect(told().map(({ talker }) => talker)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (let round = 0; round < 20; round++) {
      engine.leg(3, false);
      engine.leg(3, true);
      expect(open.size).toBeLessThanOrEqual(8);
    }
    engine.tick(20);
    expect(open.size).toBe(7);
    engine.close();
    expect(open.size).toBe(0);

    const poor = new VoiceEngine(codec(), undefined, () => undefined);
    poor.leg(1, true);
    poor.receive(0, 1, Buffer.alloc(60));
    poor.tick(0);
    expect(poor.drain().filter((output) => output.type === 'body')).toHaveLength(1);
    expect(poor.stats()).toMatchObject({ refused: 1 });
    expect(() => poor.stats(1)).toThrow(RangeError);
  });
});

function counting(one: OpusCodec): OpusCodec {
  return {
    kind: one.kind,
    encode: (pcm, bytes) => one.encode(pcm, bytes),
    decode: (packet, durationMs, into) => one.decode(packet, durationMs, into),
    conceal: (into, durationMs) => one.conceal(into, durationMs),
    close: () => one.close(),
  };
}
