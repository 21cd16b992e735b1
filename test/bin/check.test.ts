import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { briefOf } from '../../bin/commands/check-brief.ts';
import { stepsOf } from '../../bin/commands/check-path.ts';
import { hostCacheSteps, port443Step, tcpStep } from '../../bin/commands/check-reach.ts';
import { soundStep } from '../../bin/commands/check-sound.ts';
import {
  addressStep,
  buddyStep,
  certificateStep,
  checkExit,
  clockStep,
  loginSteps,
  step,
  supernodeStep,
  typical,
  udpStep,
  voiceStep,
  worst,
} from '../../bin/commands/check-steps.ts';
import { newCall } from '../../src/store/new-call.ts';
import type { AgentResults, CallEvent, KnockReport, NetworkCheck, SoundDevicesReport } from '../../src/store/port.ts';
import type { AppState, Quality } from '../../src/store/state.ts';
import { buddy, refuse, type Script, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

type PathReport = AgentResults['check.path'];

const knock = (change: Partial<KnockReport> = {}): KnockReport => ({
  endpoint: 'tcp:192.0.2.7:33033',
  trouble: null,
  tookMs: 21,
  connected: true,
  ...change,
});
const UDP_KNOCK = knock({ endpoint: 'udp:192.0.2.7:4000', connected: false });
const SILENT = { trouble: 'unreachable', connected: false } as const;
const FOUND: NetworkCheck = {
  ...{ loginServers: [knock()], insideTls: [], supernodes: [UDP_KNOCK], clockOffsetMs: 400 },
  hostCache: { supernodes: 3, worked: 2, lastWorkedAtMs: Date.UTC(2026, 10, 25, 20, 50) },
};
const QUALITY: Quality = {
  path: 'direct',
  rttMs: 20,
  jitterMs: 1,
  lossInPct: 0,
  lossOutPct: 0,
  bufferMs: 20,
  mouthToEarMs: 80,
  sentPps: 50,
  recvPps: 50,
  payloadBytes: 90,
  bitrate: 36_000,
  redundancy: 0,
  concealedPct: 0,
  mos: 4.4,
  verdict: 'good',
};
const state = (change: Partial<AppState> = {}): AppState => ({ ...SIGNED_IN, ...change });

/** An agent whose echo service answers and talks by this path. */
function talks(change: Partial<Quality> = {}, script: Script = {}): Script {
  const ended = { event: 'ended', reason: 'hangup' } as Partial<CallEvent> & { event: 'ended' };
  return {
    check: () => FOUND,
    'call.place': (_command, one) => {
      setTimeout(() => {
        one.call({ event: 'answered', setupMs: 30 });
        one.call({ event: 'quality', ...QUALITY, ...change });
        // The command hangs up after some seconds; here echo is quicker, so that the test is.
        one.call(ended);
      }, 20);
      return { call: '0123456789abcdef0123456789abcdef' };
    },
    ...script,
  };
}

async function check(script: Script, args: readonly string[] = [], known: AppState = SIGNED_IN) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, script, known);
  return await wren.run(['--profile', profile, 'check', ...args]);
}

const verdicts = (stdout: string) =>
  Object.fromEntries(
    jsonLines(stdout).flatMap((one) => (one.event === 'step' ? [[one.name as string, one.verdict as string]] : [])),
  );

test('all well: every step passes, with figures, and it ends 0', async () => {
  const { code, stdout, stderr } = await check(talks(), ['--json']);
  expect([code, stderr]).toEqual([0, '']);
  const objects = jsonLines(stdout);
  expect(objects.at(-1)).toEqual({ event: 'done', verdict: 'pass', exit: 0 });
  expect(verdicts(stdout)).toEqual({
    agent: 'pass',
    network: 'pass',
    proxy: 'pass',
    'host cache': 'pass',
    tcp: 'pass',
    443: 'pass',
    'login server': 'pass',
    account: 'pass',
    supernode: 'pass',
    udp: 'pass',
    'our address': 'pass',
    nat: 'pass',
    certificate: 'pass',
    clock: 'pass',
    sound: 'pass',
    'echo call': 'pass',
  });
  for (const one of objects.slice(0, -1)) {
    expect(one).toMatchObject({ event: 'step', cause: expect.any(String), remedy: expect.any(String) });
  }
  expect(objects.find((one) => one.name === 'echo call')).toMatchObject({ path: 'direct', mouthToEarMs: 80, mos: 4.4 });
});

