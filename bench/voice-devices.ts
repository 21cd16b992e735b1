/**
 * Mouth to ear through a real sound server: a PulseAudio of our own with null sinks for two microphones and two
 * speakers. Chirps are played into A's microphone; both its monitor and that of B's speaker are recorded, and a chirp's
 * delay is how much later it is in the second. Three things stand between the two, one after the other: `parec` piped
 * into `pacat` as ordinary programs use them (the devices alone), our two agents in a call, and two of Debian's
 * baresip in a call, where that is installed.
 *
 * A recorder counts samples, and its first comes at a moment that nobody tells. But a chunk is never early: the least of
 * (arrival less samples so far) over half a minute is the recorder's own start, later than the truth by what the server
 * and the pipe take at best, which is the same for both recorders and so falls out.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { missingForPulse, PulseServer } from '../test/support/pulse-server.ts';
import { type ChirpTrack, chirpTrack, findChirps } from './chirps.ts';
import { deviation, type Figure, median, printed } from './figure.ts';
import { cpuMsOf, memoryAlone, memoryOf, pidsWith } from './proc.ts';
import { onStage, pause, type Stage } from './stage.ts';
import type { JsonLine } from './timed-program.ts';

/** Of the devices alone, and of a peer: enough for a delay. */
const TRACK_S = 15;
/** Of our own call: V2 asks for a minute without a glitch. */
const OUR_TRACK_S = 60;
/** What stands between has begun, and its buffers have found their size. */
const SETTLE_MS = 5_000;
const TAIL_MS = 1_200;
/** Before the microphone's monitor, so in no figure. */
const SPEAK_MS = 300;
const RAW = ['--raw', '--format=s16le', '--rate=16000', '--channels=1'];
const SAMPLES_PER_MS = 16;
/** What the pass-through asks of either device. */
const PLAIN_MS = 20;
/** Recorders are not exact, and devices alone are near nothing. */
const DELAY_MS_MIN = -20;
/** Longer is a chirp that was taken for another. */
const DELAY_MS_MAX = 700;

const A_DEVICES = { PULSE_SOURCE: 'mic.monitor', PULSE_SINK: 'a-speaker' };
const B_DEVICES = { PULSE_SOURCE: 'b-mic.monitor', PULSE_SINK: 'speaker' };

interface Measured {
  readonly delaysMs: readonly number[];
  readonly sent: number;
  /** Of the processes that stand between, percent of one core and MiB. */
  readonly cpuPct: number;
  readonly pssMiB: number;
  readonly aloneMiB: number;
  /** Where chirps got lost, in words; empty when none was. */
  readonly missed: string;
  /** What the hearing end itself told each second; empty for whoever tells nothing. */
  readonly told: readonly JsonLine[];
}

export async function deviceFigures(say: (line: string) => void): Promise<Figure[]> {
  const missing = missingForPulse();
  if (missing.length > 0) {
    say(`SKIPPED mouth to ear through a sound server: ${missing.join(', ')} not installed`);
    return [];
  }
  const server = await PulseServer.start();
  const atOnce = (): void => server.kill();
  process.once('exit', atOnce);
  try {
    for (const sink of ['a-speaker', 'b-mic']) server.addSink(sink);
    say('the devices alone');
    const devices = await between({ server, say }, TRACK_S, async () => passThrough(server));
    say('two agents in a call, a minute');
    const ours = await onStage(async (stage) => between({ server, say }, OUR_TRACK_S, () => agents(stage)), server.env);
    const peer = await besides(server, say);
    return figures(devices, ours, peer);
  } finally {
    process.off('exit', atOnce);
    await server.stop();
  }
}

interface Place {
  readonly server: PulseServer;
  readonly say: (line: string) => void;
}

/** Something that carries sound from A's microphone to B's speaker, until it is told to end. */
interface Carrier {
  readonly pids: () => readonly number[];
  /** Gives the `quality` lines of the hearing end. */
  readonly end: () => Promise<readonly JsonLine[]>;
}

async function between({ server, say }: Place, trackS: number, start: () => Promise<Carrier>): Promise<Measured> {
  const carrier = await start();
  try {
    const measured = await measure(server, carrier, chirpTrack(trackS));
    const { missed } = measured;
    if (missed.length > 0) say(`not every chirp was found: ${missed}`);
    return { ...measured, told: await carrier.end() };
  } catch (error) {
    await carrier.end().catch(() => []);
    throw error;
  }
}

async function measure(server: PulseServer, carrier: Carrier, track: ChirpTrack): Promise<Omit<Measured, 'told'>> {
  await pause(SETTLE_MS);
  const recorders = ['mic.monitor', 'speaker.monitor'].map((device) => new Recorder(server, device));
  await pause(300);
  const pids = carrier.pids();
  const [usedBefore, startedAt] = [pids.map(cpuMsOf), performance.now()];
  await server.speak(track.samples, SPEAK_MS);
  const spanMs = performance.now() - startedAt;
  const usedMs = pids.reduce((sum, pid, at) => sum + cpuMsOf(pid) - usedBefore[at]!, 0);
  const memory = pids.map(memoryOf);
  await pause(TAIL_MS);
  const [mouth, ear] = recorders.map((recorder) => recorder.stop());
  return {
    ...delays(track, mouth!, ear!),
    sent: track.startsMs.length,
    cpuPct: (usedMs * 100) / spanMs,
    pssMiB: memory.reduce((sum, { pss }) => sum + pss, 0),
    aloneMiB: memoryAlone(memory),
  };
}

