/** Whole agents in one process, over real sockets: joining, signing up, in and out, and what must not be lost or mixed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { encodeInvite } from '../../src/net/index.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { Agent } from '../../src/store/agent.ts';
import { AgentAccount } from '../../src/store/agent-account.ts';
import { historyFile, openHistory } from '../../src/store/history-db.ts';
import { openProfile, type Profile } from '../../src/store/profile-file.ts';
import { type AgentNetwork, startAgentNetwork } from '../support/agent-network.ts';
import { AgentScene, eventually, WALL_MS } from '../support/agent-scene.ts';
import { seededRandom } from '../support/seeded-random.ts';

const PASSWORD = 'correct horse battery';
const root = mkdtempSync(join(tmpdir(), 'wren-accounts-'));
const faults: unknown[] = [];
const onFault = (fault: unknown): void => void faults.push(fault);
const agents: Agent[] = [];
let network: AgentNetwork;

beforeAll(async () => {
  network = await startAgentNetwork(root, onFault);
});
afterAll(async () => {
  for (const agent of agents) await agent.stop();
  await network.stop();
  rmSync(root, { recursive: true, force: true });
  expect(faults).toEqual([]);
});

interface Scene {
  readonly agent: Agent;
  readonly folder: string;
  readonly profile: Profile;
}

async function agentIn(name: string): Promise<Scene> {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const profile = openProfile(folder, seededRandom(`profile ${name}`));
  const agent = new Agent(
    {
      version: '0.0.0',
      profile,
      openHistory: (account) => openHistory(join(folder, historyFile(account))),
      log: network.log,
      random: seededRandom(`agent ${name} ${agents.length}`),
      wallClock: Date.now,
      makeVoice: () => ({ pid: null, tell: () => {}, play: () => {}, stop: async () => {} }),
      probeSound: async () => undefined,
      silence: silenceBody,
      onFault,
    },
    { socket: '', stop: () => {} },
  );
  agents.push(agent);
  await agent.start();
  return { agent, folder, profile };
}

const signUp = (agent: Agent, name: string) =>
  agent.handle({ type: 'account.sign-up', name, password: PASSWORD, displayName: name });
const signIn = (agent: Agent, name: string) => agent.handle({ type: 'account.sign-in', name, password: PASSWORD });
const online = (agent: Agent) => agent.handle({ type: 'wait', forMs: 10_000 });

async function person(name: string): Promise<Scene> {
  const scene = await agentIn(name);
  await scene.agent.handle({ type: 'network.join', invite: network.invite });
  await signUp(scene.agent, name);
  await online(scene.agent);
  return scene;
}

async function ends(agent: Agent): Promise<void> {
  agents.splice(agents.indexOf(agent), 1);
  await agent.stop();
}

test('two screens that sign up at the same moment make one person of an agent', async () => {
  const { agent } = await agentIn('both');
  await agent.handle({ type: 'network.join', invite: network.invite });
  const outcomes = await Promise.allSettled([signUp(agent, 'first11'), signUp(agent, 'second1')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(outcomes[1]).toMatchObject({ reason: expect.objectContaining({ code: 'already-signed-in' }) });
  expect(agent.state.account?.name).toBe('first11');
});

test('two joins at the same moment leave one node', async () => {
  const { agent } = await agentIn('twice');
  await Promise.all([
    agent.handle({ type: 'network.join', invite: network.invite }),
    agent.handle({ type: 'network.join', invite: network.invite }),
    signUp(agent, 'twice11'),
  ]);
  await online(agent);
});

test('whoever signs out may sign in again, or as somebody else, at once', async () => {
  const { agent } = await person('outin11');
  await agent.handle({ type: 'account.sign-out' });
  expect(agent.state).toMatchObject({ account: null, buddies: [], connection: 'offline' });
  const from = performance.now();
  await signIn(agent, 'outin11');
  expect(performance.now() - from).toBeLessThan(3_000);
  await online(agent);
  await agent.handle({ type: 'account.sign-out' });
  await signUp(agent, 'another1');
  await online(agent);
  expect(agent.state.account?.name).toBe('another1');
});

test('the buddy list outlives every way of ending, also while the buddy is there', async () => {
  const [alice, bobby] = [await person('alice11'), await person('bobby11')];
  await alice.agent.handle({ type: 'buddy.add', name: 'bobby11', message: '' });
  await eventually(() => bobby.agent.state.buddies.length === 1, 'a request');
  await bobby.agent.handle({ type: 'buddy.accept', name: 'alice11' });
  await eventually(() => alice.agent.state.buddies[0]?.presence === 'online', 'bobby online');
  await ends(alice.agent);
  expect(readFileSync(join(alice.folder, 'buddies.xml'), 'utf8')).toContain('bobby11');

  await bobby.agent.handle({ type: 'chat.send', to: 'alice11', text: 'where are you?' });
  await bobby.agent.handle({ type: 'account.sign-out' });
  expect(readFileSync(join(bobby.folder, 'buddies.xml'), 'utf8')).toContain('alice11');
  expect(bobby.agent.state.buddies).toEqual([]);

  await signUp(bobby.agent, 'carol11');
  await online(bobby.agent);
  expect(bobby.agent.state.buddies).toEqual([]);
  expect(await bobby.agent.handle({ type: 'chat.history', with: 'alice11', limit: 5 })).toEqual([]);

  const again = await agentIn('alice11');
  await online(again.agent);
  expect(again.agent.state.buddies.map((one) => one.name)).toEqual(['bobby11']);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await again.agent.handle({ type: 'chat.history', with: 'bobby11', limit: 5 })).toEqual([]);

  await bobby.agent.handle({ type: 'account.sign-out' });
  await signIn(bobby.agent, 'bobby11');
  await eventually(() => again.agent.state.buddies[0]?.unread === 1, 'the line that waited', 15_000);
}, 60_000);

test('a renewed certificate that cannot be stored is used all the same, and the person is told', () => {
  const identity = {
    name: 'alice1',
    displayName: 'Alice',
    certificate: Buffer.alloc(1),
    expiresAtMs: WALL_MS,
  };
  const scene = new AgentScene({
    change: (options) => ({
      ...options,
      profile: {
        ...options.profile,
        folder: options.profile.folder,
        settings: options.profile.settings,
        identity: () => identity,
        setIdentity: () => {
          throw new Refusal('disk-full', 'identity.json');
        },
      } as unknown as Profile,
    }),
  }).signedIn();
  const hooks = {
    devices: {
      mailKeys: { seeds: [], sinceMs: 0 },
      entered: () => {},
      load: () => ({ own: undefined, people: [] }),
      leave: async () => {},
      forget: () => {},
    },
    rosterOf: () => [],
    ticketsOf: () => [],
    onMember: () => {},
    onLeaving: () => {},
    onNodeEvent: () => {},
    onNode: () => {},
  };
  const account = new AgentAccount(scene.core, hooks);
  account.renewed({ type: 'renewed', certificateDer: Buffer.alloc(2), serverTimeMs: 0, expiresAtMs: WALL_MS + 1 });
  expect(scene.notices).toEqual(['disk-full identity.json']);
  expect(scene.core.state.account?.certificateExpiresAtMs).toBe(WALL_MS + 1);
  scene.end();
});

test('another invite of the same network keeps the account', async () => {
  const { agent } = await person('rejoin1');
  await agent.handle({ type: 'network.join', invite: network.invite });
  await online(agent);
  expect(agent.state.account?.name).toBe('rejoin1');
});

test('an invite of another network is refused while somebody is signed in, and nothing changes', async () => {
  const { agent, profile } = await person('loyal11');
  const other = encodeInvite({
    network: 'elsewhere',
    authorityPin: Buffer.alloc(32, 7),
    loginServers: [{ carrier: 'tcp', host: '127.0.0.1', port: 9 }],
    supernodes: [],
  });
  await expect(agent.handle({ type: 'network.join', invite: other })).rejects.toBeInstanceOf(Refusal);
  expect(profile.network()?.network).not.toBe('elsewhere');
  await online(agent);
});
