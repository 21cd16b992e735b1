/**
 * The main job over real parts: one private network, two people who sign up, find one another, become buddies, chat and
 * hear each other. The commands are those that the contract promises to scripts.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyBytesOf, RUNGS } from '../../src/net/media/rungs.ts';
import { compare, comparePieces } from '../support/likeness.ts';
import { PrivateNetwork, untilAsync } from '../support/private-network.ts';
import { readWav, speech, writeWav } from '../support/speech.ts';

let net: PrivateNetwork;
const alice = { profile: 'A', name: 'alice1' };
const bobby = { profile: 'B', name: 'bobby1' };

beforeAll(async () => {
  net = await PrivateNetwork.start();
  await Promise.all([net.person('A', 'alice1'), net.person('B', 'bobby1')]);
  writeWav(net.path('speech.wav'), speech().samples);
});
afterAll(() => net.stop());

describe('a private network', () => {
  it('is ready within 3 s and prints an invite', async () => {
    const second = net.run(['up', '--dir', net.path('second'), '--host', '127.0.0.1', '--json']);
    await second.saw(/"ready"/, 3_000);
    expect(second.events()[0]).toMatchObject({ event: 'ready', invite: expect.stringMatching(/^wren:/) });
    second.child.kill('SIGTERM');
    expect((await second.done).code).toBe(0);
  });
});

describe('two people', () => {
  it('find one another, become buddies and see each other online', async () => {
    const found = await net.wren('A', 'search', 'bobby', '--json');
    expect(found.code).toBe(0);
    expect(found.events).toEqual([
      { event: 'result', name: 'bobby1', displayName: 'bobby1' },
      { event: 'done', complete: true, tookMs: expect.any(Number) },
    ]);
    await net.befriend(alice, bobby);
    await untilAsync(
      async () =>
        (await net.wren('A', 'buddies', '--json')).events.some(
          (one) => one.name === 'bobby1' && one.presence === 'online',
        ),
      5_000,
      () => 'bobby1 online',
    );
  });

  it('chat: the line arrives once, and both histories have it', async () => {
    const sent = await net.wren('A', 'chat', 'bobby1', 'hello from a terminal', '--json');
    expect(sent.code).toBe(0);
    await untilAsync(
      async () => (await net.wren('B', 'chat', 'alice1', '--history')).stdout.includes('hello from a terminal'),
      5_000,
      () => 'the line at bobby1',
    );
    const there = await net.wren('B', 'chat', 'alice1', '--history', '--json');
    expect(there.events.filter((one) => one.text === 'hello from a terminal')).toHaveLength(1);
  });

  it('hear each other: what B records is what A plays, in packets of the sizes and at the pace of the rungs', {
    timeout: 60_000,
  }, async () => {
    const answer = net.go('B', 'answer', '--once', '--audio', `file:,${net.path('b.wav')}`, '--json');
    const call = await net.wren(
      'A',
      'call',
      'bobby1',
      '--for',
      '8',
      '--audio',
      `file:${net.path('speech.wav')}`,
      '--json',
    );
    const answered = await answer.done;
    expect(call.code, call.stderr).toBe(0);
    expect(answered.code, answered.stderr).toBe(0);

    for (const { events } of [call, answered]) {
      const names = events.map((one) => one.event);
      const order = ['ringing', 'answered', 'path', 'quality', 'ended'];
      expect(order.map((name) => names.indexOf(name))).toEqual(
        order.map((name) => names.indexOf(name)).toSorted((a, b) => a - b),
      );
      expect(names).toEqual(expect.arrayContaining(order));
      expect(events.at(-1)).toMatchObject({ event: 'ended', reason: 'hangup' });
      expect(events.filter((one) => one.event === 'path').at(-1)).toMatchObject({ path: 'lan' });
    }
    const qualities = call.events.filter((one) => one.event === 'quality');
    expect(qualities.length).toBeGreaterThanOrEqual(7);
    const used = qualities.map((one) => Object.values(RUNGS).find((rung) => bodyBytesOf(rung) === one.payloadBytes));
    expect(used).not.toContain(undefined);
    const ended = call.events.at(-1) as { sentPackets: number; durationMs: number };
    const packetsPerSecond = ended.sentPackets / (ended.durationMs / 1000);
    expect(packetsPerSecond).toBeLessThan(51);
    // Only a machine that is too busy for a call leads to longer frames, and so to fewer packets.
    const slowest = Math.max(...used.map((rung) => rung?.frameMs ?? 0));
    expect(packetsPerSecond).toBeGreaterThan(slowest === 20 ? 49 : 16);

    const heard = readWav(net.path('b.wav'));
    // In pieces, because the jitter buffer settles while the first words are spoken.
    expect(comparePieces(speech().samples, heard).correlation).toBeGreaterThan(0.8);
    expect(compare(speech().samples, heard).stoi).toBeGreaterThan(0.85);
  });

  it("ring each other's bell in vain: nobody answers, busy and declined have their exit codes", {
    timeout: 30_000,
  }, async () => {
    const ringing = net.go('A', 'call', 'bobby1', '--audio', 'none', '--json');
    await ringing.saw(/"ringing"/);
    ringing.child.kill('SIGINT');
    expect((await ringing.done).code).toBe(2);
    const nobody = await net.wren('A', 'call', 'carol99', '--audio', 'none', '--json');
    expect(nobody.code).toBe(2);
    expect(nobody.events.at(-1)).toMatchObject({ event: 'ended', reason: 'unreachable' });
  });

  it('hold and mute a call from scripts', { timeout: 30_000 }, async () => {
    const answer = net.go('B', 'answer', '--once', '--audio', 'none', '--json');
    const call = net.go('A', 'call', 'bobby1', '--audio', 'none', '--json');
    await call.saw(/"answered"/);
    for (const word of ['hold', 'resume', 'mute', 'unmute']) expect((await net.wren('A', word)).code, word).toBe(0);
    await answer.saw(/"unmuted"/);
    expect((await net.wren('B', 'hangup')).code).toBe(0);
    expect((await call.done).code).toBe(0);
    const heard = (await answer.done).events.filter((one) => one.by === 'them').map((one) => one.event);
    expect(heard).toEqual(['held', 'resumed', 'muted', 'unmuted']);
  });

  it('test their sound with the echo service, which answers chats too', { timeout: 30_000 }, async () => {
    await net.succeed('A', 'buddies', 'add', 'echo');
    await net.untilBuddy('A', 'echo', 'both');
    const call = await net.wren(
      'A',
      'call',
      'echo',
      '--for',
      '6',
      '--audio',
      `file:${net.path('speech.wav')},${net.path('a.wav')}`,
      '--json',
    );
    expect(call.code, call.stderr).toBe(0);
    const said = speech().samples.subarray(0, 16_000 * 3);
    expect(comparePieces(said, readWav(net.path('a.wav'))).correlation).toBeGreaterThan(0.8);
    await net.succeed('A', 'chat', 'echo', 'are you there?');
    await untilAsync(
      async () => (await net.wren('A', 'chat', 'echo', '--history')).stdout.includes('You wrote: are you there?'),
      5_000,
      () => 'the reply of echo',
    );
  });

  it('are refused with a code and one sentence: wrong password, taken name, malformed name', async () => {
    await net.succeed('C', 'join', net.invite);
    const taken = await net.wren('C', 'signup', 'Bobby1');
    expect(taken.code).toBe(4);
    const malformed = await net.wren('C', 'signup', '1bad');
    expect(malformed.code).toBe(3);
    const wrong = await net.run(['--profile', net.path('C'), 'signin', 'bobby1'], { WREN_PASSWORD: 'not the password' })
      .done;
    expect(wrong.code).toBe(4);
    for (const { stderr } of [taken, malformed, wrong]) expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('leave no password, invite or name in any log', () => {
    for (const log of ['A/agent.log', 'B/agent.log', 'network/agent.log']) {
      const text = readFileSync(net.path(log), 'utf8');
      for (const secret of ['correct horse', 'wren:', 'alice1', 'bobby1', 'PRIVATE'])
        expect(text.includes(secret), `${secret} in ${log}`).toBe(false);
    }
  });
});
