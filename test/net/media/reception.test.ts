import { describe, expect, it } from 'vitest';
import { Reception } from '../../../src/net/media/reception.ts';

/** Packet `n` of a stream of 20 ms packets, arriving `lateMs` after its time. */
function arrive(reception: Reception, n: number, lateMs = 0): boolean {
  return reception.arrived(n * 20 + lateMs, n & 0xffff, (n * 2) & 0xffff);
}

function stream(from: number, count: number, skip: (n: number) => boolean = () => false): Reception {
  const reception = new Reception();
  for (let n = from; n < from + count; n += 1) if (!skip(n)) arrive(reception, n);
  return reception;
}

describe('what arrives', () => {
  it('is counted without loss or jitter when all is well', () => {
    const { expected, received, lost, jitterMs } = stream(0, 1_000);
    expect({ expected, received, lost, jitterMs }).toEqual({ expected: 1_000, received: 1_000, lost: 0, jitterMs: 0 });
  });

  it('is counted across the wrap of sequence and media time', () => {
    const reception = stream(60_000, 80_000);
    expect(reception.highest).toBe(139_999);
    expect(reception.lost).toBe(0);
    expect(reception.jitterMs).toBe(0);
  });

  it('shows every lost packet', () => {
    const reception = stream(65_000, 1_000, (n) => n % 10 === 5);
    expect(reception.lost).toBe(100);
    expect(reception.expected).toBe(1_000);
  });

  it('does not take reordering for loss, nor doubles for packets', () => {
    const reception = new Reception();
    for (const n of [0, 1, 3, 2, 2, 5, 4, 4, 3, 6]) arrive(reception, n);
    expect(reception.received).toBe(7);
    expect(reception.lost).toBe(0);
  });

  it('refuses a double even when it is a second late', () => {
    const reception = stream(0, 60);
    expect(arrive(reception, 12, 1_200)).toBe(false);
  });

  it('accepts a stream whose first packets came disordered', () => {
    const reception = new Reception();
    for (const n of [3, 1, 2, 4]) expect(arrive(reception, n)).toBe(true);
    expect(reception.expected).toBe(4);
  });

  it('takes a wild jump only when a second packet confirms it, and does not count it as loss', () => {
    const reception = stream(0, 100);
    expect(arrive(reception, 20_000)).toBe(false);
    expect(arrive(reception, 100)).toBe(true);
    expect(arrive(reception, 20_000)).toBe(false);
    expect(arrive(reception, 20_001)).toBe(true);
    expect(reception.lost).toBe(0);
    expect(reception.highest).toBe(20_001);
  });

  it('converges on the jitter of RFC 3550: every other packet 8 ms late is a jitter of 8 ms', () => {
    const reception = new Reception();
    for (let n = 0; n < 500; n += 1) arrive(reception, n, n % 2 === 0 ? 0 : 8);
    expect(reception.jitterMs).toBeCloseTo(8, 1);
  });

  it('does not take sparse packets for jitter when their media time says so', () => {
    const reception = new Reception();
    for (let i = 0; i < 20; i += 1) reception.arrived(i * 5_000, i, (i * 500) & 0xffff);
    expect(reception.jitterMs).toBe(0);
  });
});
