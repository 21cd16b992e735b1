/**
 * The lab itself: what it says of cables and boxes is measured with plain sockets, before anything of wren is judged in
 * it. Somewhat below 400 lines, in the order: a cable, a place, IPv6, the end.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Place } from '../places.ts';
import { untilAsync } from '../support/private-network.ts';
import { labSupport, sweep } from './keeper.ts';
import { Lab } from './lab.ts';
import { type Address, Puppet } from './puppet.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED all tests in the network lab: ${support.why}`);

/** Those with something of their own below; what all of them do to packets is in `boxes.test.ts`. */
const PLACES: readonly Place[] = ['PR', "PR'", 'SYM', '443D', 'SAME'];

const hostIn = (place: Place): string => `in-${place.toLowerCase().replace("'", 't')}`;

describe.skipIf(!support.ok)('a cable of the lab', () => {
  let lab: Lab;
  let near: Puppet;
  let far: Address;
  beforeAll(async () => {
    lab = await Lab.start({ seed: 7 });
    await lab.place('PUB', 'near');
    await lab.place('PUB', 'far');
    near = await Puppet.on(lab, 'near');
    const reflector = await Puppet.on(lab, 'far');
    far = { host: reflector.address, port: (await reflector.udp({ reflect: true })).port };
  });
  afterAll(() => lab?.stop());
  const burst = async (count: number, everyMs: number) => near.burst(await near.udp(), far, { count, everyMs });
  const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
  const quantile = (values: readonly number[], share: number): number =>
    values[Math.floor(values.length * share)] ?? Number.NaN;

  it('adds nothing worth mentioning when it is calm, and loses nothing', async () => {
    const { rttMs, order } = await burst(200, 2);
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(quantile(sorted(rttMs.values()), 0.5)).toBeLessThan(10);
  });

  it('adds its delay to each way, and no less', async () => {
    await lab.link('near', { up: { delayMs: 50 }, down: { delayMs: 30 } });
    const { rttMs } = await burst(100, 5);
    const values = sorted(rttMs.values());
    expect(values).toHaveLength(100);
    expect(values[0]).toBeGreaterThanOrEqual(80);
    expect(quantile(values, 0.5)).toBeLessThan(100);
    await lab.link('near', { delayMs: 0 });
  });

  it('spreads packets by its jitter without changing their order', async () => {
    await lab.link('near', { up: { jitterMs: 40 } });
    const { rttMs, order } = await burst(200, 10);
    const values = sorted(rttMs.values());
    expect(quantile(values, 0.95) - quantile(values, 0.05)).toBeGreaterThan(15);
    expect(quantile(values, 0.95)).toBeLessThan(80);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    await lab.link('near', { jitterMs: 0 });
  });

  it('loses, doubles and reorders the share it is told to', async () => {
    await lab.link('near', { up: { loss: 0.2 } });
    const lossy = await burst(1000, 1);
    // Four standard deviations of 1000 throws: 0.05.
    expect(lossy.rttMs.size).toBeGreaterThan(750);
    expect(lossy.rttMs.size).toBeLessThan(850);
    await lab.link('near', { up: { loss: 0, duplicate: 0.1 } });
    const doubled = await burst(1000, 1);
    expect(doubled.rttMs.size).toBe(1000);
    expect(doubled.order.length).toBeGreaterThan(1060);
    expect(doubled.order.length).toBeLessThan(1140);
    await lab.link('near', { up: { duplicate: 0, reorder: 0.05, reorderMs: 20 } });
    const reordered = await burst(1000, 1);
    expect(reordered.rttMs.size).toBe(1000);
    const overtaken = reordered.order.filter((number, i) => number < (reordered.order[i - 1] ?? 0)).length;
    expect(overtaken).toBeGreaterThan(20);
    expect(overtaken).toBeLessThan(80);
    await lab.link('near', { up: { reorder: 0 } });
  }, 30_000);

  it('loses in bursts of the length it is told to', async () => {
    await lab.link('near', { up: { loss: 0.2, lossBurst: 5 } });
    const { rttMs } = await burst(1500, 1);
    const lost = Array.from({ length: 1500 }, (_, i) => !rttMs.has(i));
    const bursts = lost.filter((gone, i) => gone && !lost[i - 1]).length;
    const meanBurst = lost.filter(Boolean).length / bursts;
    expect(meanBurst).toBeGreaterThan(3);
    expect(meanBurst).toBeLessThan(8);
    await lab.link('near', { up: { loss: 0, lossBurst: 1 } });
  }, 30_000);

  it('lets through no more than its rate, and drops what its queue cannot hold', async () => {
    // Packets of about 30 bytes with their headers, 500 a second, are 15 kB/s.
    await lab.link('near', { up: { bytesPerSecond: 5_000, queueBytes: 1_000 } });
    const { rttMs } = await burst(500, 2);
    expect(rttMs.size).toBeGreaterThan(100);
    expect(rttMs.size).toBeLessThan(300);
    expect(Math.max(...rttMs.values())).toBeGreaterThan(100);
    await lab.link('near', { up: { bytesPerSecond: Number.POSITIVE_INFINITY } });
  });

  it('drops frames that hold certain bytes, counts frames, and writes them down', async () => {
    const file = join(lab.folder, 'near.pcap');
    await lab.capture('near', file);
    await lab.link('near', { up: { dropHolding: [Buffer.from('secret').toString('hex')] } });
    const before = (await lab.counts('near')).up;
    const socket = await near.udp();
    await near.send(socket, far, { text: 'a secret word' });
    await near.send(socket, far, { text: 'a word' });
    expect((await near.arrival(socket))?.text).toContain('a word');
    const after = (await lab.counts('near')).up;
    expect(after.forbidden - before.forbidden).toBe(1);
    expect(after.udpFrames - before.udpFrames).toBe(2);
    await lab.capture('near');
    expect(readFileSync(file).toString('latin1')).toMatch(/a secret word[\s\S]*a word/);
    await lab.link('near', { up: { dropHolding: [] } });
  });
});