test('where only TLS gets through, it says so, and warns of the rest', async () => {
  const loginServers = [knock({ ...SILENT })];
  const insideTls = [knock({ endpoint: 'tcp:192.0.2.7:443', tookMs: 310 })];
  const supernodes = [knock({ ...SILENT, endpoint: 'udp:192.0.2.7:4000' })];
  const found = { ...FOUND, loginServers, insideTls, supernodes };
  const { code, stdout } = await check(talks({ path: 'tcp443' }, { check: () => found }), ['--json']);
  expect(code).toBe(1);
  expect(verdicts(stdout)).toMatchObject({ 'login server': 'warn', tls: 'pass', udp: 'warn' });
  const cause = '192.0.2.7:443 answers inside TLS, 310 ms: all goes that way from here';
  expect(jsonLines(stdout)).toContainEqual(expect.objectContaining({ name: 'tls', cause }));
});

test('for people it is one screen of aligned lines on stdout, without colour, that ends with a sentence', async () => {
  const { code, stdout, stderr } = await check(talks());
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(24);
  expect(lines.at(-1)).toBe('Voice can go direct.');
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^(pass|warn|fail) {2}[a-z443 ]{12} {2}\S/);
  expect(stdout).not.toContain('\u001b');
});

test.each([
  [{ path: 'relay' } as const, /relayed/],
  [{ path: 'tcp' } as const, /over TCP.*let UDP through/],
  [{ verdict: 'they hear gaps' } as const, /they hear gaps/],
])('a call that goes %j works but degraded: 1', async (change, words) => {
  const { code, stdout } = await check(talks(change));
  expect(code).toBe(1);
  expect(stdout).toMatch(words);
});

test('a call in which no sound arrives is no call: 2', async () => {
  expect((await check(talks({ verdict: 'no sound arrives' }))).code).toBe(2);
});

test('without an echo service it says how to get one: 1', async () => {
  const { code, stdout } = await check(
    talks(
      {},
      {
        'call.place': () => {
          throw refuse('person-unknown');
        },
      },
    ),
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(/^warn {2}echo call.*Try: wren echo/m);
});

test('the test call is silent unless a SPEC is given, and that changes no setting', async () => {
  await check(talks());
  expect(await agent?.wasAsked('call.place')).toMatchObject({ to: 'echo', audio: 'none' });
  await agent?.close();
  const profile = wren.profile();
  agent = await scriptedAgent(profile, talks());
  await wren.run(['--profile', profile, '--audio', 'file:,/tmp/x.wav', 'check']);
  expect(await agent.wasAsked('call.place')).toMatchObject({ audio: 'file:,/tmp/x.wav' });
  expect(agent.asked.some(({ type }) => type === 'audio.set')).toBe(false);
});

test('a call that is under way is judged and left alone', async () => {
  const call = newCall('ab', 'bobby1', 'out', 1);
  const running = { ...call, phase: 'running', answeredAtMs: 2, path: 'direct', quality: QUALITY } as const;
  const { code, stdout } = await check(talks(), ['--json'], state({ calls: [running] }));
  expect([code, verdicts(stdout)['running call']]).toEqual([0, 'pass']);
  expect(agent?.asked.some(({ type }) => type === 'call.place')).toBe(false);
});

test('nobody signed in: the network is looked at, and it ends 2 with what to type', async () => {
  const stranger = state({ account: null, connection: 'offline', supernode: null });
  const { code, stdout } = await check({ check: () => ({ ...FOUND, supernodes: [] }) }, [], stranger);
  expect(code).toBe(2);
  expect(stdout).toMatch(/^pass {2}login server/m);
  expect(stdout).toMatch(/^fail {2}account .*Try: wren signin NAME/m);
});

test('no network: 2, and the remedy', async () => {
  const { code, stdout } = await check({}, [], state({ network: null, account: null }));
  expect(code).toBe(2);
  expect(stdout).toMatch(/^fail {2}network .*Try: wren join INVITE/m);
});

test('an agent that is too old for this question fails as a step, not as a crash', async () => {
  const { code, stdout } = await check(
    {
      check: () => {
        throw refuse('port-version');
      },
    },
    ['--json'],
  );
  expect(code).toBe(2);
  expect(jsonLines(stdout).at(-1)).toEqual({ event: 'done', verdict: 'fail', exit: 2 });
});

test('--every goes on until Ctrl-C, and ends as its last round did', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, talks({ path: 'relay' }));
  const running = wren.start(['--profile', profile, 'check', '--every', '0.1', '--json']);
  await agent.wasAsked('call.place', 3);
  await expect.poll(() => running.stdout().match(/"done"/g)?.length ?? 0, { timeout: 5_000 }).toBeGreaterThanOrEqual(2);
  running.signal('SIGINT');
  const { code, stdout } = await running.ended;
  expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'done', exit: code });
});

