/**
 * The voice child: one process around one call, started by the agent with the port of `src/audio/port.ts` on fd 3 and
 * its stdout and stderr in a log file, because sound drivers print there. Native code lives in this process only.
 *
 * It ends when the agent says `stop`, when fd 3 closes, or on SIGTERM, and finishes the recording each time.
 * With `--probe` it only tells what sound would be made with, with `--devices SPEC` which devices there are.
 * Exit codes: 0 done, 3 started without fd 3, 5 our own mistake.
 */
import os from 'node:os';
import process from 'node:process';
import { listDevices } from '../src/audio/device-list.ts';
import { probeSound } from '../src/audio/device-probe.ts';
import { VOICE_PRIORITY } from '../src/audio/port.ts';
import { serveVoice, type VoiceService } from '../src/audio/voice.ts';

const PORT_FD = 3;

// Each PortAudio stream keeps a thread of the pool waiting; libuv reads this when the pool is first used.
process.env.UV_THREADPOOL_SIZE ??= '8';

function main(): void {
  const raised = raisePriority();
  const originMs = performance.timeOrigin;
  let service: VoiceService;
  try {
    service = serveVoice({
      fd: PORT_FD,
      env: process.env,
      raised,
      now: () => originMs + performance.now(),
      // Threads of a driver may still wait for a card.
      onFinished: () => process.exit(0),
    });
  } catch (error) {
    process.stderr.write(`voice: fd ${PORT_FD} is no stream; the agent starts this program (${String(error)})\n`);
    process.exit(3);
  }
  process.on('SIGTERM', () => void service.finish());
  // The terminal's Ctrl-C and hang-up are the agent's business; if it ends, fd 3 closes.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('uncaughtException', (error) => {
    process.stderr.write(`voice: ${error.stack ?? String(error)}\n`);
    process.exit(5);
  });
}

/** Only root, CAP_SYS_NICE and whoever a limit (RLIMIT_NICE) lets may; false for everybody else. */
function raisePriority(): boolean {
  try {
    os.setPriority(VOICE_PRIORITY);
    return os.getPriority() <= VOICE_PRIORITY;
  } catch {
    return false;
  }
}

/** `--probe`: what sound would be made with, as the last line of stdout; drivers may have printed lines before. */
async function probe(): Promise<void> {
  const found = { ...(await probeSound(process.env)), raised: raisePriority() };
  process.stdout.write(`\n${JSON.stringify(found)}\n`, () => process.exit(0));
}

/** `--devices SPEC`: likewise. */
async function devices(spec: string): Promise<void> {
  process.stdout.write(`\n${JSON.stringify(await listDevices(process.env, spec))}\n`, () => process.exit(0));
}

const [word, argument] = process.argv.slice(2);
if (word === '--probe') void probe();
else if (word === '--devices') void devices(argument ?? 'default');
else main();