describe.skipIf(!support.ok)('a place of the lab', () => {
  let lab: Lab;
  const puppets = new Map<string, Puppet>();
  /** UDP reflectors on two machines; a plain server at 443 on the second. */
  let reflectors: Address[];
  const inside = (place: Place): Puppet => puppets.get(hostIn(place))!;
  beforeAll(async () => {
    lab = await Lab.start();
    for (const host of ['one', 'two']) await lab.place('PUB', host);
    for (const place of PLACES) await lab.place(place, hostIn(place));
    await lab.place('SAME', 'other-same');
    await Promise.all(
      ['one', 'two', 'other-same', ...PLACES.map(hostIn)].map(async (host) =>
        puppets.set(host, await Puppet.on(lab, host)),
      ),
    );
    const [one, two] = [puppets.get('one')!, puppets.get('two')!];
    reflectors = [
      { host: one.address, port: (await one.udp({ reflect: true })).port },
      { host: two.address, port: (await two.udp({ reflect: true })).port },
    ];
    await two.listen(443);
  });
  afterAll(() => lab?.stop());

  it('a first packet of little time to live opens the way without spoiling the other end', async () => {
    const [a, b] = [inside("PR'"), inside('PR')];
    const [mine, theirs] = [await a.udp(), await b.udp()];
    const atA = (await a.mapping(mine, reflectors[0]!))!;
    const atB = (await b.mapping(theirs, reflectors[0]!))!;
    await b.send(theirs, atA, { ttl: 5 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await a.send(mine, atB, { text: 'through' });
    expect((await b.arrival(theirs, { after: 1 }))?.text).toBe('through');
    expect(a.arrivals(mine)).toHaveLength(1);
  });

  it('443D wants real TLS from the server too', async () => {
    // A hello of TLS as far as the rules look, to a server that answers in plain text.
    const hello = Buffer.concat([Buffer.from('16030100fa010000f60303', 'hex'), Buffer.alloc(244)]);
    const dialled = await inside('443D').dial(
      { host: puppets.get('two')!.address, port: 443 },
      { hex: hello.toString('hex'), waitMs: 500 },
    );
    expect(dialled).toEqual({ how: 'silence', text: '' });
  });

  it('SAME has two machines that reach each other without leaving the house, and not by its outer address', async () => {
    const [a, b] = [inside('SAME'), puppets.get('other-same')!];
    const [mine, theirs] = [await a.udp(), await b.udp()];
    const outer = (await b.mapping(theirs, reflectors[0]!))!;
    expect(outer.host).toBe(lab.outerAddress(a.host));
    const before = await lab.counts(a.host);
    await a.send(mine, { host: b.address, port: theirs.port }, { text: 'over the table' });
    expect((await b.arrival(theirs, { after: 1 }))?.text).toBe('over the table');
    await a.send(mine, outer, { text: 'by the outer address' });
    expect(await b.arrival(theirs, { after: 2, limitMs: 200 })).toBeUndefined();
    expect((await lab.counts(a.host)).up.frames).toBe(before.up.frames);
  });

  it('can be cut off from somebody, and can move to another address', async () => {
    const puppet = inside('SYM');
    const undo = lab.block(puppet.host, `ip daddr ${reflectors[0]!.host}`);
    const socket = await puppet.udp();
    expect(await puppet.mapping(socket, reflectors[0]!)).toBeUndefined();
    expect(await puppet.mapping(socket, reflectors[1]!)).toBeDefined();
    undo();
    expect((await puppet.mapping(socket, reflectors[0]!))?.host).toBe(lab.outerAddress(puppet.host));
    const before = lab.outerAddress(puppet.host);
    const after = lab.move(puppet.host);
    expect(after).not.toBe(before);
    expect((await puppet.mapping(socket, reflectors[0]!))?.host).toBe(after);
    expect((await puppet.mapping(await puppet.udp(), reflectors[1]!))?.host).toBe(after);
  });
});

describe.skipIf(!support.ok)('a lab with IPv6', () => {
  it('gives global addresses, which boxes filter but do not translate', async () => {
    const lab = await Lab.start({ ipv6: true });
    try {
      await lab.place('PUB', 'out');
      await lab.place('PR', 'in');
      const [out, behind] = [await Puppet.on(lab, 'out'), await Puppet.on(lab, 'in')];
      const reflector = await out.udp({ host: '::', reflect: true });
      const socket = await behind.udp({ host: '::' });
      expect(await behind.mapping(socket, { host: lab.ipv6Address('out')!, port: reflector.port })).toEqual({
        host: lab.ipv6Address('in'),
        port: socket.port,
      });
      await out.send(await out.udp({ host: '::' }), { host: lab.ipv6Address('in')!, port: socket.port });
      expect(await behind.arrival(socket, { after: 1, limitMs: 250 })).toBeUndefined();
    } finally {
      await lab.stop();
    }
  });
});

/** Why an ordinary user cannot be played here; undefined when that is possible. */
function noOrdinaryUser(): string | undefined {
  if (process.getuid?.() !== 0) return 'everything above ran as one';
  for (let folder = import.meta.dirname; folder !== '/'; folder = dirname(folder))
    if ((statSync(folder).mode & 0o5) !== 0o5) return `others cannot read ${folder}`;
  return undefined;
}

describe.skipIf(!support.ok)('an ordinary user', () => {
  const why = noOrdinaryUser();
  if (why !== undefined) console.log(`SKIPPED the lab of an ordinary user: ${why}`);

  it.skipIf(why !== undefined)('has the lab too, by unprivileged user namespaces', async () => {
    const inside = ['sh', '-c', 'cat /proc/self/uid_map; ip -br address show eth0'];
    const program = [join(import.meta.dirname, 'run.mjs'), '--as-nobody', '--in', 'PR', ...inside];
    const running = spawn(process.execPath, program, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: tmpdir() },
    });
    let said = '';
    for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk) => (said += chunk));
    const [code] = await once(running, 'close');
    expect(said).toMatch(/^\s*0\s+65534\s/);
    expect(said).toContain('10.2.0.2/24');
    expect(code).toBe(0);
  });
});

