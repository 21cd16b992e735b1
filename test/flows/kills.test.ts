/**
 * The plug is pulled: each part of the network is killed without warning, while it is in use. Each heals or says what to
 * do, and no buddy, message or account is lost. Real processes, `kill -9`.
 */
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparePieces } from '../support/likeness.ts';
import { PrivateNetwork, until, untilAsync } from '../support/private-network.ts';
import { readWav, speech, writeWav } from '../support/speech.ts';

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');

let net: PrivateNetwork;
const alice = { profile: 'A', name: 'alice1' };
const bobby = { profile: 'B', name: 'bobby1' };

beforeAll(async () => {
  net = await PrivateNetwork.startApart();
  await Promise.all([net.person('A', 'alice1'), net.person('B', 'bobby1')]);
  await net.befriend(alice, bobby);
  writeWav(net.path('speech.wav'), speech().samples);
});
afterAll(() => net.stop());

async function voicePid(profile: string): Promise<number | null> {
  const { events } = await net.wren(profile, 'agent', 'status', '--json');
  return events[0]?.voicePid as number | null;
}

async function chatArrives(text: string): Promise<void> {
  await net.succeed('A', 'chat', 'bobby1', text);
  await untilAsync(
    async () => (await net.wren('B', 'chat', 'alice1', '--history')).stdout.includes(text),
    25_000,
    () => `"${text}" at bobby1`,
  );
}

