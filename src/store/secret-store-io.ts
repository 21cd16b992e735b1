/**
 * The system's secret store through a child process (`bin/secret-store.ts`), which answers with one line of JSON and ends.
 * Apart from the agent for three reasons: asking may block for as long as a person looks at a prompt of the system, the
 * library is native code, and it costs memory that an agent would keep for weeks.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SECRET_STORE_ASK_MS, SECRET_STORE_HEAP_MIB } from '../net/protocol/params.ts';
import { parseJson } from './json-file.ts';
import { noSecretStore, type SecretStore, SecretStoreTrouble } from './secret-store.ts';

const ANSWER_BYTES_MAX = 16_384;
const WHY_LENGTH_MAX = 200;

const Answer = v.variant('outcome', [
  v.object({ outcome: v.literal('found'), secret: v.pipe(v.string(), v.base64()) }),
  v.object({ outcome: v.literal('none') }),
  v.object({ outcome: v.literal('stored') }),
  v.object({ outcome: v.literal('trouble'), why: v.string() }),
]);
type Answer = v.InferOutput<typeof Answer>;

/** `entry`: the built child. `env`: that of this process; WREN_NO_SECRET_STORE=1 wants none. */
export function systemSecretStore(entry: string, env: NodeJS.ProcessEnv): SecretStore {
  if (env.WREN_NO_SECRET_STORE === '1') return noSecretStore('WREN_NO_SECRET_STORE=1');
  // Saves a process at every start on servers.
  if (process.platform === 'linux' && !hasSessionBus(env)) return noSecretStore('no D-Bus session here');
  return {
    async read(name) {
      const answer = await ask(entry, ['get', name], '');
      if (answer.outcome === 'found') return Buffer.from(answer.secret, 'base64');
      if (answer.outcome === 'none') return null;
      throw new SecretStoreTrouble('the child that asks the secret store makes no sense');
    },
    async write(name, secret) {
      await ask(entry, ['put', name], secret.toString('base64'));
    },
  };
}

function hasSessionBus({ DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): boolean {
  return (
    Boolean(DBUS_SESSION_BUS_ADDRESS) || (Boolean(XDG_RUNTIME_DIR) && existsSync(join(XDG_RUNTIME_DIR ?? '', 'bus')))
  );
}

function ask(entry: string, args: readonly string[], input: string): Promise<Answer> {
  const all = [`--max-old-space-size=${SECRET_STORE_HEAP_MIB}`, entry, ...args];
  const limits = { timeout: SECRET_STORE_ASK_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, all, limits, (error, stdout) => {
      const read = v.safeParse(Answer, parseJson(stdout));
      if (read.success && read.output.outcome !== 'trouble') return resolve(read.output);
      const said = read.success && read.output.outcome === 'trouble' ? read.output.why : '';
      reject(new SecretStoreTrouble(said.slice(0, WHY_LENGTH_MAX) || whyOf(error)));
    });
    // A child that is gone already does not read.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function whyOf(error: unknown): string {
  const { killed } = (error ?? {}) as { killed?: boolean };
  return killed ? 'the secret store did not answer' : 'the secret store could not be asked';
}