describe('login servers', () => {
  test('one that is down is a warning while voice does without it, and a failure before that', () => {
    const found = { ...FOUND, loginServers: [knock(SILENT)] };
    expect(loginSteps(found, true)[0]).toMatchObject({ verdict: 'warn', trouble: 'unreachable' });
    expect(loginSteps(found, false)[0]).toMatchObject({ verdict: 'fail' });
    const two = { ...FOUND, loginServers: [knock(SILENT), knock()] };
    expect(loginSteps(two, false).map(({ verdict }) => verdict)).toEqual(['warn', 'pass']);
  });

  test('closed, silent and foreign ones are told apart', () => {
    const causes = [knock(SILENT), knock({ trouble: 'unreachable' }), knock({ trouble: 'authority-mismatch' })].map(
      (one) => loginSteps({ ...FOUND, loginServers: [one] }, true)[0]?.cause,
    );
    expect(causes).toEqual([
      '192.0.2.7:33033 cannot be reached by TCP',
      '192.0.2.7:33033 accepts TCP, but does not answer as a login server',
      '192.0.2.7:33033 is not trusted: authority-mismatch',
    ]);
  });
});

describe('the way out', () => {
  test('UDP works when one supernode answers, and is blocked when none does', () => {
    expect(udpStep(FOUND)).toMatchObject({ verdict: 'pass', udp: 'works' });
    const blocked = { ...FOUND, supernodes: [knock({ ...SILENT, endpoint: 'udp:192.0.2.7:4000' })] };
    expect(udpStep(blocked)).toMatchObject({ verdict: 'warn', udp: 'blocked' });
  });

  test('TCP works when anybody answers by it, and is told apart from a firewall that looks into the stream', () => {
    const some = { ...FOUND, supernodesByTcp: [knock(SILENT), knock()] };
    expect(tcpStep(some)).toMatchObject({
      ...{ verdict: 'pass', tcp: 'works', answering: 2 },
      cause: 'gets through: the login server (192.0.2.7:33033, 21 ms) and 1 of 2 supernodes',
    });
    const with_ = (one: KnockReport) => tcpStep({ ...FOUND, loginServers: [one] });
    expect(with_(knock(SILENT))).toMatchObject({ verdict: 'warn', tcp: 'blocked' });
    expect(with_(knock({ trouble: 'unreachable' }))).toMatchObject({ verdict: 'warn', tcp: 'deaf' });
  });

  test('nobody has to answer at 443, unless nothing else gets through', () => {
    const at443 = knock({ ...SILENT, endpoint: 'tcp:192.0.2.7:443' });
    const closed = { ...FOUND, insideTls: [at443], supernodesAt443: [at443] };
    expect(port443Step(closed)).toMatchObject({ verdict: 'pass', port443: 'silent', remedy: '' });
    const alone = { ...closed, loginServers: [knock(SILENT)], supernodes: [knock(SILENT)] };
    expect(port443Step(alone)).toMatchObject({ verdict: 'warn', remedy: expect.stringContaining('listen at 443') });
    const open = { ...alone, insideTls: [knock({ endpoint: 'tcp:192.0.2.7:443' })], supernodesAt443: [at443, knock()] };
    expect(port443Step(open).cause).toBe(
      'open: the login server inside TLS (192.0.2.7:443, 21 ms) and 1 of 2 supernodes',
    );
  });

  test('the host cache tells what it holds; an empty one matters only to who is not attached', () => {
    expect(hostCacheSteps(FOUND, true)[0]?.cause).toMatch(
      /^3 supernodes kept, 2 of them served us, the last time at 2026/,
    );
    const empty = { ...FOUND, hostCache: { supernodes: 0, worked: 0, lastWorkedAtMs: null } };
    expect([hostCacheSteps(empty, true)[0]?.verdict, hostCacheSteps(empty, false)[0]?.verdict]).toEqual([
      'pass',
      'warn',
    ]);
    const { hostCache: _, ...older } = FOUND;
    expect(hostCacheSteps(older, true)).toEqual([]);
  });

  test('no supernode is a failure that says how many are known', () => {
    const away = state({ connection: 'connecting', supernode: null, trouble: 'unreachable-network' });
    expect(supernodeStep(away, { ...FOUND, supernodes: [knock(SILENT)] })).toMatchObject({
      verdict: 'fail',
      cause: expect.stringContaining('1 supernode known, 0 answering'),
    });
  });

  test('a supernode that limits what it relays is a warning', () => {
    const supernode = { endpoint: 'udp:192.0.2.7:4000', carrier: 'udp', rttMs: 12, limitedBy: 'person' } as const;
    expect(supernodeStep(state({ supernode }), FOUND)).toMatchObject({
      verdict: 'warn',
      cause: expect.stringContaining('it limits what it relays for you'),
      limitedBy: 'person',
    });
  });

  test('NAT is named and is no fault', () => {
    expect(addressStep(state({ nat: 'behind-nat', observed: 'udp:203.0.113.5:61000' }))).toMatchObject({
      verdict: 'pass',
      cause: 'behind NAT, seen as 203.0.113.5:61000',
      nat: 'behind-nat',
    });
  });
});

