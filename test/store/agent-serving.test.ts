/**
 * The agent's room for serving: whose word counts, what the node is told, what becomes of the child that serves, and what a
 * person sees of it. The child is written down, not started.
 */
import { afterEach, expect, test } from 'vitest';
import type { Judgement } from '../../src/net/index.ts';
import { AgentServing } from '../../src/store/agent-serving.ts';
import type { FromServing, ToServing } from '../../src/store/agent-serving-lines.ts';
import type { ServingMeans } from '../../src/store/serving-means.ts';
import { AgentScene } from '../support/agent-scene.ts';

const JUDGED: Judgement = {
  role: 'supernode',
  why: 'serves',
  uptimeMs: 25_000,
  machine: { busyPercent: 3, freeMemoryBytes: 4_000_000_000 },
  upBitsPerSecond: 800_000,
  reached: { of: 3, byUdp: 3, byTcp: 3, at: 1_000 },
  network: { supernodes: 4, loadPermille: 120 },
};
const LOAD: FromServing = {
  type: 'load',
  clients: 3,
  standbys: 1,
  clientsMax: 100,
  relayKbps: 400,
  forwardedBytes: 12_000_000,
  forwardedPackets: 60_000,
  cpuPercent: 0.4,
  memoryBytes: 77_000_000,
};

class Scene {
  readonly told: ToServing[] = [];
  say: (line: FromServing) => void = () => {};
  gone: () => void = () => {};
  opened = 0;
  ended = 0;
  readonly agent: AgentScene;
  readonly room: AgentServing;

  constructor(means: Partial<ServingMeans> = {}) {
    const serving: ServingMeans = {
      environment: undefined,
      relayKbps: undefined,
      isDesktop: false,
      machine: () => ({ busyPercent: 3, freeMemoryBytes: 4_000_000_000 }),
      open: ({ onLine, onGone }) => {
        this.opened += 1;
        this.say = onLine;
        this.gone = onGone;
        return { tell: (command) => void this.told.push(command), end: this.#end };
      },
      ...means,
    };
    this.agent = new AgentScene({ change: (options) => ({ ...options, serving }) });
    this.agent.core.options.profile.setNetwork({
      ...{ network: 'lakeside', authorityPin: Buffer.alloc(32, 7), authorityCertificate: null, supernodes: [] },
      loginServers: ['tcp:198.51.100.1:4000'],
    });
    this.room = new AgentServing(this.agent.core);
    this.room.start();
    this.room.begin();
  }

  readonly #end = async (): Promise<void> => {
    this.ended += 1;
  };

  get facts() {
    return this.agent.told('promotion').map(({ fact }) => fact);
  }

  get consent(): string | undefined {
    const fact = this.facts.findLast(({ type }) => type === 'consent');
    return fact?.type === 'consent' ? fact.consent : undefined;
  }

  get report() {
    return this.agent.core.state.serving;
  }
}

let scene: Scene;
afterEach(async () => {
  await scene.room.end();
  scene.agent.end();
});

test.each([
  ['always', {}, 'always'],
  ['never', {}, 'never'],
  ['auto', { isDesktop: true }, 'unasked'],
  ['auto', { isDesktop: false }, 'yes'],
  [undefined, { isDesktop: true }, 'unasked'],
  ['nonsense', { isDesktop: true }, 'unasked'],
] as const)('WREN_SUPERNODE=%s with %o means %s', (environment, means, consent) => {
  scene = new Scene({ environment, ...means });
  expect(scene.consent).toBe(consent);
});

test('auto on a server without a desktop serves, and says so', () => {
  scene = new Scene();
  scene.room.fromNode({ type: 'judged', judgement: JUDGED });
  expect(scene.report).toMatchObject({ role: 'supernode', answer: 'server', asks: false, refuse: 'wren serve never' });
  expect(scene.report?.why).toContain('a server without a desktop serves by itself');
  expect(scene.agent.logged).toContain('serving: supernode');
});

test('a screen that is opened before it serves makes it ask; one that is opened later changes nothing', () => {
  scene = new Scene();
  scene.room.screenSeen();
  expect(scene.consent).toBe('unasked');
  scene.room.fromNode({ type: 'judged', judgement: { ...JUDGED, role: 'candidate', why: 'to-be-asked' } });
  expect(scene.report?.asks).toBe(true);
  scene.agent.end();
  scene = new Scene();
  scene.room.fromNode({ type: 'judged', judgement: JUDGED });
  scene.room.screenSeen();
  expect(scene.consent).toBe('yes');
});