interface Recording {
  readonly samples: Int16Array;
  /** When its first sample was recorded, ms of this process. */
  readonly startMs: number;
}

class Recorder {
  readonly #child: ChildProcess;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #startMs = Number.POSITIVE_INFINITY;

  constructor(server: PulseServer, device: string) {
    this.#child = server.stream('parec', [...RAW, '--latency-msec=5', `--device=${device}`]);
    this.#child.stdout!.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#startMs = Math.min(this.#startMs, performance.now() - this.#bytes / 2 / SAMPLES_PER_MS);
    });
  }

  stop(): Recording {
    this.#child.kill();
    const bytes = Buffer.concat(this.#chunks);
    const samples = Int16Array.from({ length: bytes.length >> 1 }, (_, at) => bytes.readInt16LE(at * 2));
    return { samples, startMs: this.#startMs };
  }
}

/** Of each chirp that is in both recordings. */
function delays(track: ChirpTrack, mouth: Recording, ear: Recording): Pick<Measured, 'delaysMs' | 'missed'> {
  const [said, heard] = [mouth, ear].map(({ samples }) => findChirps(track, samples));
  const all = track.startsMs.flatMap((_, at) => {
    const [from, to] = [said?.[at]?.delayMs, heard?.[at]?.delayMs];
    return from === undefined || to === undefined ? [] : [to + ear.startMs - from - mouth.startMs];
  });
  const delaysMs = all.filter((delayMs) => delayMs > DELAY_MS_MIN && delayMs < DELAY_MS_MAX);
  const found = [said, heard].map((chirps) => chirps?.filter(({ delayMs }) => delayMs !== undefined).length);
  const outside = all.filter((delayMs) => !delaysMs.includes(delayMs)).map((delayMs) => delayMs.toFixed(0));
  const words = `${found[0]} at the microphone, ${found[1]} at the speaker, ${outside.length} at impossible delays ${outside.slice(0, 3).join(' ')}`;
  return { delaysMs, missed: delaysMs.length === track.startsMs.length ? '' : words };
}

async function passThrough(server: PulseServer): Promise<Carrier> {
  const from = server.stream('parec', [...RAW, `--latency-msec=${PLAIN_MS}`, '--device=mic.monitor']);
  const to = server.stream('pacat', ['--playback', ...RAW, `--latency-msec=${PLAIN_MS}`, '--device=speaker']);
  from.stdout!.pipe(to.stdin!);
  const both = [from, to];
  return {
    pids: () => both.map(({ pid }) => pid ?? -1),
    end: async () => {
      for (const child of both) child.kill();
      await pause(200);
      return [];
    },
  };
}

/** A call between two agents with two voice children, which speak to the server themselves. */
async function agents(stage: Stage): Promise<Carrier> {
  stage.environments.set('A', A_DEVICES);
  stage.environments.set('B', B_DEVICES);
  await stage.withTwoBuddies();
  const seconds = OUR_TRACK_S + (SETTLE_MS + TAIL_MS) / 1000 + 5;
  const { a, b } = await stage.callBegun(seconds, { a: 'default', b: 'default' });
  const [atA, atB] = [await stage.agent('A'), await stage.agent('B')];
  const roots = [atA.pid, atB.pid].concat([atA.voicePid, atB.voicePid].filter((pid) => pid !== null));
  return {
    pids: () => [...roots, ...roots.flatMap(childrenOf)].filter((pid, at, all) => all.indexOf(pid) === at),
    end: async () => {
      // Whoever measures is told of a call that failed.
      const [, hearing] = await Promise.all([a.success(), b.success()]);
      return hearing.events.filter(({ event }) => event === 'quality');
    },
  };
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
      .split('\n')
      .map(Number)
      .filter((child) => child > 0);
  } catch {
    return [];
  }
}

/** Debian's baresip in the same place, or undefined where there is none; a failure of it is told and no more. */
async function besides(server: PulseServer, say: (line: string) => void): Promise<Measured | undefined> {
  try {
    execFileSync('baresip', ['-h'], { stdio: 'ignore' });
  } catch (error) {
    // It ends with a usage code; only its absence counts.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      say('SKIPPED baresip beside it: not installed');
      return undefined;
    }
  }
  say('two of baresip in a call');
  try {
    const measured = await onStage(
      (stage) => between({ server, say }, TRACK_S, () => baresips(stage, server)),
      server.env,
    );
    if (measured.delaysMs.length > measured.sent / 2) return measured;
    say('SKIPPED baresip beside it: it was not heard');
    return undefined;
  } catch (error) {
    say(`SKIPPED baresip beside it: ${(error as Error).message}`);
    return undefined;
  }
}

