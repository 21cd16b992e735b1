/**
 * A real OpenSSH server on the loopback for tests: port, host key and user key of its own, everything else as OpenSSH has it.
 * Whoever runs the tests logs in as themselves. Connections can be killed while it goes on.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { childrenOf } from './child-processes.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find((file) => existsSync(file));

/** Names of the programs that are missing here; empty when tests can run. */
export function missingForSsh(): string[] {
  const found = (program: string): boolean =>
    (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
  return [...(SSHD === undefined ? ['sshd'] : []), ...['ssh', 'ssh-keygen'].filter((program) => !found(program))];
}

export class SshServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wren-sshd-'));
  readonly port: number;
  #process: ChildProcess | undefined;
  #said = '';

  private constructor(port: number) {
    this.port = port;
  }

  /** Resolves when it listens; rejects with what it said. */
  static async start(): Promise<SshServer> {
    const server = new SshServer(await freePort());
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** For ssh, before HOST. */
  get options(): string[] {
    return [
      ...['-F', '/dev/null', '-p', String(this.port), '-i', join(this.#folder, 'user'), '-l', userInfo().username],
      ...['-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no'],
      ...['-o', `UserKnownHostsFile=${join(this.#folder, 'known')}`, '-o', 'LogLevel=ERROR'],
    ];
  }

  /** Every connection breaks as if its processes had crashed; new ones are served. */
  killConnections(): void {
    const server = this.#process?.pid;
    if (server === undefined) return;
    for (const pid of childrenOf(server)) {
      for (const child of [...childrenOf(pid), pid]) {
        try {
          process.kill(child, 'SIGKILL');
        } catch {
          // Ended meanwhile.
        }
      }
    }
  }

  async stop(): Promise<void> {
    this.killConnections();
    const server = this.#process;
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server.once('close', resolve));
      server.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const path = (name: string): string => join(this.#folder, name);
    for (const key of ['host', 'user'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)], { stdio: 'ignore' });
    copyFileSync(path('user.pub'), path('authorized'));
    // Where root starts it, it wants this folder; the system's own server makes it at boot.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    writeFileSync(
      path('config'),
      [
        `Port ${this.port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${path('host')}`,
        `PidFile ${path('pid')}`,
        `AuthorizedKeysFile ${path('authorized')}`,
        // The keys lie below the folder for temporary files, which belongs to everybody.
        'StrictModes no',
        '',
      ].join('\n'),
    );
    this.#process = spawn(SSHD!, ['-D', '-e', '-f', path('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr?.on('data', (chunk) => {
      this.#said += chunk;
    });
    for (let tries = 0; tries < 50; tries++) {
      if (await answers(this.port)) return;
      if (this.#process.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`sshd does not listen: ${this.#said}`);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
