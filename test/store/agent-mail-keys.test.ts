/** Mail keys as the agent turns them: on the disk before anybody seals to them, in the list, and destroyed in their time. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDevices, type SignedDevices, withCertificates } from '../../src/net/login/device-list.ts';
import { MAIL_KEY_KEPT_MS, MAIL_KEY_ROTATE_MS } from '../../src/net/protocol/mail-params.ts';
import { message } from '../../src/net/wire/messages.ts';
import { AgentDevices } from '../../src/store/agent-devices.ts';
import { readOwnDevice } from '../../src/store/devices-file.ts';
import { AgentScene, eventually, WALL_MS } from '../support/agent-scene.ts';
import { judgeOf } from '../support/devices.ts';
import { makeAuthority } from '../support/identities.ts';

const authority = makeAuthority();
const { certificateDer: authorityDer } = authority.authority;
const self = authority.issue({ name: 'alice1' }, 'laptop');

let scene: AgentScene;
let devices: AgentDevices;
/** What the login server has. */
let stored: SignedDevices | undefined;
let isUp: boolean;

beforeEach(() => {
  scene = new AgentScene().signedIn('alice1');
  const network = { network: 'testnet', authorityPin: authority.pin, authorityCertificate: authorityDer };
  scene.core.options.profile.setNetwork({ ...network, loginServers: [], supernodes: [] });
  [stored, isUp] = [undefined, true];
  scene.onCommand = (command) => {
    if (command.type !== 'login') return;
    const { ticket, request } = command;
    if (isUp && request.kind === 'devicesPut') stored = withCertificates(request.list, () => self.certificateDer);
    const reply = request.kind === 'devicesGet' ? message('devices', { list: stored as never }) : message('done');
    queueMicrotask(() => {
      if (isUp) scene.core.answered({ type: 'login-reply', ticket, message: reply, authorityDer });
      else scene.core.answered({ type: 'login-failed', ticket, code: 'unreachable-login', retryAfterMs: 0 });
    });
  };
  devices = new AgentDevices(scene.core, () => {});
  const certificate = self.certificateDer;
  const keys = { devices: undefined, sealedKey: Buffer.alloc(0), sealingKey: Buffer.alloc(32, 1) };
  devices.entered({ name: 'alice1', nodeId: self.nodeId, certificate, ...keys });
  load();
});
afterEach(() => {
  devices.end();
  scene.end();
});

function load(): void {
  devices.load('alice1', self.nodeId, self.certificateDer);
  devices.begin();
}

/** The key that the stored list tells, and its version. */
function told() {
  const opened = openDevices(stored, { name: 'alice1', judge: judgeOf(authority) });
  if (!opened.ok) return undefined;
  const [device] = opened.devices.devices;
  return { version: opened.devices.version, mailKey: device?.mailKey.toString('hex'), sinceMs: device?.mailKeyAtMs };
}

const onDisk = () => readOwnDevice(scene.folder, 'alice1')?.mail;

test('a key is replaced after three days, told in the list, and destroyed when no letter can lie for it', async () => {
  await eventually(() => told()?.version === 1, 'the first list');
  const [before, [first]] = [told(), devices.mailKeys.seeds];
  expect(before?.sinceMs).toBe(WALL_MS);
  scene.nowMs += MAIL_KEY_ROTATE_MS - 1;
  devices.begin();
  await eventually(() => scene.told('login').length >= 2, 'compared');
  expect(told()).toEqual(before);
  scene.nowMs += 1;
  // As after half a day, or a start.
  scene.nowMs += 13 * 3_600_000;
  devices.begin();
  await eventually(() => told()?.version === 2, 'the second list');
  expect(told()?.mailKey).not.toBe(before?.mailKey);
  expect(told()?.sinceMs).toBe(scene.nowMs);
  const { seeds } = devices.mailKeys;
  expect(seeds).toHaveLength(2);
  expect(seeds[1]).toEqual(first);
  expect(scene.told('mail-keys').at(-1)?.seeds).toEqual(seeds);
  await eventually(() => onDisk()?.old[0]?.untilMs === scene.nowMs + MAIL_KEY_KEPT_MS, 'its end is known');
  devices.end();
  scene.nowMs += MAIL_KEY_KEPT_MS;
  devices = new AgentDevices(scene.core, () => {});
  devices.load('alice1', self.nodeId, self.certificateDer);
  expect(devices.mailKeys.seeds).toEqual(seeds.slice(0, 1));
  expect(onDisk()?.old).toEqual([]);
});

test('a key that nobody can have heard of yet does not end the one before', async () => {
  await eventually(() => told()?.version === 1, 'the first list');
  isUp = false;
  scene.nowMs += MAIL_KEY_ROTATE_MS;
  devices.begin();
  await eventually(() => devices.mailKeys.seeds.length === 2, 'another key');
  expect(onDisk()?.old).toMatchObject([{ untilMs: null }]);
  devices.end();
  scene.nowMs += 2 * MAIL_KEY_KEPT_MS;
  isUp = true;
  load();
  await eventually(() => told()?.version === 2, 'the second list');
  expect(devices.mailKeys.seeds.length).toBeGreaterThan(1);
});
