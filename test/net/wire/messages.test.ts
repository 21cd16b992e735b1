/** Messages are coded kind by kind; what that must never differ from is the generated code of `Message` as a whole. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wren } from '../../../src/net/wire/generated.js';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageKind,
  message,
} from '../../../src/net/wire/messages.ts';

/** Far apart in the catalogue, and with a tag of one byte and of two. */
const some: readonly Message[] = [
  message('failure', { requestId: 7, code: 'busy', retryAfterMs: 300 }),
  message('keepAlive', { id: 4_000_000_000 }),
  message('forward', { target: Buffer.alloc(16, 1), packet: Buffer.alloc(700, 2) }),
  message('forwarded', { source: Buffer.alloc(16, 3), packet: Buffer.alloc(91, 4) }),
  message('pathProbe', { transaction: Buffer.alloc(8, 5) }),
  message('close', { reason: 'ü' }),
  message('attach', {}),
];

function encodedWhole({ kind, body }: Message): Buffer {
  return Buffer.from(wren.Message.encode({ [kind]: body } as never).finish());
}

function decodedWhole(bytes: Uint8Array): Message | undefined {
  try {
    const decoded = wren.Message.decode(bytes);
    const kind = decoded.kind as MessageKind | undefined;
    return kind === undefined ? undefined : ({ kind, body: decoded[kind] } as unknown as Message);
  } catch {
    return undefined;
  }
}

describe('a message', () => {
  it('is written as the catalogue says, of each kind, empty or not', () => {
    const kinds = Object.keys(wren.Message.prototype) as MessageKind[];
    for (const one of [...some, ...kinds.map((kind) => message(kind))]) {
      expect(encodeMessage(one), one.kind).toEqual(encodedWhole(one));
      expect(decodeMessage(encodeMessage(one)), one.kind).toEqual(decodedWhole(encodedWhole(one)));
    }
    expect(kinds.length).toBeGreaterThan(100);
  });

  it('leaves the room in front that the caller wants', () => {
    for (const one of some) expect(encodeMessage(one, 3).subarray(3)).toEqual(encodedWhole(one));
  });

  it('means what it means to the whole catalogue, doubled, cut, damaged or with another behind it', () => {
    const parts = fc.array(
      fc.oneof(fc.constantFrom(...some).map(encodedWhole), fc.uint8Array({ maxLength: 9 }).map(Buffer.from)),
      { maxLength: 3 },
    );
    const damage = fc.record({ at: fc.nat(60), to: fc.nat(255), cut: fc.nat(6) });
    fc.assert(
      fc.property(parts, fc.option(damage), (pieces, harm) => {
        let bytes = Buffer.concat(pieces);
        if (harm && harm.at < bytes.length) bytes[harm.at] = harm.to;
        if (harm) bytes = bytes.subarray(0, bytes.length - Math.min(harm.cut, bytes.length));
        expect(decodeMessage(bytes)).toEqual(decodedWhole(bytes));
      }),
      { numRuns: 400 },
    );
  });

  it('has no tag that is longer than need be and yet is taken for another', () => {
    // 0x8a 0x00 is the number 1 too, in two bytes; 0x82 0x02 is 32, forward.
    for (const bytes of [Buffer.from([0x8a, 0, 0]), Buffer.from([0x82, 2, 0]), Buffer.from([0x82, 0x82, 0, 0])])
      expect(decodeMessage(bytes)).toEqual(decodedWhole(bytes));
  });
});