/** Where Debian puts its modules, and whoever builds it. */
const MODULES = ['/usr/lib/baresip/modules', '/usr/local/lib/baresip/modules'];
const SIP_PORTS = { a: 35_170, b: 35_180 };

async function baresips(stage: Stage, server: PulseServer): Promise<Carrier> {
  const b = baresip(stage, server, 'b', B_DEVICES, []);
  await pause(1_000);
  const a = baresip(stage, server, 'a', A_DEVICES, ['-e', `d sip:b@127.0.0.1:${SIP_PORTS.b}`]);
  const both = [a, b];
  return {
    pids: () => {
      if (both.some(({ exitCode }) => exitCode !== null)) throw new Error('baresip has ended');
      return both.map(({ pid }) => pid ?? -1);
    },
    end: async () => {
      for (const child of both) child.kill();
      await pause(500);
      for (const pid of pidsWith(stage.path('baresip-'))) process.kill(pid, 'SIGKILL');
      return [];
    },
  };
}

function baresip(
  stage: Stage,
  server: PulseServer,
  name: 'a' | 'b',
  devices: NodeJS.ProcessEnv,
  args: readonly string[],
): ChildProcess {
  const folder = stage.path(`baresip-${name}`);
  mkdirSync(folder);
  const lines = [
    `sip_listen 127.0.0.1:${SIP_PORTS[name]}`,
    ...MODULES.filter((folder) => existsSync(folder)).map((folder) => `module_path ${folder}`),
    ...['audio_player', 'audio_source', 'audio_alert'].map((side) => `${side} alsa,default`),
    ...['opus', 'alsa'].map((module) => `module ${module}.so`),
    'module_tmp account.so',
    'module_app menu.so',
    // As it ships.
    'audio_buffer 200',
    'jitter_buffer_delay 5-10',
    'opus_bitrate 28000',
  ];
  writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`);
  const answers = name === 'b' ? ';answermode=auto' : '';
  const account = `<sip:${name}@127.0.0.1:${SIP_PORTS[name]}>;regint=0;audio_codecs=opus/48000/2${answers}`;
  writeFileSync(join(folder, 'accounts'), `${account}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  const env = { ...process.env, ...server.env, ...devices };
  return spawn('baresip', ['-f', folder, ...args], { env, stdio: 'ignore' });
}

function figures(devices: Measured, ours: Measured, peer: Measured | undefined): Figure[] {
  const heard = ours.delaysMs.length > 0;
  const ratio = peer && heard ? median(ours.delaysMs) / median(peer.delaysMs) : undefined;
  const all: Figure[] = [
    {
      name: 'mouth to ear, the devices alone',
      unit: 'ms',
      values: devices.delaysMs,
      remark: `parec piped into pacat; ${costs(devices)}`,
    },
    {
      name: 'mouth to ear, a call of ours, same devices',
      unit: 'ms',
      values: ours.delaysMs,
      target: { label: 'V2', most: 75 },
      remark: `agents and voice children of both: ${costs(ours)}`,
    },
    {
      name: 'its standard deviation',
      unit: 'ms',
      values: heard ? [deviation(ours.delaysMs)] : [],
      target: { label: 'V2', most: 4 },
    },
    ...toldFigures(ours),
    {
      name: `chirps lost or damaged in it, of ${ours.sent} in ${OUR_TRACK_S} s`,
      unit: '',
      values: [ours.sent - ours.delaysMs.length],
      target: { label: 'V2: no glitch', most: 0 },
    },
    {
      name: 'mouth to ear, a call of baresip, same devices',
      unit: 'ms',
      values: peer?.delaysMs ?? [],
      ...(peer ? { remark: `both programs: ${costs(peer)}` } : {}),
    },
    {
      name: 'ours against baresip',
      unit: 'x',
      values: ratio === undefined ? [] : [ratio],
      target: { label: 'V2', most: 0.6 },
    },
  ];
  // What was not there has no figure.
  return all.filter(({ values }) => values.length > 0);
}

/** What the program says of itself, beside the truth. */
function toldFigures({ told }: Measured): Figure[] {
  const settled = told.slice(Math.ceil(SETTLE_MS / 1000));
  const of = (field: string): number[] =>
    settled.map((line) => line[field]).filter((value): value is number => typeof value === 'number');
  const [toldMs, buffersMs] = [of('mouthToEarMs'), of('bufferMs')];
  if (toldMs.length === 0 || buffersMs.length === 0) return [];
  const remark = 'sound in the devices is as they tell it';
  return [
    { name: 'what `quality` of the hearing end says of it', unit: 'ms', values: toldMs, remark },
    { name: 'of that, the jitter buffer', unit: 'ms', values: buffersMs },
  ];
}

function costs({ cpuPct, pssMiB, aloneMiB }: Measured): string {
  return `${printed(cpuPct)} % of a core, PSS ${printed(pssMiB)} MiB, alone on a machine ${printed(aloneMiB)} MiB`;
}