describe('kill -9', () => {
  it('of the voice child costs a gap and one line, not the call or the recording', { timeout: 60_000 }, async () => {
    const recorded = net.path('kill-voice.wav');
    const answer = net.go('B', 'answer', '--once', '--audio', `file:,${recorded}`, '--json');
    const call = net.go('A', 'call', 'bobby1', '--for', '9', '--audio', `file:${net.path('speech.wav')}`, '--json');
    await call.saw(/"quality"/);
    const first = await voicePid('B');
    expect(first).toBeGreaterThan(0);
    process.kill(Number(first), 'SIGKILL');
    await untilAsync(
      async () => (await voicePid('B')) !== first && (await voicePid('B')) !== null,
      5_000,
      () => 'a new voice child',
    );
    expect((await call.done).code).toBe(0);
    const answered = await answer.done;
    expect(answered.code, answered.stderr).toBe(0);
    expect(answered.events.at(-1)).toMatchObject({ event: 'ended', reason: 'hangup' });
    const heard = readWav(recorded);
    expect(heard.length / 16_000).toBeGreaterThan(7);
    // The last seconds were recorded by the new child.
    const { correlation } = comparePieces(speech().samples.subarray(5 * 16_000, 8 * 16_000), heard);
    expect(correlation).toBeGreaterThan(0.7);
  });

  it('of the agent: the next command starts another, which knows the account, buddies and lines', {
    timeout: 40_000,
  }, async () => {
    await chatArrives('before the agent died');
    const pid = await net.agentPid('A');
    process.kill(pid, 'SIGKILL');
    await net.succeed('A', 'wait', '--for', '15');
    expect(await net.agentPid('A')).not.toBe(pid);
    const buddies = await net.wren('A', 'buddies', '--json');
    expect(buddies.events).toContainEqual(expect.objectContaining({ name: 'bobby1', relation: 'both' }));
    expect((await net.wren('A', 'chat', 'bobby1', '--history')).stdout).toContain('before the agent died');
    await chatArrives('after the agent came back');
  });

  it('of the supernode: a call between two on one network goes on, and both attach again when it is back', {
    timeout: 60_000,
  }, async () => {
    const answer = net.go('B', 'answer', '--once', '--audio', 'none', '--json');
    const call = net.go('A', 'call', 'bobby1', '--for', '12', '--audio', 'none', '--json');
    await call.saw(/"path":"lan"/);
    net.supernode?.child.kill('SIGKILL');
    await net.supernode?.done;
    await until(
      () => call.events().filter((one) => one.event === 'quality').length >= 6,
      12_000,
      () => 'six seconds of call',
    );
    await net.startSupernode();
    const ended = await call.done;
    expect(ended.code, ended.stderr).toBe(0);
    expect((await answer.done).events.at(-1)).toMatchObject({ event: 'ended', reason: 'hangup' });
    const total = ended.events.at(-1) as { receivedPackets: number; lostIn: number };
    expect(total.lostIn).toBeLessThan(0.02 * total.receivedPackets);
    await net.succeed('A', 'wait', '--for', '30');
    await net.succeed('B', 'wait', '--for', '30');
    await chatArrives('the supernode is back');
  });

  it('of the login server: people go on, a newcomer is told so, and no account is lost', {
    timeout: 60_000,
  }, async () => {
    net.loginServer?.child.kill('SIGKILL');
    await net.loginServer?.done;
    await chatArrives('without a login server');
    await net.succeed('D', 'join', net.invite);
    const refused = await net.wren('D', 'signup', 'daisy77');
    expect(refused.code).toBe(2);
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    await net.startLoginServer();
    await net.succeed('D', 'signup', 'daisy77');
    expect((await net.wren('E', 'join', net.invite)).code).toBe(0);
    expect((await net.wren('E', 'signup', 'ALICE1')).code).toBe(4);
    await net.succeed('E', 'signin', 'daisy77');
  });

  it('of the screen leaves the agent and a running call untouched, and the next screen shows it', {
    timeout: 40_000,
  }, async () => {
    const answer = net.go('B', 'answer', '--once', '--audio', 'none', '--json');
    const call = net.go('A', 'call', 'bobby1', '--audio', 'none', '--json');
    await call.saw(/"answered"/);
    const { CI: _ci, ...env } = process.env;
    const open = () => {
      const screen = spawn(process.execPath, [WREN, '--profile', net.path('A')], {
        cols: 100,
        rows: 30,
        env: { ...env, TERM: 'xterm-256color' },
      });
      let shown = '';
      screen.onData((bytes) => {
        shown += bytes;
      });
      return {
        screen,
        saw: (what: RegExp) =>
          until(
            () => what.test(shown),
            10_000,
            () => `${what} on the screen`,
          ),
      };
    };
    const first = open();
    await first.saw(/bobby1/);
    process.kill(first.screen.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const second = open();
    await second.saw(/sounds|connected|round trip/);
    process.kill(second.screen.pid, 'SIGKILL');
    expect(call.events().some((one) => one.event === 'ended')).toBe(false);
    expect((await net.wren('A', 'hangup')).code).toBe(0);
    expect((await call.done).code).toBe(0);
    expect((await answer.done).events.at(-1)).toMatchObject({ event: 'ended', reason: 'hangup' });
  });

  it('of a command that follows a call leaves the call running', { timeout: 30_000 }, async () => {
    const answer = net.go('B', 'answer', '--once', '--audio', 'none', '--json');
    const call = net.go('A', 'call', 'bobby1', '--audio', 'none', '--json');
    await call.saw(/"answered"/);
    call.child.kill('SIGKILL');
    await call.done;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(answer.events().some((one) => one.event === 'ended')).toBe(false);
    expect((await net.wren('A', 'hangup')).code).toBe(0);
    expect((await answer.done).code).toBe(0);
  });

  it('of an agent keeps lines for somebody who is away, and brings them once when they come', {
    timeout: 60_000,
  }, async () => {
    await net.succeed('B', 'agent', 'stop');
    const sent = await net.wren('A', 'chat', 'bobby1', 'for when you are back', '--json');
    expect(sent.code).toBeLessThanOrEqual(1);
    process.kill(await net.agentPid('A'), 'SIGKILL');
    await net.succeed('A', 'wait', '--for', '15');
    await net.succeed('B', 'wait', '--for', '15');
    await untilAsync(
      async () => (await net.wren('B', 'chat', 'alice1', '--history')).stdout.includes('for when you are back'),
      30_000,
      () => 'the line at bobby1',
    );
    const lines = (await net.wren('B', 'chat', 'alice1', '--history', '--json')).events;
    expect(lines.filter((one) => one.text === 'for when you are back')).toHaveLength(1);
  });
});

describe('kill -9 of a supernode beside which there is another', () => {
  let two: PrivateNetwork;
  beforeAll(async () => {
    two = await PrivateNetwork.startApart();
    await two.startSecondSupernode();
    await Promise.all([two.person('A', 'alice1'), two.person('B', 'bobby1')]);
    await two.befriend(alice, bobby);
    // Nothing direct is possible then, and the call hangs on the supernode.
    for (const profile of ['A', 'B']) {
      await two.succeed(profile, 'agent', 'debug', 'block-udp');
      await two.succeed(profile, 'agent', 'debug', 'drop-supernode');
    }
  }, 60_000);
  afterAll(() => two.stop());

  async function linkOf(profile: string): Promise<{ connection: string; supernode: string; standby: string | null }> {
    const [status] = (await two.wren(profile, 'status', '--json')).events;
    const { connection, supernode, standby } = status as never as {
      connection: string;
      supernode: { endpoint: string } | null;
      standby: string | null;
    };
    return { connection, supernode: supernode?.endpoint ?? '', standby };
  }

  it('goes unnoticed: the call that it relays goes on through the other, and nobody is offline', {
    timeout: 90_000,
  }, async () => {
    const both = () => Promise.all(['A', 'B'].map(linkOf));
    await untilAsync(
      async () => (await both()).every(({ supernode, standby }) => supernode.startsWith('tcp:') && standby !== null),
      40_000,
      () => 'a supernode in standby at both',
    );
    const before = await both();
    expect(before[1]?.supernode).toBe(before[0]?.supernode);
    const answer = two.go('B', 'answer', '--once', '--audio', 'none', '--json');
    const call = two.go('A', 'call', 'bobby1', '--for', '12', '--audio', 'none', '--json');
    await call.saw(/"quality"/);
    two.supernode?.child.kill('SIGKILL');
    await two.supernode?.done;
    await untilAsync(
      async () => (await both()).every(({ supernode }, index) => supernode === before[index]?.standby),
      5_000,
      () => 'the standby as the supernode of both',
    );
    const ended = await call.done;
    expect(ended.code, ended.stderr).toBe(0);
    expect((await answer.done).events.at(-1)).toMatchObject({ event: 'ended', reason: 'hangup' });
    const total = ended.events.at(-1) as { receivedPackets: number; lostIn: number };
    expect(total.receivedPackets).toBeGreaterThan(500);
    expect(total.lostIn).toBeLessThan(50);
    expect(ended.stdout).not.toContain('"reconnecting","on":true');
  });
});
