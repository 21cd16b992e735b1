/** What an agent tells of itself as a supernode: one that asks its person, and one that serves. */
import type { ServingReport } from '../../src/store/state.ts';

export const CANDIDATE: ServingReport = {
  ...{ role: 'candidate', reason: 'to-be-asked', why: 'fit to serve; you have not been asked yet' },
  ...{ consent: 'auto', consentBy: 'setting', answer: 'none', asks: true },
  duties: ['lets people attach'],
  caps: { clients: 100, relayKbps: 512 },
  ...{ cost: null, endpoint: null, refuse: 'wren serve never' },
  facts: {
    ...{ uptimeS: 20, busyPercent: 3, freeMemoryBytes: 4e9, upKbps: null, dialBack: null },
    ...{ supernodes: null, loadPermille: null },
  },
};
export const SERVES: ServingReport = {
  ...CANDIDATE,
  ...{ role: 'supernode', reason: 'serves', why: 'others reach this machine', answer: 'yes', asks: false },
  ...{ endpoint: 'udp:203.0.113.5:4400' },
  cost: { clients: 3, standbys: 1, relayedBytes: 9, relayedPackets: 1, cpuPercent: 0.4, memoryBytes: 7e7 },
};
