/**
 * Asks the system's secret store once, prints one line of JSON, and ends. A child of agents (`store/secret-store-io.ts`).
 *
 *   node secret-store.cjs get NAME      -> {"outcome":"found","secret":"BASE64"} or {"outcome":"none"}
 *   node secret-store.cjs put NAME      the secret in base64 on stdin -> {"outcome":"stored"}
 *
 * and {"outcome":"trouble","why":"..."} in either case. On Linux the library is held to the Secret Service: its other
 * store there, the keyring of the kernel, forgets everything at the next boot.
 */
import { readFileSync } from 'node:fs';

const SERVICE = 'wren';

type Answer =
  | { readonly outcome: 'found'; readonly secret: string }
  | { readonly outcome: 'none' | 'stored' }
  | { readonly outcome: 'trouble'; readonly why: string };

async function main([verb, name]: readonly string[]): Promise<Answer> {
  if ((verb !== 'get' && verb !== 'put') || !name) return { outcome: 'trouble', why: 'usage: get|put NAME' };
  // Optional: it may be missing for this kind of machine.
  const { Entry } = await import('@napi-rs/keyring').catch(() => {
    throw new Error('no library for the secret store of this system');
  });
  const entry = new Entry(SERVICE, name, { linux: { store: 'secret-service' } });
  if (verb === 'put') {
    const secret = readFileSync(0, 'latin1').trim();
    entry.setPassword(secret);
    if (entry.getPassword() !== secret) throw new Error('the secret store does not give back what it took');
    return { outcome: 'stored' };
  }
  const secret = entry.getPassword();
  return secret === null ? { outcome: 'none' } : { outcome: 'found', secret };
}

main(process.argv.slice(2)).then(
  (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
  (error) => {
    const why = String((error as Error)?.message ?? error).split('\n', 1)[0];
    process.stdout.write(`${JSON.stringify({ outcome: 'trouble', why })}\n`);
  },
);
