/**
 * The agent program: one for each profile, started detached by whichever command needs it, or in sight with
 * `wren agent start --foreground`. Its output goes to the profile's log; it ends on SIGTERM or `wren agent stop`.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { chooseProxy } from '../src/net/io/index.ts';
import { Refusal } from '../src/net/protocol/failures.ts';
import type { LogLevel } from '../src/store/log-file.ts';
import { profileFolder } from '../src/store/profile-folder.ts';
import { failureSentence } from '../src/tui/wording.ts';
import { failureExit } from './commands/exit-codes.ts';
import { endWithin, watchProcessEnd } from './servers/process-end.ts';
import { runAgent } from './servers/run-agent.ts';
import { VERSION } from './version.ts';

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      profile: { type: 'string' },
      foreground: { type: 'boolean' },
      json: { type: 'boolean' },
      audio: { type: 'string' },
      'log-level': { type: 'string' },
      proxy: { type: 'string' },
    },
  });
  const say = (event: Record<string, unknown>, words: string): void => {
    if (!values.foreground) return;
    if (values.json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else process.stderr.write(`${words}\n`);
  };
  const end = watchProcessEnd((error) => process.stderr.write(`${String((error as Error)?.stack ?? error)}\n`));
  try {
    const proxy = values.proxy as string | undefined;
    // Told at once to whoever reads; the agent itself would go on without.
    if (values.foreground) chooseProxy(proxy ?? '', process.env);
    const running = await runAgent({
      profileDir: profileFolder(values.profile as string | undefined),
      version: VERSION,
      ...(proxy === undefined ? {} : { proxy }),
      logLevel: ((values['log-level'] as string | undefined) ?? 'info') as LogLevel,
      onFault: end.fault,
    });
    if (values.audio !== undefined) await running.agent.handle({ type: 'audio.set', spec: values.audio as string });
    say(
      { event: 'started', pid: process.pid, socket: running.socket },
      `The agent runs as process ${process.pid}. Ctrl-C ends it.`,
    );
    let role = '';
    running.onEvent((event) => {
      if (event.type !== 'serving.changed' || event.serving.role === role) return;
      const { serving } = event;
      if (serving.role === 'supernode') {
        const words = `This machine serves the network as a supernode: ${serving.why}. To end that: ${serving.refuse}`;
        say({ event: 'serving', ...serving }, words);
      } else if (role === 'supernode') say({ event: 'serving', ...serving }, 'This machine serves no longer.');
      role = serving.role;
    });
    const code = await Promise.race([end.wanted, running.stopAsked.then(() => 0)]);
    await endWithin(() => running.stop());
    return code;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code } = error;
    const message = failureSentence(code, error.detail);
    const exit = failureExit(code);
    process.stderr.write(`wren agent: ${code}: ${message}\n`);
    if (values.json) process.stdout.write(`${JSON.stringify({ event: 'error', code, message, exit })}\n`);
    return exit;
  }
}

if (typeof require === 'function' && require.main === module) {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error) => {
      process.stderr.write(`${String((error as Error)?.stack ?? error)}\n`);
      process.exit(5);
    },
  );
}
