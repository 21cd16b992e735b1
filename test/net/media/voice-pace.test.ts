import { describe, expect, it } from 'vitest';
import { VoicePace } from '../../../src/net/media/voice-pace.ts';
import { VOICE_LATE_MS_MAX, VOICE_PACE_MS } from '../../../src/net/protocol/params.ts';

/** Plays bodies at these times; slots that come overdue are filled at once. Returns when and by whom each was sent. */
function play(bodiesAt: readonly number[], until: number): { at: number; slot: number; by: 'child' | 'filler' }[] {
  const pace = new VoicePace(0);
  const sent: { at: number; slot: number; by: 'child' | 'filler' }[] = [];
  const fillUntil = (now: number) => {
    while (pace.fillAt <= now) {
      const at = pace.fillAt;
      const time = pace.overdue(at);
      if (time !== undefined) sent.push({ at, slot: time / 2, by: 'filler' });
    }
  };
  for (const at of bodiesAt) {
    fillUntil(at - 1e-9);
    const time = pace.take(at, VOICE_PACE_MS);
    if (time !== undefined) sent.push({ at, slot: time / 2, by: 'child' });
  }
  fillUntil(until);
  return sent;
}

const everyTwenty = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i * VOICE_PACE_MS);

describe('the pace of voice', () => {
  it('passes a punctual child through untouched', () => {
    const sent = play(everyTwenty(0, 100), 1_980);
    expect(sent).toHaveLength(100);
    expect(sent.every((one) => one.by === 'child')).toBe(true);
  });

  it('fills every slot when there is no child at all', () => {
    const sent = play([], 10_000);
    expect(sent.map((one) => one.at)).toEqual(everyTwenty(VOICE_LATE_MS_MAX, 499));
  });

  it('numbers slots without a gap or a double, whoever fills them', () => {
    const sent = play([...everyTwenty(0, 50), ...everyTwenty(1_713, 50)], 3_000);
    expect(sent.map((one) => one.slot)).toEqual(sent.map((_, i) => i));
    expect(sent.filter((one) => one.by === 'filler').length).toBeGreaterThan(0);
  });

  it('takes a child back at whatever phase within half a slot, without a double or a hole', () => {
    for (let phase = 0; phase < 40; phase += 1) {
      const sent = play([...everyTwenty(0, 50), ...everyTwenty(1_700 + phase / 2, 50)], 2_600);
      const back = sent.filter((one) => one.at >= 1_500 && one.at < 2_500);
      const gaps = back.slice(1).map((one, i) => one.at - (back[i]?.at ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(VOICE_PACE_MS / 2);
      expect(Math.max(...gaps)).toBeLessThan(VOICE_PACE_MS * 1.5);
      expect(Math.abs(back.length - 50)).toBeLessThanOrEqual(1);
    }
  });

  it('gives one body for one filler when a single body was late', () => {
    const bodies = everyTwenty(0, 100).map((at, i) => (i === 50 ? at + 35 : i === 51 ? at + 15 : at));
    const sent = play(bodies, 1_980);
    expect(sent.filter((one) => one.by === 'filler')).toHaveLength(1);
    expect(sent).toHaveLength(100);
  });

  it('drops the backlog of a child that was stopped for a while', () => {
    const stopped = 1_000;
    const backlog = Array.from({ length: 25 }, () => stopped + 500);
    const sent = play([...everyTwenty(0, 50), ...backlog, ...everyTwenty(stopped + 520, 50)], 2_500);
    const atOnce = sent.filter((one) => one.at === stopped + 500 && one.by === 'child');
    expect(atOnce.length).toBeLessThanOrEqual(2);
    expect(sent.length).toBeLessThanOrEqual(2_500 / VOICE_PACE_MS + 1);
  });

  it('follows the clock of a sound card that is 200 ppm off, for an hour, without one filler or loss', () => {
    for (const ppm of [-200, 200]) {
      const count = 180_000;
      const bodies = Array.from({ length: count }, (_, i) => i * VOICE_PACE_MS * (1 + ppm / 1e6));
      const sent = play(bodies, bodies.at(-1) ?? 0);
      expect(sent.filter((one) => one.by === 'filler')).toHaveLength(0);
      expect(sent).toHaveLength(count);
    }
  });

  it('bears the jitter of a loaded machine', () => {
    const late = [0, 3, 0, 8, 0, 1, 23, 12, 2, 0];
    const bodies = everyTwenty(0, 1_000).map((at, i) => at + (late[i % late.length] ?? 0));
    const sent = play(bodies, bodies.at(-1) ?? 0);
    expect(sent.filter((one) => one.by === 'filler')).toHaveLength(0);
    expect(sent).toHaveLength(1_000);
  });

  it('leaves the slots of a pause empty and goes on in the present', () => {
    const pace = new VoicePace(0);
    expect(pace.skipTo(5_000)).toBe(500);
    expect(pace.take(5_020, VOICE_PACE_MS)).toBe(502);
  });
});
