/** The buddy list in the profile, in the state and at the login server: what a full disk and a change of account may not do. */
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { BUDDY_LIST_SYNC_MS } from '../../src/net/protocol/params.ts';
import { message } from '../../src/net/wire/messages.ts';
import { AgentBuddies } from '../../src/store/agent-buddies.ts';
import { printBuddies } from '../../src/store/buddies-file.ts';
import { AgentScene, buddy, eventually } from '../support/agent-scene.ts';

let scene: AgentScene;
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

const fileOf = () => join(scene.folder, 'buddies.xml');

function signedIn(): AgentBuddies {
  scene = new AgentScene().signedIn();
  return new AgentBuddies(scene.core);
}

/** The roster has changed: this is its news. */
function changes(buddies: AgentBuddies, name: string): void {
  scene.roster = [...scene.roster.filter((one) => one.name !== name), buddy(name)];
  const entry = scene.roster.at(-1) ?? buddy(name);
  buddies.fromRoster({ type: 'changed', name, entry, previous: undefined } as never);
}

/** Answers every question of the list like a login server that holds `xml`. */
function loginServer(xml = '', version = 1): { puts: string[] } {
  const puts: string[] = [];
  scene.onCommand = (command) => {
    if (command.type !== 'login') return;
    const { ticket, request } = command;
    if (request.kind === 'buddyListPut') puts.push(request.xml.toString());
    const reply =
      request.kind === 'buddyListGet'
        ? message('buddyList', { requestId: 1, version, xml: Buffer.from(xml) })
        : message('done', { requestId: 1 });
    queueMicrotask(() => scene.core.answered({ type: 'login-reply', ticket, message: reply, authorityDer: undefined }));
  };
  return { puts };
}

test('a change is in the file before anybody is told of it', () => {
  const buddies = signedIn();
  scene.core.onEvent((event) => {
    if (event.type === 'buddy.changed') expect(readFileSync(fileOf(), 'utf8')).toContain('bobby1');
  });
  changes(buddies, 'bobby1');
  expect(scene.core.state.buddies.map((one) => one.name)).toEqual(['bobby1']);
  buddies.end();
});

test('a list that cannot be written is told once, shown all the same, and written when there is room again', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const buddies = signedIn();
  mkdirSync(fileOf());
  changes(buddies, 'bobby1');
  changes(buddies, 'carol1');
  expect(scene.notices).toEqual(['profile-unwritable buddies.xml']);
  expect(scene.core.state.buddies).toHaveLength(2);
  vi.advanceTimersByTime(20_000);
  rmdirSync(fileOf());
  vi.advanceTimersByTime(5_000);
  expect(readFileSync(fileOf(), 'utf8')).toContain('carol1');
  buddies.end();
});

test('what could not be written until we sign out is tried a last time', () => {
  const buddies = signedIn();
  mkdirSync(fileOf());
  changes(buddies, 'bobby1');
  rmdirSync(fileOf());
  buddies.end();
  expect(readFileSync(fileOf(), 'utf8')).toContain('bobby1');
});

test('both copies are merged, and the login server gets what it did not have', async () => {
  const buddies = signedIn();
  scene.roster = [buddy('bobby1')];
  const { puts } = loginServer(printBuddies('alice1', [buddy('carol1')]).xml);
  buddies.begin();
  await eventually(() => puts.length === 1, 'a list for the server');
  expect(puts[0]).toContain('bobby1');
  expect(puts[0]).toContain('carol1');
  const [replaced] = scene.told('roster');
  expect(replaced?.command).toMatchObject({ type: 'replace' });
  buddies.end();
});

test('the list that comes after we have signed in as somebody else is not mixed with that one’s', async () => {
  const buddies = signedIn();
  scene.roster = [buddy('bobby1')];
  let answer: () => void = () => {};
  scene.onCommand = (command) => {
    if (command.type !== 'login') return;
    answer = () =>
      void scene.core.answered({
        type: 'login-reply',
        ticket: command.ticket,
        message: message('buddyList', { requestId: 1, version: 1, xml: Buffer.from(printBuddies('alice1', []).xml) }),
        authorityDer: undefined,
      });
  };
  buddies.begin();
  await eventually(() => scene.told('login').length === 1, 'a question');
  scene.signedIn('david1');
  scene.roster = [buddy('erin11')];
  answer();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(scene.told('login')).toHaveLength(1);
  expect(scene.told('roster')).toEqual([]);
  buddies.end();
});

test('a refusal of the roster is what the command ends with', () => {
  const buddies = signedIn();
  scene.onCommand = (command) => {
    if (command.type === 'roster')
      buddies.fromRoster({ type: 'refused', code: 'person-self', name: 'alice1', retryAfterMs: 0 });
  };
  expect(() => buddies.command({ type: 'add', name: 'alice1', message: '' })).toThrow(
    expect.objectContaining({ code: 'person-self' }),
  );
});

test('a list that was one with the login server’s is not asked for at the next start, unless it has changed or half a day is over', async () => {
  const buddies = signedIn();
  const { profile } = scene.core.options;
  profile.setIdentity({ name: 'alice1', displayName: '', certificate: Buffer.alloc(1), expiresAtMs: scene.nowMs });
  scene.roster = [buddy('bobby1')];
  loginServer(printBuddies('alice1', scene.roster).xml, 7);
  changes(buddies, 'bobby1');
  buddies.begin();
  await eventually(() => profile.identity()?.buddyListSynced !== undefined, 'both copies to be one');
  expect(profile.identity()?.buddyListSynced).toMatchObject({ version: 7, atMs: scene.nowMs });
  const asks = async (): Promise<number> => {
    const before = scene.told('login').length;
    const again = new AgentBuddies(scene.core);
    again.load('alice1');
    again.begin();
    await new Promise((resolve) => setTimeout(resolve, 30));
    again.end();
    return scene.told('login').length - before;
  };
  expect(await asks()).toBe(0);
  scene.nowMs += BUDDY_LIST_SYNC_MS;
  expect(await asks()).toBeGreaterThan(0);
  scene.roster = [{ ...buddy('bobby1'), changedAtMs: scene.nowMs }];
  const [entry] = scene.roster;
  buddies.fromRoster({ type: 'changed', name: 'bobby1', entry, previous: undefined } as never);
  expect(await asks()).toBeGreaterThan(0);
  buddies.end();
});
