/**
 * The lab: people's machines, the boxes in front of them, and the cables between, as network namespaces on this
 * machine, for real processes (figures.md "Lab", realtime.md 6). Nothing in it reaches the outside, and nothing of it
 * outlives this process (`keeper.ts`).
 *
 *   const lab = await Lab.start();
 *   await lab.place('PUB', 'supernode');
 *   await lab.place('PR', 'alice');                         // behind a port-restricted NAT
 *   await lab.link('alice', { delayMs: 50, loss: 0.05 });   // both ways; or { up: {...}, down: {...} }
 *   const running = lab.run('alice', 'node', ['program.js']);
 *   await lab.stop();
 *
 * `wren-network.ts` puts a wren network into it, `grid.ts` calls from everywhere to everywhere.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Bridge, type CableCounts, type CableSettings } from './bridge.ts';
import { Keeper, labSupport } from './keeper.ts';
import { type Ending, LabProcess } from './lab-process.ts';
import { boxRules, type Place } from './places.ts';
import {
  cableOrders,
  HOME_ADDRESS,
  homeOrders,
  insideAddress,
  insideHostOrders,
  insideOrders,
  ipv6Address,
  moveOrders,
  type Orders,
  SITES_MAX,
  type SitePlan,
  siteAddress,
} from './plan.ts';

export interface LabOptions {
  /** Every cable at first, each way; calm without delay when absent. */
  readonly link?: CableSettings;
  /** IPv6 beside IPv4 everywhere: global addresses, which boxes filter as they do IPv4 but do not translate. */
  readonly ipv6?: boolean;
  /**
   * How many routers the core stands for: packets with less time to live (RFC 791) end there. Without, the first
   * packets of a hole punch, which must die between the two boxes, would reach the other one. Default 8.
   */
  readonly coreHops?: number;
  /** Of all chance in cables. */
  readonly seed?: number;
  /** Programs and cables come before other work of this machine, where the lab is root's: for scenes that are timed. */
  readonly urgent?: boolean;
}

export interface PlaceOptions {
  /** Hosts of one site are behind one box. Default: the host alone, and for SAME and CGN the one site of that name. */
  readonly site?: string;
  /** How long the box remembers a UDP binding, s, before and after the first answer. Default 30 and 120, Linux's own. */
  readonly bindingS?: readonly [number, number];
}

interface Site extends SitePlan {
  readonly name: string;
  readonly place: Place;
  readonly hosts: string[];
  turn: number;
}

interface Host {
  readonly site: Site;
  /** Behind a box; elsewhere it has that of its site, which may move. */
  readonly insideAddress: string | undefined;
  readonly ipv6: string | undefined;
}

const CORE_HOPS = 8;
/** Namespaces and folders of our own. */
const RESERVED = /^(core|wire|ns|(box|home)-.*)$/;
/** Everybody there is behind the same box. */
const SHARED = new Map<Place, string>([
  ['SAME', 'same'],
  ['CGN', 'cgn'],
]);
/** What of our own environment would reach into the lab, or differ from machine to machine. */
const NOT_INHERITED = /^(wren_|xdg_|npm_|vitest|pulse_|ci$|tmux|node_options$|.*_proxy$)/i;

export class Lab {
  readonly folder: string;
  readonly ipv6: boolean;
  readonly #keeper: Keeper;
  readonly #bridge: Bridge;
  readonly #seed: number;
  readonly #link: CableSettings;
  readonly #haste: readonly string[];
  readonly #sites = new Map<string, Site>();
  readonly #hosts = new Map<string, Host>();
  readonly #running: LabProcess[] = [];
  /** One thing is built at a time: callers may ask for several places at once. */
  #building: Promise<unknown> = Promise.resolve();

  private constructor(keeper: Keeper, bridge: Bridge, options: LabOptions) {
    this.#keeper = keeper;
    this.#bridge = bridge;
    this.folder = keeper.folder;
    this.ipv6 = options.ipv6 ?? false;
    this.#seed = options.seed ?? 1;
    this.#link = options.link ?? {};
    this.#haste = haste(options);
  }

  /** Takes about 0.3 s. Throws on machines that cannot (`labSupport` says why). */
  static async start(options: LabOptions = {}): Promise<Lab> {
    const keeper = await Keeper.open();
    try {
      keeper.add(['core', 'wire']);
      keeper.inside('wire', ['sh', '-c', sysctls({ ipv6: false, forward: false })]);
      keeper.inside('core', ['sh', '-c', sysctls({ ipv6: options.ipv6 ?? false, forward: true })]);
      keeper.inside('core', ['nft', '-f', '-'], coreRules(options.coreHops ?? CORE_HOPS));
      const support = labSupport();
      const python = support.ok ? support.python : 'python3';
      const command = keeper.enter('wire', [...haste(options), python, join(import.meta.dirname, 'bridge.py')]);
      const bridge = await Bridge.over(new LabProcess(command, environment(keeper.folder, {}), 'bridge.py'));
      return new Lab(keeper, bridge, options);
    } catch (error) {
      await keeper.close();
      throw error;
    }
  }