test('a clock more than two minutes off is a warning, either way', () => {
  const at = (clockOffsetMs: number | null) => clockStep({ ...FOUND, clockOffsetMs });
  expect([at(119_000), at(121_000), at(-121_000), at(null)].map(({ verdict }) => verdict)).toEqual([
    'pass',
    'warn',
    'warn',
    'pass',
  ]);
  expect(at(-7_200_000).cause).toBe('2 h 0 min behind the login server');
});

test('a certificate warns when it should have been renewed, and fails when it has ended', () => {
  const hours = (left: number) =>
    certificateStep({ name: 'alice1', displayName: '', certificateExpiresAtMs: left * 3_600_000 }, 0).verdict;
  expect([hours(71), hours(1), hours(-1)]).toEqual(['pass', 'warn', 'fail']);
});

test('missing sound is told, and does not make the network worse', () => {
  const audio = { spec: 'default', codec: 'native', backend: 'none', advice: 'Plug one in.', problem: '' } as const;
  const sound = soundStep(state({ audio }));
  expect(sound).toMatchObject({ verdict: 'warn', remedy: 'Plug one in.' });
  expect(worst([step('agent', 'pass', ''), sound])).toBe('pass');
  expect(soundStep(state({ audio: { ...audio, spec: 'none' } })).verdict).toBe('pass');
});

test('a sound card is looked at: what calls would use, what is missing, what was chosen and is gone', () => {
  const audio = { spec: 'default', codec: 'native', backend: 'pulse', advice: '', problem: '' } as const;
  const device = (name: string, change: Partial<SoundDevicesReport['inputs'][number]> = {}) => ({
    ...{ name, description: `${name} of metal`, isDefault: false, isMonitor: false, isChosen: false, inUse: false },
    ...change,
  });
  const report = (inputs: SoundDevicesReport['inputs'], spec = 'default'): SoundDevicesReport => ({
    ...{ spec, backend: 'pulse', inputs, outputs: [device('horn', { isDefault: true })] },
  });
  const ears = [device('monitor', { isMonitor: true, isDefault: true }), device('mic')];
  expect(soundStep(state({ audio }), report(ears))).toMatchObject({
    ...{ verdict: 'pass', microphones: ['mic'], speakers: ['horn'] },
    cause: 'default: pulse, Opus native, microphone mic of metal, speaker horn of metal',
  });
  expect(soundStep(state({ audio }), report(ears.slice(0, 1)))).toMatchObject({
    ...{ verdict: 'warn', cause: 'default: pulse, Opus native, no microphone' },
  });
  const gone = { ...audio, spec: 'device:Headset' };
  expect(soundStep(state({ audio: gone }), report(ears, 'device:Headset')).cause).toMatch(
    /^the microphone "Headset" is not there, the speaker "Headset" is not there: calls use the default$/,
  );
});

