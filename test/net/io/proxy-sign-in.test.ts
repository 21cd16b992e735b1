/**
 * A sign-in over real sockets where nothing but a proxy leads out: the names of the servers are known to nobody on this
 * machine, so every direct way fails, and the proxy knows them.
 */
import { createPublicKey } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../../bin/servers/server-folder.ts';
import { silenceBody } from '../../../src/audio/voice-body.ts';
import { chooseProxy, Driver, openSockets, type SystemSockets } from '../../../src/net/io/index.ts';
import { nodeIdOf, spkiOf } from '../../../src/net/login/credential.ts';
import { LoginNode, type LoginNodeCommand, type LoginNodeEvent } from '../../../src/net/node/login-node.ts';
import { OrdinaryNode, type OrdinaryNodeCommand, type OrdinaryNodeEvent } from '../../../src/net/node/ordinary-node.ts';
import { Supernode, type SupernodeCommand, type SupernodeEvent } from '../../../src/net/node/supernode.ts';
import { keyPair, makeAuthority, WALL_MS } from '../../support/identities.ts';
import { MemoryAccounts, performNow } from '../../support/memory-account-store.ts';
import { until } from '../../support/private-network.ts';
import { connectProxy, type Reach, socksProxy } from '../../support/proxies.ts';

const wallClock = () => WALL_MS;
const onFault = (fault: unknown) => {
  throw fault;
};
const closing: { close(): Promise<unknown> }[] = [];
let authority: ReturnType<typeof makeAuthority>;

beforeAll(() => {
  authority = makeAuthority();
});

afterEach(async () => {
  await Promise.all(closing.splice(0).map((one) => one.close()));
});

async function sockets(options: Parameters<typeof openSockets>[0]): Promise<SystemSockets> {
  return await openSockets({ host: '127.0.0.1', ...options });
}

/** A login server and a certified supernode on ports of this machine. */
async function network(): Promise<{ readonly login: number; readonly supernode: number }> {
  const accounts = new MemoryAccounts();
  const identity = authority.issue('login-server', 'login server');
  const passwordCost = { n: 16, r: 8, p: 1 };
  const loginSockets = await sockets({ port: 0 });
  const login: Driver<LoginNodeCommand, LoginNodeEvent> = new Driver<LoginNodeCommand, LoginNodeEvent>({
    core: new LoginNode({ random: systemRandom, wallClock, issuer: authority.issuer, identity, passwordCost }),
    sockets: loginSockets,
    onEvent: (event) => {
      if (event.type !== 'effect') return;
      login.command({ type: 'effect-done', id: event.id, result: performNow(accounts, event.effect) });
    },
    onFault,
  });
  const superSockets = await sockets({ port: 0 });
  const { privateKey, spki } = keyPair('supernode');
  let certified = false;
  const supernode = new Driver<SupernodeCommand, SupernodeEvent>({
    core: new Supernode({
      random: systemRandom,
      wallClock,
      pin: authority.pin,
      loginServers: [{ carrier: 'tcp', host: '127.0.0.1', port: loginSockets.port }],
      endpoints: [{ carrier: 'udp', host: '127.0.0.1', port: superSockets.port }],
      relayKbps: 1000,
      privateKey,
      publicKeySpki: spki,
      nodeId: nodeIdOf(spki),
    }),
    sockets: superSockets,
    onEvent: (event) => {
      certified ||= event.type === 'certified';
    },
    onFault,
  });
  closing.push(login, supernode);
  login.start();
  supernode.start();
  await until(
    () => certified,
    10_000,
    () => 'the supernode is not certified',
  );
  return { login: loginSockets.port, supernode: superSockets.port };
}

async function personBehind(url: string) {
  const events: OrdinaryNodeEvent[] = [];
  const { privateKey, spki } = keyPair('alice1');
  const own = await sockets({ port: 0, proxy: chooseProxy(url, {}) });
  const driver: Driver<OrdinaryNodeCommand, OrdinaryNodeEvent> = new Driver<OrdinaryNodeCommand, OrdinaryNodeEvent>({
    core: new OrdinaryNode({
      random: systemRandom,
      wallClock,
      pin: authority.pin,
      loginServers: [{ carrier: 'tcp', host: 'login.invalid', port: 4000 }],
      supernodes: [{ carrier: 'udp', host: 'super.invalid', port: 4000 }],
      hasProxy: true,
      software: 'wren test',
      fillerBody: silenceBody,
    }),
    sockets: own,
    onEvent: (event) => {
      events.push(event);
      if (event.type !== 'login-reply' || event.message.kind !== 'signedIn') return;
      const { certificate, expiresAtMs } = event.message.body;
      const nodeId = nodeIdOf(spkiOf(createPublicKey(privateKey)));
      const names = { name: 'alice1', displayName: 'Alice', nodeId, privateKey, roster: [] };
      const certificateDer = Buffer.from(certificate);
      const member = { ...names, certificateDer, expiresAtMs, presence: 'online', isService: false } as const;
      driver.command({ type: 'become', member });
    },
    onFault,
  });
  closing.push(driver);
  driver.start();
  const signUp = { name: 'alice1', displayName: 'Alice', password: 'correct horse battery', publicKey: spki };
  driver.command({ type: 'login', ticket: 1, request: { kind: 'signUp', ...signUp } });
  return events;
}

const KINDS = [
  { words: 'HTTP CONNECT', serve: connectProxy, url: (port: number) => `http://alice:s3cret@127.0.0.1:${port}` },
  {
    words: 'SOCKS5, names and all',
    serve: socksProxy,
    url: (port: number) => `socks5h://alice:s3cret@127.0.0.1:${port}`,
  },
] as const;

describe.each(KINDS)('through a proxy by $words', ({ serve, url }) => {
  test.each([
    { lets: 'port 443 alone', port: 443 },
    { lets: 'the own ports alone', port: 4000 },
  ])('that lets $lets out, a person signs up and is reachable within 3 s (figure S5)', async ({ port: open }) => {
    const { login, supernode } = await network();
    const reach: Reach = (host, port) => {
      const known = { 'login.invalid': login, 'super.invalid': supernode }[host];
      return port === open && known !== undefined ? { host: '127.0.0.1', port: known } : undefined;
    };
    const proxy = await serve({ reach, login: 'alice:s3cret' });
    closing.push(proxy);
    const startedAt = performance.now();
    const events = await personBehind(url(proxy.port));
    const isOnline = () => events.find((event) => event.type === 'link' && event.state === 'online');
    await until(
      () => isOnline() !== undefined,
      10_000,
      () => JSON.stringify(events.map(({ type }) => type)),
    );
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(isOnline()).toMatchObject({ byProxy: true, endpoint: { carrier: 'tcp', port: open }, nat: 'unknown' });
  });
});
