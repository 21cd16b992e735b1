/**
 * The walls of the lab: one process (the keeper) inside private network, mount and process namespaces, and named
 * network namespaces that exist in there only. `lab.ts` says which; whatever runs in the lab runs through `enter`.
 *
 * Nothing can be left over, because the kernel cleans up and not we: the keeper is process 1 of its process namespace
 * and ends when its standard input does, which is when this process stops, crashes or is killed. With it die all
 * processes of the lab, detached ones too, and with them the namespaces, whose names live on a mount that only they
 * saw. So names need not differ between runs, and only the folder of a killed run has to be swept (`sweep`).
 *
 * It needs root, or a system that lets ordinary users make user namespaces; `labSupport` says which, or why neither.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian keeps them where ordinary users do not look. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
const PROGRAMS = ['ip', 'nft', 'ethtool', 'unshare', 'nsenter'] as const;
const START_MS = 10_000;
const END_MS = 5_000;
const PREFIX = 'wren-lab-';

/** All the walls that are needed, tried out: a pair of interfaces, address translation, a payload match, a raw socket. */
const TRIAL = `
set -e
ip link add trial0 type veth peer name trial1
ip link add trial2 type bridge
ethtool -K trial0 tx off >/dev/null
nft -f - <<'END'
table inet trial {
  chain leaving {
    type nat hook postrouting priority srcnat
    oifname "trial0" meta nfproto ipv4 masquerade fully-random
  }
  chain passing {
    type filter hook forward priority filter
    tcp dport 443 ct mark 0 @ih,0,8 0x16 ct mark set 1 accept
  }
}
END
"$1" -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
echo 1 >/proc/sys/net/ipv4/ip_forward
`;

/** What runs as the keeper. Its number outside is told before a fresh /proc hides it. */
const KEEP = `
read -r outside rest </proc/self/stat
mount -t proc proc /proc 2>/dev/null
mount -t tmpfs wren-lab "$1" && echo "kept $outside" && cat >/dev/null
`;

export type LabSupport =
  | { readonly ok: true; readonly as: 'root' | 'user'; readonly python: string }
  | { readonly ok: false; readonly why: string };

let known: LabSupport | undefined;

/** Whether this machine can run the lab, tried once a process (about 0.1 s). `why` is a sentence for people. */
export function labSupport(): LabSupport {
  known ??= tryOut();
  return known;
}

function tryOut(): LabSupport {
  if (process.platform !== 'linux')
    return { ok: false, why: `network namespaces are Linux, and this is ${process.platform}` };
  const missing = PROGRAMS.filter((program) => find(program) === undefined);
  // The system's own first: one that a version manager put on the path may be closed to other users.
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : find('python3');
  if (missing.length > 0 || python === undefined) {
    return { ok: false, why: `not installed: ${[...missing, ...(python ? [] : ['python3'])].join(', ')}` };
  }
  const faults: string[] = [];
  for (const as of process.getuid?.() === 0 ? (['root', 'user'] as const) : (['user'] as const)) {
    try {
      const args = [...walls(as), 'sh', '-c', TRIAL, 'trial', python];
      execFileSync('unshare', args, {
        env: { ...process.env, PATH },
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: START_MS,
      });
      return { ok: true, as, python };
    } catch (error) {
      const { stderr } = error as { stderr?: Buffer };
      faults.push(`as ${as}: ${stderr?.toString().trim().split('\n').at(-1) ?? error}`);
    }
  }
  return { ok: false, why: `namespaces are not to be had here (${faults.join('; ')})` };
}