describe.skipIf(!support.ok)('a lab that ends', () => {
  it('leaves no process, no namespace and no file, detached programs included', async () => {
    const before = execFileSync('ip', ['netns', 'list'], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    }).toString();
    const lab = await Lab.start();
    await lab.place('PR', 'alice');
    await lab.succeed('alice', 'sh', ['-c', `setsid sleep 4711.${process.pid} >/dev/null 2>&1 </dev/null &`]);
    const sleeps = (): number => processesWith(['sleep', `4711.${process.pid}`]);
    await untilAsync(
      async () => sleeps() === 1,
      2_000,
      () => 'the detached program',
    );
    await lab.stop();
    expect(sleeps()).toBe(0);
    expect(existsSync(lab.folder)).toBe(false);
    expect(
      execFileSync('ip', ['netns', 'list'], {
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      }).toString(),
    ).toBe(before);
  });

  it('dies with the process that made it, however that ends; what it leaves in the file system is swept', async () => {
    const sleep = ['sleep', `4712.${process.pid}`];
    const program = [join(import.meta.dirname, 'run.mjs'), '--in', 'PR', ...sleep];
    const maker = spawn(process.execPath, program, { stdio: ['ignore', 'ignore', 'inherit'] });
    const closed = once(maker, 'close');
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(`wren-lab-${maker.pid}-`));
    try {
      await untilAsync(
        async () => processesWith(sleep) === 1,
        10_000,
        () => 'the program inside',
      );
      expect(folders()).toHaveLength(1);
    } finally {
      maker.kill('SIGKILL');
      await closed;
    }
    await untilAsync(
      async () => processesWith(sleep) === 0,
      3_000,
      () => 'the end of what ran inside',
    );
    sweep();
    expect(folders()).toEqual([]);
  });
});

function processesWith(command: readonly string[]): number {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').startsWith(command.join('\0'));
    } catch {
      return false;
    }
  }).length;
}
