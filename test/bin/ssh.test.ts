/**
 * `wren ssh` for real: an OpenSSH server on the loopback, PulseAudio null sinks as the laptop's microphone and speaker, and the
 * whole of `wren` over there without any sound of its own, on a terminal, with a call to the echo service.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { comparePieces } from '../support/likeness.ts';
import { PrivateNetwork } from '../support/private-network.ts';
import { missingForPulse, PulseServer } from '../support/pulse-server.ts';
import { speech } from '../support/speech.ts';
import { missingForSsh, SshServer } from '../support/ssh-server.ts';
import { hasTerminals, openTerminal, type TestTerminal } from '../support/terminal.ts';

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');
const missing = [...missingForSsh(), ...missingForPulse(), ...(hasTerminals() ? [] : ['pseudo-terminals'])];
if (missing.length > 0) console.log(`skipped, wren ssh over a real sshd: ${missing.join(', ')} missing`);

describe.skipIf(missing.length > 0)('wren ssh', () => {
  let net: PrivateNetwork;
  let sshd: SshServer;
  let pulse: PulseServer;
  let laptop: TestTerminal;
  let hasEnded = true;
  const sockets = (): string[] => readdirSync('/tmp').filter((name) => /^wren-[0-9a-f]{32}\.sock$/.test(name));
  const before = sockets();
  const words = (): string[] => ['ssh', ...sshd.options, '--wren', WREN, '127.0.0.1', '--profile', net.path('far')];

  beforeAll(async () => {
    [net, sshd, pulse] = await Promise.all([PrivateNetwork.start(), SshServer.start(), PulseServer.start()]);
    await net.person('far', 'alice1');
  });

  // A scene that failed is tried once more, and must not meet its own remains.
  afterEach(async () => {
    if (hasEnded) return;
    laptop.signal('SIGKILL');
    await laptop.ended;
    hasEnded = true;
    await net.wren('far', 'hangup');
  });

  afterAll(async () => {
    await Promise.all([net?.stop(), sshd?.stop(), pulse?.stop()]);
  });

  /** A busy machine tears holes into sound: said up to three times, until it is understood. */
  async function understood(): Promise<number> {
    let best = 0;
    for (let time = 0; time < 3 && best <= 0.6; time++) best = Math.max(best, await spokenAndHeard());
    return best;
  }

  /** Says the sentence into the laptop's microphone; how alike is what its speaker plays? */
  async function spokenAndHeard(): Promise<number> {
    const said = speech().samples.subarray(0, 16_000 * 1.6);
    const heard = pulse.listen();
    await pulse.speak(said, 200);
    // The echo says it a second later.
    await new Promise((resolve) => setTimeout(resolve, 1700));
    return comparePieces(said, heard()).correlation;
  }

  it('carries the laptop into a call over there, which outlives the connection and is taken up again', async () => {
    hasEnded = false;
    laptop = openTerminal(process.execPath, [WREN, ...words()], {
      columns: 100,
      env: { ...pulse.env, WREN_PROFILE: net.path('near') },
    });
    await laptop.until(/alice1/, 15_000);
    const call = net.go('far', 'call', 'echo', '--for', '60', '--json');
    await call.saw(/"event":"first-sound"/, 15_000);
    await laptop.until(/ssh \d+ ms/);
    expect(await understood()).toBeGreaterThan(0.6);
    const told = await net.wren('far', 'status', '--json');
    expect(told.events[0]).toMatchObject({
      audio: { backend: 'socket', endpoint: { state: 'attached', delayMs: expect.any(Number) } },
    });

    sshd.killConnections();
    await call.saw(/"event":"muted"/);
    await laptop.until(/connection to 127\.0\.0\.1 is gone/i);
    await laptop.until(/alice1/, 15_000);
    await call.saw(/"event":"unmuted"/, 15_000);
    expect(await understood()).toBeGreaterThan(0.6);
    expect(call.events().filter(({ event }) => event === 'ended')).toEqual([]);

    // Nothing is left behind when the person goes.
    call.child.kill('SIGINT');
    await call.done;
    laptop.type('q');
    expect(await laptop.ended).toBe(0);
    hasEnded = true;
    expect(readdirSync(join(net.path('far'), 'endpoints'))).toEqual([]);
  });

  it('passes words and exit codes through, and says in one sentence what is missing', async () => {
    const status = await net.run(['--json', ...words(), 'status', '--json']).done;
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      account: { name: 'alice1' },
      audio: { endpoint: { state: 'ready' } },
    });
    const [usage, noWren, noHost] = await Promise.all([
      net.run([...words(), 'status', '--nonsense']).done,
      net.run(['ssh', ...sshd.options, '--wren', '/no/wren', '127.0.0.1']).done,
      net.run(['ssh', '-F', '/dev/null', '-p', '1', '-o', 'BatchMode=yes', '127.0.0.1']).done,
    ]);
    expect([usage.code, usage.stderr]).toEqual([3, expect.stringContaining("unknown option '--nonsense'")]);
    expect([noWren.code, noWren.stderr.trim()]).toEqual([
      2,
      'wren: 127.0.0.1: /no/wren: No wren can be started there: install it (npm install --global wren), or name it with --wren PATH.',
    ]);
    expect([noHost.code, noHost.stderr]).toEqual([2, expect.stringContaining('wren: 127.0.0.1: No connection')]);
    // sshd leaves its sockets behind; we do not.
    expect(sockets().filter((name) => !before.includes(name))).toEqual([]);
    expect(readdirSync(join(net.path('far'), 'endpoints'))).toEqual([]);
  });
});