function find(program: string): string | undefined {
  return PATH.split(':')
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function walls(as: 'root' | 'user'): string[] {
  const user = as === 'user' ? ['--user', '--map-root-user'] : [];
  return [...user, '--net', '--mount', '--pid', '--fork', '--kill-child'];
}

export class Keeper {
  /** For everything that the run writes; removed by `close`. Short, for sockets in it have paths of 108 bytes at most. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #outsidePid: number;
  readonly #as: 'root' | 'user';
  readonly #atExit = (): void => this.#end();

  private constructor(child: ChildProcess, options: { folder: string; outsidePid: number; as: 'root' | 'user' }) {
    this.#child = child;
    this.folder = options.folder;
    this.#outsidePid = options.outsidePid;
    this.#as = options.as;
    process.on('exit', this.#atExit);
  }

  /** Throws when the machine cannot (ask `labSupport` first). */
  static async open(): Promise<Keeper> {
    const support = labSupport();
    if (!support.ok) throw new Error(`no lab on this machine: ${support.why}`);
    sweep();
    const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
    mkdirSync(join(folder, 'ns'));
    const child = spawn('unshare', [...walls(support.as), 'sh', '-c', KEEP, 'keeper', join(folder, 'ns')], {
      env: { ...process.env, PATH },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Its own process group: Ctrl-C is for us, who then stop in good order.
      detached: true,
    });
    try {
      return new Keeper(child, { folder, outsidePid: await outsidePidOf(child), as: support.as });
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Makes network namespaces of these names, each with only its loopback up. */
  add(names: readonly string[]): void {
    const script = `for name; do
      : >"$name" && unshare --net="$name" ip link set dev lo up || exit 1
    done`;
    this.#run(undefined, ['sh', '-c', script, 'add', ...names.map((name) => this.namespace(name))]);
  }

  /** The file that stands for a namespace; `ip link ... netns FILE` takes it as well as a name. */
  namespace(name: string): string {
    return join(this.folder, 'ns', name);
  }

  /** Runs a short program to its end in a namespace, and returns its output; throws with what it said otherwise. */
  inside(name: string, command: readonly string[], input = ''): string {
    return this.#run(name, command, input);
  }

  /**
   * Program and arguments that run `command` in a namespace: in front of it stands one process that waits for it and
   * ends as it does, and passes no signals on (see `lab-process.ts`).
   */
  enter(name: string | undefined, command: readonly string[]): { readonly program: string; readonly args: string[] } {
    const user = this.#as === 'user' ? ['--user', '--preserve-credentials'] : [];
    const lab = ['--target', String(this.#outsidePid), ...user, '--mount', '--pid', '--net'];
    const network = name === undefined ? [] : ['nsenter', `--net=${this.namespace(name)}`, '--'];
    return { program: find('nsenter') ?? 'nsenter', args: [...lab, '--', ...network, ...command] };
  }

  /** Ends everything in the lab, and removes the folder. */
  async close(): Promise<void> {
    process.off('exit', this.#atExit);
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    const running = this.#child.exitCode === null && this.#child.signalCode === null;
    this.#end();
    if (running) await gone;
    // Process 1 is a corpse only when everybody in its namespace is.
    for (let waitedMs = 0; waitedMs < END_MS && isAlive(this.#outsidePid); waitedMs += 10) await sleep(10);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #end(): void {
    this.#child.stdin?.destroy();
    this.#child.kill('SIGKILL');
    try {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // Somebody in there was just writing; `close` tries again, or the next run sweeps.
    }
  }

  #run(name: string | undefined, command: readonly string[], input = ''): string {
    const { program, args } = this.enter(name, command);
    try {
      return execFileSync(program, args, {
        env: { ...process.env, PATH },
        input,
        stdio: 'pipe',
        timeout: START_MS,
      }).toString();
    } catch (error) {
      const { stderr } = error as { stderr?: Buffer };
      throw new Error(`${command.join(' ')} in ${name ?? 'the lab'}: ${stderr?.toString().trim() || error}\n${input}`);
    }
  }
}

function outsidePidOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(
      () => reject(new Error(`the keeper did not start within ${START_MS} ms: ${said}`)),
      START_MS,
    );
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const pid = /^kept (\d+)$/m.exec(said)?.[1];
      if (pid === undefined) return;
      clearTimeout(timer);
      resolve(Number(pid));
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      reject(new Error(`the keeper ended: ${said}`));
    });
  });
}

/** Removes the folders of runs that were killed before they could. */
export function sweep(): string[] {
  const left = readdirSync(tmpdir()).filter((name) => {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  for (const name of left) {
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
  return left;
}

function isAlive(pid: number): boolean {
  try {
    // "number (name) state ..."; the name may hold anything.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
