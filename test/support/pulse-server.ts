/**
 * A PulseAudio server of our own for tests: null sinks stand in for a microphone (what is played into `mic` is heard
 * at its monitor, the default source) and a speaker. Needs no sound card, no session bus and no root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PulseConnection } from '../../src/audio/device-pulse-connection.ts';

const PROGRAMS = ['pulseaudio', 'pactl', 'parec', 'pacat'] as const;
/** Of the native protocol: what only a mixer says. */
const [KILL_SINK_INPUT, KILL_SOURCE_OUTPUT] = [49, 50] as const;
const RAW = ['--raw', '--format=s16le', '--rate=16000', '--channels=1'];

/** Names of the programs that are missing here; empty when tests can run. */
export function missingForPulse(): string[] {
  return PROGRAMS.filter((program) => {
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

export class PulseServer {
  /** For programs that shall talk to this server, by libpulse or by ALSA. */
  readonly env: { readonly [name: string]: string };
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'wren-pulse-'));
  #process: ChildProcess;
  readonly #streams = new Set<ChildProcess>();
  /** Numbers of the modules of added sinks. */
  readonly #modules = new Map<string, string>();

  private constructor() {
    const socket = path.join(this.#folder, 'native');
    const script = path.join(this.#folder, 'script.pa');
    const alsa = path.join(this.#folder, 'alsa.conf');
    writeFileSync(
      script,
      [
        'load-module module-null-sink sink_name=mic rate=48000 sink_properties=device.description=Test-Mic',
        'load-module module-null-sink sink_name=speaker rate=48000 sink_properties=device.description=Test-Speaker',
        `load-module module-native-protocol-unix socket=${socket} auth-anonymous=1`,
        'set-default-sink speaker',
        'set-default-source mic.monitor',
        '',
      ].join('\n'),
    );
    // Instead of the system's configuration, which looks for cards: the default device is the server.
    writeFileSync(alsa, 'pcm.!default { type pulse }\nctl.!default { type pulse }\n');
    this.env = {
      HOME: this.#folder,
      XDG_RUNTIME_DIR: this.#folder,
      PULSE_SERVER: `unix:${socket}`,
      ALSA_CONFIG_PATH: alsa,
    };
    this.#process = this.#spawn();
  }

  #spawn(): ChildProcess {
    const script = path.join(this.#folder, 'script.pa');
    const args = ['-n', '--daemonize=no', '--exit-idle-time=-1', '--high-priority=yes', '-F', script];
    const env = { ...process.env, ...this.env };
    // With it the server would refuse to start: one runs already, it believes.
    delete (env as { PULSE_SERVER?: string }).PULSE_SERVER;
    return spawn('pulseaudio', args, { env, stdio: 'ignore' });
  }

  /** Resolves when the server answers; rejects after ten seconds. */
  static async start(): Promise<PulseServer> {
    const server = new PulseServer();
    try {
      await server.#answers();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #answers(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      try {
        execFileSync('pactl', ['info'], { env: { ...process.env, ...this.env }, stdio: 'ignore', timeout: 2000 });
        this.#pin();
        return;
      } catch {
        // Not yet.
      }
    }
    throw new Error('pulseaudio does not answer');
  }

  /** Dies as by a bug; everybody connected is cut off. */
  async crash(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }

  /** Comes back at the same place after a crash. */
  async revive(): Promise<void> {
    rmSync(path.join(this.#folder, 'pulse'), { recursive: true, force: true });
    rmSync(path.join(this.#folder, 'native'), { force: true });
    this.#process = this.#spawn();
    await this.#answers();
  }

  /** Stands still for so long, with everybody connected. */
  async hang(durationMs: number): Promise<void> {
    this.#process.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    this.#process.kill('SIGCONT');
  }

  /** Ends what this process plays and records, as a person may in a mixer. */
  async endStreamsOf(pid: number): Promise<void> {
    const connection = await PulseConnection.open({ path: path.join(this.#folder, 'native') }, Buffer.alloc(256));
    const indexes = (list: string): number[] =>
      this.#pactl('list', list)
        .split(/^(?=\w.* #\d+$)/m)
        .filter((entry) => entry.includes(`application.process.id = "${pid}"`))
        .map((entry) => Number(/ #(\d+)\n/.exec(entry)?.[1]));
    const [played, recorded] = [indexes('sink-inputs'), indexes('source-outputs')];
    for (const index of played) void connection.ask(KILL_SINK_INPUT, (values) => values.u32(index));
    await Promise.all(recorded.map((index) => connection.ask(KILL_SOURCE_OUTPUT, (values) => values.u32(index))));
    connection.close();
  }

  /** One more null sink, with short periods as the others. */
  addSink(name: string): void {
    this.#modules.set(name, this.#pactl('load-module', 'module-null-sink', `sink_name=${name}`, 'rate=48000'));
    this.#hurry(`${name}.monitor`);
  }

  /** Pulls the plug of a sink that was added. */
  removeSink(name: string): void {
    this.#pactl('unload-module', this.#modules.get(name) ?? '');
  }

  /** What the system takes where nobody has chosen. */
  setDefault(side: 'sink' | 'source', name: string): void {
    this.#pactl(`set-default-${side}`, name);
  }

  #pactl(...args: string[]): string {
    return execFileSync('pactl', args, { env: { ...process.env, ...this.env }, encoding: 'utf8' }).trim();
  }

  /** Speaks into the microphone. Resolves when all has been played. A long latency outlives stalls of a busy machine. */
  async speak(samples: Int16Array, latencyMs = 20): Promise<void> {
    const player = this.stream('pacat', ['--playback', ...RAW, `--latency-msec=${latencyMs}`, '--device=mic']);
    player.stdin!.end(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    await new Promise((resolve) => player.once('close', resolve));
  }

  /** Listens at the speaker until the function given back is called. */
  listen(): () => Int16Array {
    const recorder = this.stream('parec', [...RAW, '--latency-msec=20', '--device=speaker.monitor']);
    const chunks: Buffer[] = [];
    recorder.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => {
      recorder.kill();
      const bytes = Buffer.concat(chunks);
      const samples = new Int16Array(bytes.length >> 1);
      for (let at = 0; at < samples.length; at++) samples[at] = bytes.readInt16LE(at * 2);
      return samples;
    };
  }

  /** Somebody who asks both monitors for 5 ms: left alone, a null sink works in periods of two seconds. */
  #pin(): void {
    for (const device of ['mic.monitor', 'speaker.monitor']) this.#hurry(device);
  }

  #hurry(device: string): void {
    this.stream('parec', [...RAW, '--latency-msec=5', `--device=${device}`]).stdout!.resume();
  }

  /** At once, for a process that must end now. */
  kill(): void {
    for (const child of [...this.#streams, this.#process]) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A recorder or player of this server, which ends with it. */
  stream(program: 'parec' | 'pacat', args: readonly string[]): ChildProcess {
    const child = spawn(program, args, { env: { ...process.env, ...this.env }, stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin!.on('error', () => undefined);
    this.#streams.add(child);
    child.once('close', () => this.#streams.delete(child));
    return child;
  }
}
