import { expect, it } from 'vitest';
import { WideRation } from '../../../src/net/nat/wide-ration.ts';
import {
  WIDE_PAUSE_MS,
  WIDE_PAUSE_SUCCESS_MS,
  WIDE_PEERS_MAX,
  WIDE_PORTS_MS,
} from '../../../src/net/protocol/params.ts';

it('gives one person a turn, within which both halves of the work may begin', () => {
  const ration = new WideRation();
  expect(ration.admit(0, 'bobby')).toBe(true);
  expect(ration.admit(WIDE_PORTS_MS - 1, 'bobby')).toBe(true);
  expect(ration.admit(WIDE_PORTS_MS, 'bobby')).toBe(false);
});

it('gives nobody a turn while another has one', () => {
  const ration = new WideRation();
  ration.admit(0, 'bobby');
  expect(ration.admit(WIDE_PORTS_MS - 1, 'carol')).toBe(false);
  expect(ration.admit(WIDE_PORTS_MS, 'carol')).toBe(true);
});

it('gives the same person another turn after ten minutes, or soon when the last one led to a path', () => {
  const ration = new WideRation();
  ration.admit(0, 'bobby');
  expect(ration.admit(WIDE_PAUSE_MS - 1, 'bobby')).toBe(false);
  expect(ration.admit(WIDE_PAUSE_MS, 'bobby')).toBe(true);
  ration.succeeded(WIDE_PAUSE_MS + 1_000, 'bobby');
  expect(ration.admit(WIDE_PAUSE_MS + 1_000 + WIDE_PAUSE_SUCCESS_MS - 1, 'bobby')).toBe(false);
  expect(ration.admit(WIDE_PAUSE_MS + 1_000 + WIDE_PAUSE_SUCCESS_MS, 'bobby')).toBe(true);
});

it('remembers a bounded number of people, the newest', () => {
  const ration = new WideRation();
  for (let i = 0; i <= WIDE_PEERS_MAX; i += 1) expect(ration.admit(i * WIDE_PORTS_MS, `node ${i}`)).toBe(true);
  const now = WIDE_PEERS_MAX * WIDE_PORTS_MS + WIDE_PORTS_MS;
  expect(ration.admit(now, `node ${WIDE_PEERS_MAX}`)).toBe(false);
  expect(ration.admit(now, 'node 0')).toBe(true);
});
