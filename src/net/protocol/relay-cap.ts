/**
 * The bounds of a relay, by which its supernode tells that packets were dropped: of one person, of all behind one
 * address, of the whole supernode, of streams at once (PROTOCOL.md, section 9.4).
 */
export const RELAY_CAPS = ['person', 'address', 'supernode', 'streams'] as const;
export type RelayCap = (typeof RELAY_CAPS)[number];

/** A supernode from the future may have more of them: that is then its own. */
export function relayCapOf(text: string): RelayCap {
  return RELAY_CAPS.find((cap) => cap === text) ?? 'supernode';
}