test('what was answered is kept, and nobody is asked again', () => {
  scene = new Scene({ isDesktop: true });
  scene.room.answer(false);
  expect(scene.consent).toBe('never');
  const { settings } = scene.agent.core.options.profile;
  expect(settings.get()).toMatchObject({ supernode: 'auto', supernodeAnswer: 'no' });
  const next = new AgentServing(scene.agent.core);
  next.begin();
  expect(scene.consent).toBe('never');
  scene.room.answer(true);
  expect(scene.consent).toBe('yes');
});

test('a word said here counts at once, also against the environment', () => {
  scene = new Scene({ environment: 'always' });
  expect(scene.report).toMatchObject({ consent: 'always', consentBy: 'environment' });
  scene.room.set('never');
  expect(scene.consent).toBe('never');
  expect(scene.report).toMatchObject({ consent: 'never', consentBy: 'setting' });
});

test('the child is opened, dialled, certified and told to leave as the node says, and its end is told', () => {
  scene = new Scene({ environment: 'always' });
  const { room, told } = scene;
  room.fromNode({ type: 'open' });
  scene.say({ type: 'open', port: 4400 });
  scene.say({ type: 'dialled', nonce: 'ab', carrier: 'tcp' });
  const endpoint = { carrier: 'udp', host: '203.0.113.5', port: 4400 } as const;
  room.fromNode({ type: 'serve', endpoint, upBitsPerSecond: 800_000 });
  scene.say({ type: 'certified' });
  room.fromNode({ type: 'leave' });
  scene.gone();
  expect(told).toEqual([{ type: 'serve', endpoint: 'udp:203.0.113.5:4400', relayKbps: 400 }, { type: 'leave' }]);
  expect(scene.facts.filter(({ type }) => type !== 'consent' && type !== 'machine')).toEqual([
    { type: 'opened', port: 4400 },
    { type: 'dialled', nonce: 'ab', carrier: 'tcp' },
    { type: 'certified' },
    { type: 'closed' },
  ]);
  // A new one may come.
  room.fromNode({ type: 'open' });
  expect(scene.opened).toBe(2);
});

test('what it relays is half of what goes up, measured anew each time it serves', () => {
  scene = new Scene({ environment: 'always' });
  const endpoint = { carrier: 'udp', host: '203.0.113.5', port: 4400 } as const;
  for (const upBitsPerSecond of [200_000, 800_000]) {
    scene.room.fromNode({ type: 'open' });
    scene.room.fromNode({ type: 'serve', endpoint, upBitsPerSecond });
    scene.gone();
  }
  expect(scene.told.map((line) => line.type === 'serve' && line.relayKbps)).toEqual([100, 400]);
});

test('where the system has no room for the child, the node is told that there is none', () => {
  const open = (): never => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  };
  scene = new Scene({ environment: 'always', open });
  scene.room.fromNode({ type: 'open' });
  expect(scene.facts.at(-1)).toEqual({ type: 'closed' });
  expect(scene.agent.logged).toContain('agent: trouble');
});

test('duties, caps and what they cost now are in the state, and gone when it serves no longer', () => {
  scene = new Scene({ environment: 'always', relayKbps: 300 });
  scene.room.fromNode({ type: 'open' });
  scene.room.fromNode({ type: 'judged', judgement: JUDGED });
  scene.say(LOAD);
  expect(scene.report).toMatchObject({
    caps: { clients: 100, relayKbps: 300 },
    cost: { clients: 3, standbys: 1, relayedBytes: 12_000_000, cpuPercent: 0.4, memoryBytes: 77_000_000 },
    facts: { uptimeS: 25, upKbps: 800, dialBack: { of: 3, udp: 3, tcp: 3 }, supernodes: 4 },
  });
  expect(scene.report?.duties.length).toBeGreaterThan(0);
  scene.room.fromNode({ type: 'judged', judgement: { ...JUDGED, role: 'ordinary', why: 'refused' } });
  expect(scene.report).toMatchObject({ role: 'ordinary', cost: null, endpoint: null });
});

test('with the agent the child goes too', async () => {
  scene = new Scene({ environment: 'always' });
  scene.room.fromNode({ type: 'open' });
  await scene.room.end();
  expect([scene.told, scene.ended]).toEqual([[{ type: 'leave' }], 1]);
});