  /** Puts a host into a place of this kind, its box too where it is the first of its site. */
  place(place: Place, host: string, options: PlaceOptions = {}): Promise<void> {
    const built = this.#building.then(() => this.#place(place, host, options));
    this.#building = built.catch(() => undefined);
    return built;
  }

  /** The host's own address; private behind a box. */
  address(host: string): string {
    return this.#hostOf(host).insideAddress ?? this.outerAddress(host);
  }

  /** Its global IPv6 address; undefined in a lab without. */
  ipv6Address(host: string): string | undefined {
    return this.#hostOf(host).ipv6;
  }

  /** The address by which the core sees the host: its own, or that of its box. */
  outerAddress(host: string): string {
    const { site } = this.#hostOf(host);
    return siteAddress(site.number, site.turn);
  }

  /** Changes the cable between the host's site and the core; what is not named stays as it was. */
  async link(
    host: string,
    change: CableSettings | { readonly up?: CableSettings; readonly down?: CableSettings },
  ): Promise<void> {
    const { name } = this.#hostOf(host).site;
    const { up, down } =
      'up' in change || 'down' in change ? change : { up: change as CableSettings, down: change as CableSettings };
    if (up) await this.#bridge.set(name, 'up', up);
    if (down) await this.#bridge.set(name, 'down', down);
  }

  /** What has entered that cable so far: `up` from the site, `down` from the core. */
  counts(host: string): Promise<{ readonly up: CableCounts; readonly down: CableCounts }> {
    return this.#bridge.count(this.#hostOf(host).site.name);
  }

  /** Writes what enters that cable to a pcap file, until called without one. */
  capture(host: string, file?: string): Promise<void> {
    return this.#bridge.capture(this.#hostOf(host).site.name, file);
  }

