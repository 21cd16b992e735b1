import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { AgentChat } from '../../src/store/agent-chat.ts';
import { AgentHistory } from '../../src/store/agent-history.ts';
import { historyFile } from '../../src/store/history-db.ts';
import type { HistoryVault } from '../../src/store/history-vault.ts';
import { openHistoryVault } from '../../src/store/history-vault-io.ts';
import { AgentScene, WALL_MS } from '../support/agent-scene.ts';
import { MemorySecretStore } from '../support/memory-secret-store.ts';
import { seededRandom } from '../support/seeded-random.ts';

let scene: AgentScene;
afterEach(() => scene.end());

interface Person {
  readonly history: AgentHistory;
  readonly chat: AgentChat;
  readonly unread: string[];
}

/** An agent whose history lies in a vault over this store. */
async function agentWith(store: MemorySecretStore): Promise<Person> {
  let vault: HistoryVault | undefined;
  scene = new AgentScene({
    change: (options) => ({
      ...options,
      openHistory: (account) => (vault as HistoryVault).open(account),
      historyVault: {
        report: () => (vault as HistoryVault).report(),
        open: (account) => (vault as HistoryVault).open(account),
        ask: () => (vault as HistoryVault).ask(),
        onLateKey: () => {},
        discard: (account) => (vault as HistoryVault).discard(account),
      },
    }),
  });
  const { folder } = scene.core.options.profile;
  const { settings } = scene.core.options.profile;
  const log = { info: () => {}, warn: () => {} };
  const open = () => openHistoryVault({ folder, settings, store, random: seededRandom('key'), log, startWaitMs: 50 });
  vault = await open();
  scene.signedIn();
  const unread: string[] = [];
  const chat = new AgentChat(scene.core, (name) => unread.push(name));
  const history = new AgentHistory(scene.core, {
    onUnread: (name) => unread.push(name),
    onOpened: () => chat.begin(),
  });
  return { history, chat, unread };
}

const said = (id: string, text: string, from = 'bobby1') =>
  ({ type: 'received', from, node: 'n', id: id.repeat(32), sequence: 1, text, sentAtMs: 1 }) as never;

test('looking, exporting and erasing go through the agent, and screens hear what is gone', async () => {
  const { history, chat, unread } = await agentWith(new MemorySecretStore());
  chat.fromMessenger(said('a', 'lunch at one'));
  chat.fromMessenger(said('b', 'no lunch', 'carol1'));
  const lines = await history.handle({ type: 'history.lines', limit: 9, search: 'lunch' });
  expect(lines).toMatchObject([{ text: 'lunch at one' }, { text: 'no lunch' }]);
  const page = (await history.handle({ type: 'history.export', after: 0, with: 'carol1' })) as { next: number };
  expect(page).toMatchObject({ lines: [{ text: 'no lunch' }] });
  expect(await history.handle({ type: 'history.export', after: page.next })).toEqual({ lines: [], next: null });
  await expect(history.handle({ type: 'history.erase' })).rejects.toMatchObject({ code: 'usage' });
  unread.length = 0;
  expect(await history.handle({ type: 'history.erase', with: 'Bobby1' })).toEqual({ lines: 1, calls: 0, waiting: 0 });
  expect(scene.events.at(-1)).toEqual({ type: 'history.erased', with: 'Bobby1', beforeMs: null });
  expect(unread).toEqual(['bobby1']);
  expect(await history.handle({ type: 'history.calls', limit: 9 })).toEqual([]);
});

