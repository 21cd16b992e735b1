import { describe, expect, it } from 'vitest';
import { bitrateOf, isBodyShape } from '../../../src/audio/voice-body.ts';
import { bodyBytesOf, LADDER, RUNGS, wireBytesPerSecond, wireOverheadBytes } from '../../../src/net/media/rungs.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { encodeMessage, message } from '../../../src/net/wire/messages.ts';

const all = Object.values(RUNGS);

describe('the rungs', () => {
  it('are all within what the encoder can make and the slides allow: bodies of 40 to 120 bytes', () => {
    for (const rung of all) {
      expect(isBodyShape(rung), rung.name).toBe(true);
      expect(bodyBytesOf(rung)).toBeGreaterThanOrEqual(40);
      expect(bodyBytesOf(rung)).toBeLessThanOrEqual(120);
    }
  });

  it('reach from a floor of 1.9 kB/s on the wire, reports included, to 47 kbit/s', () => {
    const report = message('mediaReport', {
      ...{ callId: Buffer.alloc(16, 7), highest: 70_000, received: 70_000, jitterMsX16: 300, echoReport: 3_000 },
      ...{ heldMs: 150, report: 3_000, bufferMs: 150, concealedPermille: 15, gaps: 200, standingMs: 40, growth: -50 },
      atMs: 4_000_000_000,
    });
    const reportBytes = encodeMessage(report).length + 57;
    expect(wireBytesPerSecond(RUNGS.E, wireOverheadBytes('direct')) + reportBytes).toBeLessThanOrEqual(1_910);
    expect(bitrateOf(RUNGS.H)).toBe(46_800);
  });

  it('cost more the higher they are, and the three of the top the same', () => {
    for (const path of ['direct', 'relay', 'tcp'] as const) {
      const costs = LADDER.map((rung) => wireBytesPerSecond(rung, wireOverheadBytes(path)));
      expect(costs).toEqual([...costs].sort((a, b) => a - b));
      const top = wireBytesPerSecond(RUNGS.H, wireOverheadBytes(path));
      for (const rung of [RUNGS.R1, RUNGS.R1far, RUNGS.R2, RUNGS.R2near]) {
        expect(wireBytesPerSecond(rung, wireOverheadBytes(path)) / top).toBeCloseTo(1, 1);
      }
    }
  });

  it('are counted with what a relay adds', () => {
    const packet = Buffer.alloc(300);
    const forward = encodeMessage(message('forward', { target: bytesOf('ab'.repeat(16)), packet }));
    const added = forward.length - packet.length + 1 + 28;
    expect(wireOverheadBytes('relay') - wireOverheadBytes('direct')).toBeGreaterThanOrEqual(added - 3);
    expect(wireOverheadBytes('relay') - wireOverheadBytes('direct')).toBeLessThanOrEqual(added + 3);
  });
});
