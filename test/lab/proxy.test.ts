/**
 * The place PROXY with real wren processes: a home router, and nothing gets out but TCP to the one proxy, which lets
 * through to port 443 only and wants a password (figure S5).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import { type SignUp, WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED wren behind a proxy in the network lab: ${support.why}`);

const LOGIN = 'alice:s3cret';

describe.skipIf(!support.ok)('somebody behind a proxy in the lab, 20 ms from the core each way', () => {
  let lab: Lab;
  let network: WrenNetwork;
  let where: string;
  let alice: SignUp;
  beforeAll(async () => {
    lab = await Lab.start();
    network = await WrenNetwork.start(lab);
    await lab.place('PUB', 'proxy');
    await lab.place('PUB', 'bobby');
    await lab.place('PR', 'alice');
    await lab.link('alice', { delayMs: 20 });
    where = `${lab.address('proxy')}:3128`;
    await lab.run('proxy', process.execPath, [join(import.meta.dirname, 'proxy.mjs'), '3128', LOGIN]).saw(/ready/);
    lab.block('alice', `ip daddr != ${lab.address('proxy')}`);
    lab.block('alice', 'meta l4proto udp');
    await network.wren('alice', '--proxy', `http://${LOGIN}@${where}`, 'agent', 'start').done;
    alice = await network.signUp('alice', 'alice1');
    await network.signUp('bobby', 'bobby1');
  });
  afterAll(() => lab?.stop());

  it('signs up and is reachable through it', () => {
    expect(alice).toMatchObject({ ok: true, why: '', supernode: { carrier: 'tcp', proxy: where } });
    expect(alice.supernode?.endpoint).toMatch(/:443$/);
  });

  it('is told so by status and check, which never show the password, nor does the log', {
    timeout: 60_000,
  }, async () => {
    const status = await network.wren('alice', 'status').done;
    expect(status.stdout).toContain(`through the proxy ${where}`);
    const check = await network.wren('alice', 'check').done;
    expect(check.stdout).toMatch(new RegExp(`^pass +proxy +${where} \\(http, from --proxy\\) lets us through`, 'm'));
    expect(check.stdout).toMatch(/^warn +udp/m);
    const log = readFileSync(join(lab.folder, 'alice', 'profile', 'agent.log'), 'utf8');
    for (const text of [status.stdout, check.stdout, check.stderr, log]) expect(text).not.toContain('s3cret');
  });

  it('calls somebody outside: relayed, and heard', { timeout: 60_000 }, async () => {
    const [caller, callee] = [
      { host: 'alice', name: 'alice1' },
      { host: 'bobby', name: 'bobby1' },
    ];
    await network.befriend(caller, callee);
    const facts = await network.call(caller, callee, { forS: 4 });
    expect(facts).toMatchObject({ code: 0, reason: 'hangup', route: 'tcp443/relay' });
    expect(facts.firstSoundMs).toBeLessThan(3_000);
  });

  it('hears what is wrong when the password is', { timeout: 60_000 }, async () => {
    await network.wren('alice', '--proxy', `http://alice:wrong@${where}`, 'agent', 'debug', 'drop-supernode').done;
    const check = await network.wren('alice', 'check', '--json').done;
    const steps = check.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
    const proxy = steps.find((step) => step.name === 'proxy');
    expect(proxy).toMatchObject({
      verdict: 'fail',
      cause: `the proxy at ${where} (http, from --proxy) refuses: wants a password, or another one`,
      remedy: `give it as --proxy http://USER:PASSWORD@${where}`,
    });
    expect(check.code).toBe(2);
  });
});
