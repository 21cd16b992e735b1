/**
 * Records and copies of the index for tests. Certificates are stand-ins, `name node-id key-number`, that a judge of the
 * same kind reads: signatures are real, and a few keys serve thousands of people.
 */
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { FullIndex, type IndexOutput } from '../../../src/net/overlay/full-index.ts';
import {
  type IndexRecord,
  type OwnRecord,
  type PersonJudge,
  RecordReader,
  type SealedRecord,
  sealRecord,
} from '../../../src/net/overlay/index-record.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage } from '../../../src/net/wire/messages.ts';
import { Chance } from '../../sim/chance.ts';
import { keyPair } from '../../support/identities.ts';

export const WALL_MS = Date.UTC(2026, 5, 1);
export const HOUR_MS = 3_600_000;
const KEYS = 3;

function privateKey(number: number): KeyObject {
  return keyPair(`index ${number % KEYS}`).privateKey;
}

export const judge: PersonJudge = (der) => {
  const [name = '', nodeId = '', key = ''] = Buffer.from(der).toString().split(' ');
  if (!/^\d+$/.test(key)) return { ok: false };
  return {
    ok: true,
    identity: { kind: 'person', name, nodeId },
    publicKey: createPublicKey(privateKey(Number(key))),
    expiresAtMs: WALL_MS + 96 * HOUR_MS,
  };
};

export function nodeIdFor(number: number): NodeId {
  return new Chance(number, 'node').bytes(16).toString('hex');
}

/** A person's own word, sealed. The number says which node it is. */
export function sealed(name: string, number: number, own: Partial<OwnRecord> = {}): SealedRecord {
  const nodeId = own.nodeId ?? nodeIdFor(number);
  const certificate = Buffer.from(`${name} ${nodeIdFor(number)} ${number}`);
  const record = { nodeId, displayName: '', homes: [], signedInAtMs: WALL_MS, sequence: 1, listed: true, ...own };
  return sealRecord(record, certificate, privateKey(number));
}

export function recordOf(name: string, number: number, own: Partial<OwnRecord> = {}): IndexRecord {
  const wallMs = Math.max(WALL_MS, own.signedInAtMs ?? 0);
  const record = new RecordReader(judge).read(wallMs, sealed(name, number, own), () => undefined);
  if (!record) throw new Error(`no record of ${name}`);
  return record;
}

/** Copies that tell one another over links which lose nothing or, while `cut`, everything. */
export class Copies {
  wallMs = WALL_MS;
  now = 0;
  messages = 0;
  bytes = 0;
  readonly copies = new Map<NodeId, FullIndex>();
  readonly cut = new Set<NodeId>();
  /** `where name node`: who knows that this node was revoked. */
  readonly revoked = new Set<string>();
  #flying: { readonly at: number; readonly from: NodeId; readonly to: NodeId; readonly bytes: Buffer }[] = [];

  add(id: NodeId): FullIndex {
    const random = new Chance(1, `copy ${id}`);
    const isRevoked = (key: string, node: NodeId) => this.revoked.has(`${id} ${key} ${node}`);
    const copy = new FullIndex({ random, wallClock: () => this.wallMs, judge, isRevoked });
    this.copies.set(id, copy);
    this.tellMembers();
    return copy;
  }

  /** Everybody holds all others for alive. */
  tellMembers(): void {
    const ids = [...this.copies.keys()];
    for (const [id, copy] of this.copies)
      copy.setMembers(
        this.now,
        ids.filter((other) => other !== id),
      );
  }

  advance(ms: number): void {
    const until = this.now + ms;
    while (this.now < until) {
      this.now += 10;
      this.wallMs += 10;
      const due = this.#flying.filter(({ at }) => at <= this.now);
      this.#flying = this.#flying.filter(({ at }) => at > this.now);
      for (const { from, to, bytes } of due) {
        const value = decodeMessage(bytes);
        if (value) this.copies.get(to)?.receive(this.now, from, value);
      }
      for (const [id, copy] of this.copies) {
        if (this.now >= copy.wakeAt()) copy.wake(this.now);
        for (const output of copy.drain()) this.#act(id, output);
      }
    }
  }

  #act(from: NodeId, output: IndexOutput): void {
    if (output.type !== 'send' || this.cut.has(from) || this.cut.has(output.to)) return;
    const bytes = encodeMessage(output.message);
    this.messages += 1;
    this.bytes += bytes.length;
    this.#flying.push({ at: this.now + 50, from, to: output.to, bytes });
  }
}