  /**
   * Drops, at the core, what comes from the host's site and matches, an nftables condition such as
   * `ip daddr 198.18.2.2` or `udp dport 1-1023`. Returns the undoing.
   */
  block(host: string, condition: string): () => void {
    const { number } = this.#hostOf(host).site;
    const added = this.#keeper.inside('core', [
      'nft',
      '-e',
      '-a',
      'add',
      'rule',
      'inet',
      'core',
      'passing',
      `iifname "s${number}" ${condition} drop`,
    ]);
    const handle = /handle (\d+)/.exec(added)?.[1];
    if (handle === undefined) throw new Error(`nft gave the rule no handle: ${added}`);
    return () => {
      this.#keeper.inside('core', ['nft', 'delete', 'rule', 'inet', 'core', 'passing', 'handle', handle]);
    };
  }

  /** The host's site gets another address on the core, as after a change of network; bindings of its box are void. */
  move(host: string): string {
    const { site } = this.#hostOf(host);
    site.turn += 1;
    this.#perform(moveOrders(site, site.turn));
    return siteAddress(site.number, site.turn);
  }

  /** What the box in front of the host keeps of UDP at this moment, a line a binding; none for a host without a box. */
  bindings(host: string): string[] {
    const { outer } = this.#hostOf(host).site;
    if (outer === host) return [];
    const kept = this.#keeper.inside(outer, ['sh', '-c', 'cat /proc/net/nf_conntrack 2>&1 || true']);
    return kept.split('\n').filter((line) => / udp | cat:/.test(line));
  }

  /** Starts a program on a host, in the lab's folder. Its standard input is a pipe (`write`). */
  run(host: string, command: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): LabProcess {
    this.#hostOf(host);
    const inside = this.#keeper.enter(host, [...this.#haste, 'env', '-C', this.folder, command, ...args]);
    const running = new LabProcess(inside, environment(this.folder, env), `${command} ${args.join(' ')} on ${host}`);
    this.#running.push(running);
    return running;
  }

  /** The same, to its end; rejects when that is not exit code 0. */
  async succeed(
    host: string,
    command: string,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Ending> {
    const ending = await this.run(host, command, args, env).done;
    if (ending.code === 0) return ending;
    throw new Error(
      `${command} ${args.join(' ')} on ${host} ended ${ending.code}:\n${ending.stdout}\n${ending.stderr}`,
    );
  }

  /** Ends all that runs in the lab, detached programs too, and takes it away. */
  async stop(): Promise<void> {
    await this.#keeper.close();
    await Promise.all(this.#running.map((running) => running.done));
  }

  async #place(place: Place, host: string, options: PlaceOptions): Promise<void> {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(host) || RESERVED.test(host) || this.#hosts.has(host))
      throw new Error(`${host} cannot be the name of a host`);
    const siteName = options.site ?? SHARED.get(place) ?? host;
    const site = this.#sites.get(siteName) ?? (await this.#build(place, siteName, host, options));
    if (site.place !== place || (site.outer === site.hosts[0] && site.hosts.length > 0)) {
      throw new Error(`${host} cannot be at ${siteName}: it is ${site.place}, for ${site.hosts.join(' ')}`);
    }
    site.hosts.push(host);
    const inside = site.outer !== host;
    if (inside) this.#settle(site, host);
    const atHome = place === 'CGN';
    const ipv6 = this.ipv6 && !atHome ? ipv6Address(site.number, inside ? site.hosts.length : 'box') : undefined;
    const address = atHome ? HOME_ADDRESS : insideAddress(site.number, site.hosts.length);
    this.#hosts.set(host, { site, insideAddress: inside ? address : undefined, ipv6 });
    mkdirSync(join(this.folder, host));
  }

  /** The host behind its box; with a router of its own between where the box is a carrier's. */
  #settle(site: Site, host: string): void {
    const file = (name: string): string => this.#keeper.namespace(name);
    const number = site.hosts.length;
    this.#keeper.add([host]);
    this.#sysctl(host, false);
    if (site.place !== 'CGN') return this.#perform(insideHostOrders(site, { host: number, name: host }, file));
    const home = `home-${host}`;
    this.#keeper.add([home]);
    this.#sysctl(home, true);
    this.#perform(insideHostOrders(site, { host: number, name: home, near: 'wan' }, file));
    this.#perform(homeOrders(home, host, file));
    this.#keeper.inside(home, ['nft', '-f', '-'], boxRules('PR'));
  }

  async #build(place: Place, name: string, host: string, { bindingS }: PlaceOptions): Promise<Site> {
    const number = this.#sites.size + 1;
    if (number > SITES_MAX) throw new Error(`a lab has ${SITES_MAX} sites at most`);
    const rules = boxRules(place);
    const outer = rules === undefined ? host : `box-${name}`;
    const site: Site = {
      number,
      name,
      place,
      hosts: [],
      turn: 0,
      ipv6: this.ipv6,
      outer,
      outerInterface: rules === undefined ? 'eth0' : 'wan',
    };
    this.#keeper.add([outer]);
    this.#sysctl(outer, rules !== undefined);
    this.#perform(cableOrders(site, (namespace) => this.#keeper.namespace(namespace)));
    // Frames have to be whole and have their checksums, for the bridge process carries bytes and nothing else.
    for (const [namespace, device] of [
      ['wire', `c${number}`],
      ['wire', `w${number}`],
      ['core', `s${number}`],
      [outer, site.outerInterface],
    ] as const) {
      this.#keeper.inside(namespace, ['ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off']);
    }
    if (rules !== undefined) {
      this.#perform(insideOrders(site));
      this.#keeper.inside(outer, ['nft', '-f', '-'], rules);
      if (bindingS) this.#keeper.inside(outer, ['sh', '-c', bindingLifetimes(bindingS)]);
    }
    await this.#bridge.join(name, { near: `w${number}`, far: `c${number}`, seed: this.#seed });
    for (const direction of ['up', 'down'] as const) await this.#bridge.set(name, direction, this.#link);
    this.#sites.set(name, site);
    return site;
  }

  #perform(orders: readonly Orders[]): void {
    for (const { namespace, lines } of orders)
      this.#keeper.inside(namespace, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  }

  #sysctl(namespace: string, forward: boolean): void {
    this.#keeper.inside(namespace, ['sh', '-c', sysctls({ ipv6: this.ipv6, forward })]);
  }

  #hostOf(name: string): Host {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`there is no host ${name} in the lab`);
    return host;
  }
}

/** In front of a program; whoever runs the tests may have been put behind all others. Only root may. */
function haste({ urgent = false }: LabOptions): readonly string[] {
  const support = labSupport();
  return urgent && support.ok && support.as === 'root' ? ['chrt', '--other', '0', 'nice', '-n', '-10'] : [];
}

/** Nothing inherited: a machine may have other defaults for new namespaces. */
function sysctls({ ipv6, forward }: { ipv6: boolean; forward: boolean }): string {
  const to = (value: boolean): number => (value ? 1 : 0);
  return `cd /proc/sys/net
    echo ${to(forward)} >ipv4/ip_forward
    for kind in all default; do
      echo 0 >ipv4/conf/$kind/rp_filter
      echo 1 >ipv4/conf/$kind/promote_secondaries
      if [ -d ipv6 ]; then
        echo ${to(!ipv6)} >ipv6/conf/$kind/disable_ipv6
        echo 0 >ipv6/conf/$kind/accept_ra
        echo ${to(forward)} >ipv6/conf/$kind/forwarding
      fi
    done`;
}

function bindingLifetimes([fresh, answered]: readonly [number, number]): string {
  return `cd /proc/sys/net/netfilter && echo ${fresh} >nf_conntrack_udp_timeout && echo ${answered} >nf_conntrack_udp_timeout_stream`;
}

function coreRules(hops: number): string {
  return `
table inet core {
  chain passing {
    type filter hook forward priority filter; policy accept;
    ip ttl < ${hops} drop
    ip6 hoplimit < ${hops} drop
  }
}
`;
}

function environment(home: string, own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
    HOME: home,
    WREN_SUPERNODE: 'never',
    ...own,
  };
}