test('an agent whose secret store is locked works on, answers no receipt for what it cannot keep, and is unlocked later', async () => {
  const store = new MemorySecretStore();
  const first = await agentWith(store);
  first.chat.send('bobby1', 'kept');
  const { folder } = scene;
  const file = readFileSync(join(folder, historyFile('alice1')));
  expect(file.includes('kept')).toBe(false);
  expect(scene.core.state.history?.protection).toBe('secret-store');

  // The same profile, begun again where nobody unlocked the store.
  scene.core.closeHistory();
  store.isLocked = true;
  const { settings } = scene.core.options.profile;
  const log = { info: () => {}, warn: () => {} };
  const vault = await openHistoryVault({ folder, settings, store, random: seededRandom('key'), log, startWaitMs: 50 });
  const options = { ...scene.core.options, openHistory: (account: string) => vault.open(account), historyVault: vault };
  Object.assign(scene.core, { options });
  scene.signedIn();
  const unread: string[] = [];
  const chat = new AgentChat(scene.core, (name) => unread.push(name));
  const history = new AgentHistory(scene.core, { onUnread: (name) => unread.push(name), onOpened: () => chat.begin() });
  chat.begin();
  expect(scene.core.state.history).toEqual({ protection: 'locked', why: 'it is locked' });
  expect(() => chat.send('bobby1', 'lost?')).toThrow(expect.objectContaining({ code: 'history-locked' }));
  chat.fromMessenger(said('c', 'come again'));
  expect(scene.told('messenger').at(-1)?.command).toMatchObject({ type: 'not-stored', id: 'c'.repeat(32) });
  expect(scene.notices).toEqual(['history-locked chat history']);

  store.isLocked = false;
  expect(await history.handle({ type: 'history.encrypt', encryption: 'again' })).toMatchObject({
    protection: 'secret-store',
  });
  expect(scene.told('messenger').at(-1)?.command).toMatchObject({ type: 'restore', lines: [{ text: 'kept' }] });
  chat.fromMessenger(said('c', 'come again'));
  expect(scene.core.history.newest({ limit: 9 }).map(({ text }) => text)).toEqual(['kept', 'come again']);
});

test('encryption can be turned off and on while the agent runs, and nothing is lost', async () => {
  const { history, chat } = await agentWith(new MemorySecretStore());
  const path = join(scene.folder, historyFile('alice1'));
  const isPlain = () => readFileSync(path).subarray(0, 6).toString() === 'SQLite';
  chat.fromMessenger(said('a', 'rhubarb'));
  expect(await history.handle({ type: 'history.encrypt', encryption: 'off' })).toMatchObject({
    protection: 'file-permissions',
  });
  expect([isPlain(), scene.core.state.history?.why]).toEqual([true, 'you have turned encryption off']);
  chat.send('bobby1', 'custard');
  expect(await history.handle({ type: 'history.encrypt', encryption: 'auto' })).toMatchObject({
    protection: 'secret-store',
  });
  expect(isPlain()).toBe(false);
  expect(scene.core.history.newest({ limit: 9 }).map(({ text }) => text)).toEqual(['rhubarb', 'custard']);
});

test('whoever lost the key can still throw away what nobody can read, and begin anew', async () => {
  const store = new MemorySecretStore();
  const { history, chat } = await agentWith(store);
  chat.fromMessenger(said('a', 'rhubarb'));
  scene.core.closeHistory();
  store.secrets.clear();
  const { folder } = scene;
  const { settings } = scene.core.options.profile;
  const log = { info: () => {}, warn: () => {} };
  const vault = await openHistoryVault({ folder, settings, store, random: seededRandom('other'), log });
  const options = { ...scene.core.options, openHistory: (account: string) => vault.open(account), historyVault: vault };
  Object.assign(scene.core, { options });
  scene.signedIn();
  await expect(history.handle({ type: 'history.erase', with: 'bobby1' })).rejects.toMatchObject({
    code: 'history-locked',
  });
  await history.handle({ type: 'history.erase', all: true });
  scene.nowMs = WALL_MS + 1;
  chat.fromMessenger(said('b', 'new life'));
  expect(scene.core.history.newest({ limit: 9 }).map(({ text }) => text)).toEqual(['new life']);
  expect([scene.core.state.history?.protection, store.secrets.size]).toEqual(['secret-store', 1]);
});
