/** The list that everybody tries in the same order, with one supernode at several addresses. */
import { describe, expect, it } from 'vitest';
import { SupernodeList } from '../../../src/net/overlay/supernode-list.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';

const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const ONE = 'udp:192.0.2.1:4000';
const BESIDE = 'udp:192.0.7.7:4000';
const FAR = 'udp:198.51.100.9:4000';

function listOf(...texts: string[]): SupernodeList {
  const list = new SupernodeList();
  list.endpoints = texts.map(at);
  return list;
}

describe('the list of supernodes', () => {
  it('offers for the second all but the first, those of its network last', () => {
    const others = listOf(ONE, BESIDE, FAR).others(0, { server: at(ONE), node: 'one' });
    expect(others.map(printEndpoint)).toEqual([FAR, BESIDE]);
  });

  it('knows a supernode again by another of its addresses', () => {
    const list = listOf(ONE, 'udp:127.0.0.1:4000', FAR);
    list.learn({ server: at('udp:127.0.0.1:4000'), node: 'one' });
    expect(list.others(0, { server: at(ONE), node: 'one' }).map(printEndpoint)).toEqual([FAR]);
    expect(list.rank(0, { server: at('udp:127.0.0.1:4000'), node: 'one' })).toBe(1);
    expect(list.rank(0, { server: at('udp:203.0.113.3:1'), node: 'one' })).toBe(1);
  });

  it('puts one that stops behind all others for a while', () => {
    const list = listOf(ONE, BESIDE, FAR);
    list.avoid(1_000, at(FAR));
    const others = (now: number) => list.others(now, { server: at(ONE), node: 'one' }).map(printEndpoint);
    expect(others(999)).toEqual([BESIDE, FAR]);
    expect(others(1_000)).toEqual([FAR, BESIDE]);
  });

  it('takes the carrier for no difference, and gives strangers the end for their place', () => {
    const list = listOf(ONE, FAR);
    expect(list.rank(0, { server: at('tcp:198.51.100.9:4000'), node: 'far' })).toBe(1);
    expect(list.rank(0, { server: at(BESIDE), node: 'x' })).toBe(2);
    expect(list.rank(0, undefined)).toBe(2);
  });
});
