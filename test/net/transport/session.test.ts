/** Sealing, opening, and the change of epoch: what a lossy network and a recorder of packets can and cannot do. */
import { describe, expect, it } from 'vitest';
import { EPOCH_OVERLAP_MS, REKEY_AFTER_MS, REKEY_QUIET_MS } from '../../../src/net/protocol/params.ts';
import { Session } from '../../../src/net/transport/session.ts';
import { type Packet, readPacket } from '../../../src/net/wire/packet.ts';

const ROOT = Buffer.alloc(32, 7);
const shared = (epoch: number): Buffer => Buffer.alloc(32, 100 + epoch);
const packetOf = (bytes: Buffer): Packet => readPacket(bytes) as Packet;

class Pair {
  now = 0;
  readonly initiator = new Session({ role: 'initiator', root: ROOT, remoteIndex: 2 });
  readonly responder = new Session({ role: 'responder', root: ROOT, remoteIndex: 1 });
  #epoch = 0;

  says(from: 'initiator' | 'responder', text: string): Packet {
    return packetOf(this[from].seal(Buffer.from(text)));
  }

  hears(at: 'initiator' | 'responder', packet: Packet): string | undefined {
    return this[at].open(this.now, packet)?.toString();
  }

  /** The initiator's `Rekey` has come: the responder has the next keys. */
  responderAdvances(): void {
    this.#epoch += 1;
    this.responder.advance(this.now, shared(this.#epoch));
  }

  /** The responder's `RekeyReply` has come. */
  initiatorAdvances(): void {
    this.initiator.advance(this.now, shared(this.#epoch));
  }

  rekeys(): void {
    this.responderAdvances();
    this.initiatorAdvances();
    this.hears('responder', this.says('initiator', 'new'));
    this.hears('initiator', this.says('responder', 'new'));
  }
}

describe('a session', () => {
  it('opens what the other end sealed, once', () => {
    const pair = new Pair();
    const packet = pair.says('initiator', 'hello');
    expect(pair.hears('responder', packet)).toBe('hello');
    expect(pair.hears('responder', packet)).toBeUndefined();
  });

  it('does not take its own packets for those of the other end', () => {
    const pair = new Pair();
    expect(pair.hears('initiator', pair.says('initiator', 'hello'))).toBeUndefined();
  });

  it('says whether a packet was overtaken', () => {
    const pair = new Pair();
    const [first, second] = [pair.says('initiator', '1'), pair.says('initiator', '2')];
    pair.hears('responder', second);
    expect(pair.responder.openedNewest).toBe(true);
    pair.hears('responder', first);
    expect(pair.responder.openedNewest).toBe(false);
  });

  it('says so across a change of keys too', () => {
    const pair = new Pair();
    const old = pair.says('initiator', 'old');
    pair.rekeys();
    expect(pair.hears('responder', old)).toBe('old');
    expect(pair.responder.openedNewest).toBe(false);
  });

  it('goes on after the loss of more packets than its window holds', () => {
    const pair = new Pair();
    for (let i = 0; i < 3_000; i++) pair.says('initiator', 'lost');
    expect(pair.hears('responder', pair.says('initiator', 'here'))).toBe('here');
  });
});

describe('a change of keys', () => {
  it('is due some time after something was said, and only the initiator asks for it', () => {
    const pair = new Pair();
    expect(pair.initiator.rekeyDue(Number.MAX_SAFE_INTEGER)).toBe(false);
    pair.initiator.said(0, false);
    pair.responder.said(0, false);
    expect([pair.initiator.rekeyDue(REKEY_AFTER_MS - 1), pair.initiator.rekeyDue(REKEY_AFTER_MS)]).toEqual([
      false,
      true,
    ]);
    expect(pair.responder.rekeyDue(REKEY_AFTER_MS)).toBe(false);
  });

  it('can wait when nothing but signs of life went, and not at all once the keys are new', () => {
    const pair = new Pair();
    pair.initiator.said(0, true);
    expect(pair.initiator.rekeyAt()).toBe(REKEY_QUIET_MS);
    pair.initiator.said(1_000, false);
    pair.initiator.said(2_000, false);
    expect(pair.initiator.rekeyAt()).toBe(1_000 + REKEY_AFTER_MS);
    pair.rekeys();
    expect(pair.initiator.rekeyAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('keeps old packets readable for a while after the new keys are in use, then no more', () => {
    const pair = new Pair();
    const [soon, late] = [pair.says('initiator', 'soon'), pair.says('initiator', 'late')];
    pair.rekeys();
    pair.now += EPOCH_OVERLAP_MS - 1;
    expect(pair.hears('responder', soon)).toBe('soon');
    pair.now += 1;
    expect(pair.hears('responder', late)).toBeUndefined();
  });

  it('does not cut off an initiator whose reply is lost for long', () => {
    const pair = new Pair();
    pair.responderAdvances();
    pair.now += 5 * EPOCH_OVERLAP_MS;
    expect(pair.hears('responder', pair.says('initiator', 'still in the old keys'))).toBe('still in the old keys');
    expect(pair.hears('initiator', pair.says('responder', 'and so am I'))).toBe('and so am I');
    pair.initiatorAdvances();
    expect(pair.hears('responder', pair.says('initiator', 'now in the new'))).toBe('now in the new');
    expect(pair.hears('initiator', pair.says('responder', 'so am I'))).toBe('so am I');
  });

  it('does not cut off a responder whose initiator is silent in the new keys', () => {
    const pair = new Pair();
    pair.responderAdvances();
    pair.initiatorAdvances();
    pair.now += 5 * EPOCH_OVERLAP_MS;
    expect(pair.hears('initiator', pair.says('responder', 'have you the reply?'))).toBe('have you the reply?');
  });

  it('happens many times over: two bits are enough to tell the keys', () => {
    const pair = new Pair();
    const recorded: Packet[] = [];
    for (let epoch = 0; epoch < 20; epoch++) {
      recorded.push(pair.says('initiator', `epoch ${epoch}`));
      expect(pair.hears('responder', recorded.at(-1) as Packet)).toBe(`epoch ${epoch}`);
      pair.now += REKEY_AFTER_MS;
      pair.rekeys();
    }
    for (const packet of recorded) expect(pair.hears('responder', packet)).toBeUndefined();
  });

  it('leaves a packet that was held back for four epochs unread, though its bits look right', () => {
    const pair = new Pair();
    const held = pair.says('initiator', 'held back');
    for (let epoch = 0; epoch < 4; epoch++) pair.rekeys();
    expect(pair.hears('responder', held)).toBeUndefined();
  });

  it('never seals two packets of one key with one counter', () => {
    const pair = new Pair();
    const seen = new Set<string>();
    for (let i = 0; i < 50; i++) {
      if (i % 7 === 0) pair.rekeys();
      const packet = pair.says('initiator', 'x');
      pair.hears('responder', packet);
      const key = packet.bytes.subarray(12).toString('hex');
      expect(seen.has(key)).toBe(false);
      seen.add(key);
    }
  });
});
