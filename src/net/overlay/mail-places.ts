/**
 * Who holds a mailbox (pure): of the living supernodes those with the highest rendezvous score for the recipient's node id
 * (Thaler and Ravishankar 1998), so that the coming or going of one moves only what it holds, and everybody who knows the
 * same members says the same. Ids are hashes already, and a letter must be placed among a hundred thousand members at
 * once, so the score is the finalizer of MurmurHash3 over the first 8 bytes of both, not a cryptographic hash: whoever
 * wants a certain mailbox could try ids until one fits, whatever the hash.
 *
 *   h = mix(recipient[0..4] xor member[0..4])     score = mix(h xor recipient[4..8] xor member[4..8])
 */
import type { NodeId } from '../protocol/ids.ts';

interface Place {
  readonly id: NodeId;
  readonly score: number;
}

/** The `count` best of `members` for this recipient, the best first. */
export function placesOf(recipient: NodeId, members: readonly NodeId[], count: number): NodeId[] {
  const [high, low] = halves(recipient);
  const best: Place[] = [];
  for (const id of members) {
    const [memberHigh, memberLow] = halves(id);
    const place = { id, score: mix(mix(high ^ memberHigh) ^ low ^ memberLow) };
    const last = best.at(-1);
    if (best.length === count && last && !isAhead(place, last)) continue;
    let at = best.length;
    while (at > 0 && isAhead(place, best[at - 1] as Place)) at -= 1;
    best.splice(at, 0, place);
    if (best.length > count) best.pop();
  }
  return best.map(({ id }) => id);
}

function isAhead(a: Place, b: Place): boolean {
  return a.score > b.score || (a.score === b.score && a.id < b.id);
}

function halves(id: NodeId): [number, number] {
  return [Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8, 16), 16)];
}

/** MurmurHash3, 32 bits, the last steps. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
