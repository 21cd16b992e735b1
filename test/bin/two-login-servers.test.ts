/** Two real login servers on one real PostgreSQL: what one has written the other knows, also when the first is dead. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../support/postgres-server.ts';
import { PrivateNetwork } from '../support/private-network.ts';

const postgres = await startPostgres();
const database = (await postgres?.database()) ?? '';
const network = PrivateNetwork.empty();
afterAll(async () => {
  await network.stop();
  await postgres?.remove();
});

describe.skipIf(!postgres)('two login servers on one database', () => {
  const serve = (folder: string) =>
    network.run([
      'login-server',
      '--dir',
      network.path(folder),
      '--database',
      database,
      '--host',
      '127.0.0.1',
      '--json',
    ]);

  it('are one network: the second is known from its invite, and goes on alone when the first is killed', async () => {
    const first = serve('one');
    await first.saw(/"ready"/, 15_000);

    // Without the authority of the first it is refused, and says what to do.
    const stranger = await serve('two').done;
    expect(stranger.code).toBe(3);
    expect(stranger.stderr).toMatch(/copy authority\.pem/);
    copyFileSync(join(network.path('one'), 'authority.pem'), join(network.path('two'), 'authority.pem'));
    const second = serve('two');
    await second.saw(/"ready"/, 15_000);
    network.invite = String(second.events()[0]?.invite);
    await network.startSupernode();

    await network.person('anna', 'anna01');
    first.child.kill('SIGKILL');
    await network.succeed('elsewhere', 'join', network.invite);
    expect(await network.wren('elsewhere', 'signup', 'anna01')).toMatchObject({ code: 4 });
    await network.succeed('elsewhere', 'signin', 'anna01');
    await network.person('bobby', 'bobby01');
    await network.succeed('bobby', 'search', 'anna01');
  });
});
