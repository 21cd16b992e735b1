/** Whole agents in one process, over real sockets: one account on two machines, seen by a buddy; one of them is revoked. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { Agent } from '../../src/store/agent.ts';
import { historyFile, openHistory } from '../../src/store/history-db.ts';
import { openProfile } from '../../src/store/profile-file.ts';
import { type AgentNetwork, startAgentNetwork } from '../support/agent-network.ts';
import { eventually as within } from '../support/agent-scene.ts';
import { seededRandom } from '../support/seeded-random.ts';

const password = 'correct horse battery';
const root = mkdtempSync(join(tmpdir(), 'wren-devices-'));
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

async function agentIn(label: string) {
  const folder = join(root, label);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const agent = new Agent(
    {
      version: '0.0.0',
      profile: openProfile(folder, seededRandom(`profile ${label}`)),
      openHistory: (account) => openHistory(join(folder, historyFile(account))),
      log: network.log,
      random: seededRandom(`agent ${label} ${agents.length}`),
      wallClock: Date.now,
      makeVoice: () => ({ pid: null, tell: () => {}, play: () => {}, stop: async () => {} }),
      probeSound: async () => undefined,
      silence: silenceBody,
      deviceLabel: label,
      onFault,
    },
    { socket: '', stop: () => {} },
  );
  const notices: string[] = [];
  agent.onEvent((event) => event.type === 'notice' && notices.push(`${event.code} ${event.detail}`));
  agents.push(agent);
  await agent.start();
  if (!agent.state.network) await agent.handle({ type: 'network.join', invite: network.invite });
  return { agent, folder, notices };
}

/** The machine may be busy with other tests. */
const eventually = (condition: () => boolean, what: string) => within(condition, what, 20_000);
const labels = (agent: Agent) => agent.state.devices?.list.map(({ label }) => label);
const online = (agent: Agent) => agent.handle({ type: 'wait', forMs: 10_000 });
const enter = (agent: Agent, type: 'account.sign-up' | 'account.sign-in', name: string) =>
  agent.handle({ type, name, password });

test('a second machine joins the account by password, both show both, and one shuts out the other', async () => {
  const desk = await agentIn('desk');
  await enter(desk.agent, 'account.sign-up', 'alice11');
  await online(desk.agent);
  expect(labels(desk.agent)).toEqual(['desk']);
  const laptop = await agentIn('laptop');
  await enter(laptop.agent, 'account.sign-in', 'Alice11');
  await online(laptop.agent);
  await eventually(() => labels(desk.agent)?.join() === 'desk,laptop', 'both at the desk');
  expect(labels(laptop.agent)).toEqual(['desk', 'laptop']);
  await eventually(() => desk.agent.state.devices?.list.every((one) => one.online) ?? false, 'both online');
  expect(desk.agent.state.devices?.accountKey).toBe(laptop.agent.state.devices?.accountKey);

  // The second of one name gets a number.
  const again = await agentIn('desk-again');
  await enter(again.agent, 'account.sign-in', 'alice11');
  await online(again.agent);
  // Whoever goes tells those that it has met; the others hear of it from the login server, later.
  await eventually(() => labels(desk.agent)?.length === 3, 'the third at the desk');
  await again.agent.handle({ type: 'account.sign-out' });
  await eventually(() => desk.agent.state.devices?.version === 4, 'it took itself off the list');
  expect(labels(desk.agent)).toEqual(['desk', 'laptop']);

  await expect(desk.agent.handle({ type: 'device.revoke', device: 'phone' })).rejects.toMatchObject({
    code: 'device-unknown',
  });
  await expect(desk.agent.handle({ type: 'device.revoke', device: 'desk' })).rejects.toMatchObject({ code: 'usage' });
  await desk.agent.handle({ type: 'device.revoke', device: 'LAPTOP' });
  await eventually(() => laptop.agent.state.account === null, 'the laptop is signed out');
  expect(laptop.notices).toEqual(['device-revoked alice11']);
  expect(labels(desk.agent)).toEqual(['desk']);
  expect(desk.agent.state.devices?.revoked).toHaveLength(1);

  // With the password and a new key it is another device.
  await enter(laptop.agent, 'account.sign-in', 'alice11');
  await online(laptop.agent);
  await eventually(() => labels(desk.agent)?.join() === 'desk,laptop', 'back again');
}, 60_000);

test('an account from before device lists makes its key at the next sign-in', async () => {
  const { agent, folder } = await agentIn('older');
  await enter(agent, 'account.sign-up', 'older11');
  await online(agent);
  const key = () => agent.state.devices?.accountKey;
  const first = key();
  await agent.handle({ type: 'account.sign-out' });
  expect(existsSync(join(folder, 'devices.json'))).toBe(false);
  await enter(agent, 'account.sign-in', 'older11');
  expect(key()).toBe(first);
  await agent.handle({ type: 'account.sign-out' });

  const accounts = new Database(join(root, 'network', 'accounts.db'));
  accounts.exec("DELETE FROM device_lists WHERE key = 'older11'");
  accounts.close();
  await enter(agent, 'account.sign-in', 'older11');
  await online(agent);
  expect(key()).not.toBe(first);
  expect(agent.state.devices).toMatchObject({ version: 1, list: [{ label: 'older' }] });
});