test('--brief is one line with state, cause and figures, and the exit codes that monitoring expects', async () => {
  const good = await check(talks(), ['--brief']);
  expect([good.code, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toMatch(/^WREN OK - voice can go direct, echo call: .*MOS 4\.4 \| rtt=20ms;;;0 .*\n$/);
  expect(good.stdout.match(/\n/g)).toHaveLength(1);
  // label=value[unit];[warn];[crit];[min];[max]
  for (const figure of good.stdout.trimEnd().split(' | ')[1]?.split(' ') ?? []) {
    expect(figure).toMatch(/^[a-z_]+=-?\d+(\.\d+)?(ms|s|%)?(;[-\d.:]*){0,4}$/);
  }
  await agent?.close();
  const relayed = await check(talks({ path: 'relay' }), ['--brief', '--json']);
  expect(relayed.code).toBe(1);
  expect(jsonLines(relayed.stdout)).toMatchObject([
    { event: 'done', verdict: 'warn', state: 'WARNING', exit: 1, summary: expect.stringMatching(/^echo call: /) },
  ]);
  await agent?.close();
  const lost = await check({}, ['--brief'], state({ network: null, account: null }));
  expect([lost.code, lost.stdout]).toEqual([
    2,
    expect.stringMatching(/^WREN CRITICAL - network: no network joined yet \| took=[\d.]+s;;;0\n$/),
  ]);
});

test('a brief line has one bar, no line break, what fails before what warns, and no word of sound', () => {
  const steps = [step('udp', 'warn', 'a|b\nc'), step('sound', 'warn', 'no card'), step('supernode', 'fail', 'gone')];
  const { line, state: told, figures } = briefOf(steps, 1_234);
  expect([line, told]).toEqual(['WREN CRITICAL - supernode: gone; udp: a/b c | took=1.23s;;;0', 'CRITICAL']);
  expect(figures).toEqual({ took: 1.23 });
});

test('a buddy is told by what is known here', () => {
  const buddies = [
    buddy('bobby1'),
    buddy('carol1', { presence: 'offline' }),
    buddy('dave01', { relation: 'outgoing' }),
  ];
  const of = (name: string) => buddyStep(state({ buddies }), name);
  expect(of('BOBBY1')).toMatchObject({ verdict: 'pass', presence: 'online', pathProbed: true });
  expect(of('carol1')).toMatchObject({ verdict: 'fail', presence: 'offline', pathProbed: false });
  expect(of('dave01').verdict).toBe('fail');
  expect(of('erin01').remedy).toBe('wren buddies add erin01');
});

describe('the way to a buddy', () => {
  const bobby = state({ buddies: [buddy('bobby1'), buddy('carol1', { presence: 'offline' })] });
  const nat = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', udpBlocked: false } as const;
  const count = { sent: 20, received: 20, rttMs: 12.34 };
  const direct: PathReport = {
    ...{ path: 'direct', why: null, relay: { ...count, rttMs: 41 }, direct: count, directAfterMs: 312, tookMs: 1_700 },
    ...{ ours: nat, theirs: { ...nat, mapping: 'none', filtering: 'endpoint-independent' } },
  };
  const relayed: PathReport = { ...direct, path: 'relay', why: 'both-symmetric', direct: null, directAfterMs: null };

  test('that is direct passes in three steps, with figures and RFC 4787 words, and nobody is called but echo', async () => {
    const script = talks({}, { 'check.path': () => direct });
    const { code, stdout } = await check(script, ['BOBBY1', '--json'], bobby);
    expect(code).toBe(0);
    const steps = jsonLines(stdout);
    expect(steps.find(({ name }) => name === 'their nat')).toMatchObject({
      ...{ verdict: 'pass', mapping: 'none', udpBlocked: false },
      cause: "at BOBBY1's end: no NAT, endpoint-independent filtering",
    });
    expect(steps.find(({ name }) => name === 'relayed way')).toMatchObject({
      ...{ verdict: 'pass', rttMs: 41, sent: 20, received: 20, lossPct: 0 },
      cause: 'round trip 41 ms through the supernode, 20 of 20 packets came back',
    });
    expect(steps.find(({ name }) => name === 'direct way')).toMatchObject({
      ...{ verdict: 'pass', path: 'direct', why: null, rttMs: 12.3, directAfterMs: 312, lossPct: 0 },
      cause:
        'from address to address, round trip 12.3 ms, found in 0.3 s, 20 of 20 packets came back (here ' +
        'endpoint-independent mapping, address-and-port-dependent filtering; there no NAT, endpoint-independent filtering)',
    });
    expect(agent?.asked.flatMap((one) => (one.type === 'call.place' ? [one.to] : []))).toEqual(['echo']);
  });

  test('that is relayed is a warning with cause and remedy: 1', async () => {
    const { code, stdout } = await check(talks({}, { 'check.path': () => relayed }), ['bobby1'], bobby);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^warn {2}direct way .*both routers give every destination another port.*calls are relayed/m,
    );
    expect(stdout).toMatch(/^warn {2}direct way .*Try: let one of the routers pass a port on/m);
  });

  test.each([
    ['udp-blocked-here', 'tcp', /no UDP gets out from here .*; calls go .*TCP/],
    ['udp-blocked-there', 'relay', /no UDP gets out at their end/],
    ['udp-blocked-both', 'tcp443', /at either end/],
    ['no-address-there', 'relay', /names no address/],
    ['unsteady', 'relay', /did not stay/],
    ['nothing-came-through', 'relay', /nothing came through/],
  ] as const)('%s has words of its own', (why, path, words) => {
    const [, , step] = stepsOf('bobby1', { ...relayed, why, path });
    expect(step).toMatchObject({ verdict: 'warn', path, why, cause: expect.stringMatching(words) });
    expect(step?.remedy).not.toBe('');
  });

  test('a firewall at their end that lets no UDP out is a warning of its own', () => {
    const [theirs] = stepsOf('bobby1', { ...relayed, theirs: { ...nat, udpBlocked: true } });
    expect(theirs).toMatchObject({ name: 'their nat', verdict: 'warn', remedy: expect.stringContaining('let UDP') });
  });

  test('that loses packets, or is not relayed at all, is told so', () => {
    const lossy = stepsOf('bobby1', { ...direct, direct: { ...count, received: 17 } });
    expect(lossy[2]).toMatchObject({ verdict: 'warn', lossPct: 15 });
    const deaf = stepsOf('bobby1', { ...relayed, relay: { sent: 20, received: 0, rttMs: null } });
    expect(deaf[1]).toMatchObject({ verdict: 'fail', lossPct: 100 });
  });

  test.each([
    ['timed-out', /older version/],
    ['not-allowed', /does not want/],
    ['not-a-buddy', /buddy list/],
    ['person-offline', /could not be reached/],
    ['port-version', /agent that runs here/],
    ['server-fault', /not tested/],
  ] as const)('that cannot be tested (%s) is a warning: 1', async (code, words) => {
    const refuses = (): never => {
      throw refuse(code);
    };
    const outcome = await check(talks({}, { 'check.path': refuses }), ['bobby1', '--json'], bobby);
    expect(outcome.code).toBe(1);
    const step = jsonLines(outcome.stdout).find(({ name }) => name === 'direct way');
    expect(step).toMatchObject({ verdict: 'warn', code, cause: expect.stringMatching(words) });
  });

  test('to somebody who is offline is not tested', async () => {
    const { stdout } = await check(talks(), ['carol1', '--json'], bobby);
    expect(verdicts(stdout)).toMatchObject({ buddy: 'fail' });
    expect(verdicts(stdout)['direct way']).toBe(undefined);
    expect(agent?.asked.some(({ type }) => type === 'check.path')).toBe(false);
  });
});

test('a lone bad second does not make a bad call, nor does the first; bad ones in most do', () => {
  const seconds = (...list: Quality['verdict'][]) => list.map((verdict) => ({ ...QUALITY, verdict }));
  const bad = 'you hear gaps';
  expect(typical(seconds(bad, 'good', 'good', bad))?.verdict).toBe('good');
  expect(typical(seconds('good', bad, bad, 'good'))?.verdict).toBe(bad);
  expect(typical(seconds(bad))?.verdict).toBe(bad);
  expect(typical([])).toBe(undefined);
});

test('a call without figures or path failed, and the exit codes are those of the contract', () => {
  expect(voiceStep('echo call', 'echo', undefined).verdict).toBe('fail');
  expect(voiceStep('echo call', 'echo', { ...QUALITY, path: null }).verdict).toBe('fail');
  expect([checkExit('pass'), checkExit('warn'), checkExit('fail')]).toEqual([0, 1, 2]);
});
