/** The PostgreSQL account store on a real server: the contract, two login servers on one database, and a database that goes away. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { message } from '../../src/net/wire/messages.ts';
import { openAccountPostgres, type SharedAccountStore } from '../../src/store/account-postgres-db.ts';
import { account, accountStoreContract, CONTRACT_SUPERNODES_MAX } from '../support/account-store-contract.ts';
import { aliceKey, outcomeOf } from '../support/login-scene.ts';
import { loginServerOn, type SmallLoginServer } from '../support/login-server-on.ts';
import { startPostgres } from '../support/postgres-server.ts';

const postgres = await startPostgres();
const PIN = Buffer.alloc(32, 7);
const stores: SharedAccountStore[] = [];
let url = '';

async function open(authorityPin = PIN): Promise<SharedAccountStore> {
  const store = await openAccountPostgres(url, { authorityPin, supernodesMax: CONTRACT_SUPERNODES_MAX });
  stores.push(store);
  return store;
}

/** What the operator reads when `open` is refused. */
async function refusal(authorityPin = PIN): Promise<string> {
  const error = await open(authorityPin).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect((error as Refusal).code).toBe('usage');
  return (error as Refusal).message;
}

beforeAll(async () => {
  if (postgres) url = await postgres.database();
});
afterAll(() => postgres?.remove());

describe.skipIf(!postgres)('accounts in PostgreSQL', () => {
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    url = (await postgres?.database()) ?? '';
  });

  accountStoreContract('PostgreSQL', open);

  it('are the same for all that share them, and there when a server is started anew', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    await first.create(account('alice1'));
    expect(await second.find('alice1')).toEqual(account('alice1'));
    expect(await second.putBuddyList('alice1', 0, '<list/>')).toBe(1);
    expect(await first.putBuddyList('alice1', 0, '<lost/>')).toBeUndefined();
    await first.close();
    await second.close();
    expect(await (await open()).buddyList('alice1')).toEqual({ version: 1, xml: '<list/>' });
  });

  it('outlive a database that dies at once: calls fail meanwhile, and work again without a restart', async () => {
    const store = await open();
    await store.create(account('alice1'));
    await postgres?.stop();
    await expect(store.find('alice1')).rejects.toThrow();
    await postgres?.start();
    expect(await store.find('alice1')).toEqual(account('alice1'));
  });

  it('tell each login server of the others, by turns, itself first', async () => {
    const at = (host: string) => [
      { carrier: 'tcp', host, port: 4040 } as const,
      { carrier: 'tcp', host: '127.0.0.1', port: 4040 } as const,
    ];
    const [first, second] = [await open(), await open()];
    expect(await first.announce('aa', at('192.0.2.1'), 1)).toEqual(at('192.0.2.1'));
    const both = await second.announce('bb', at('192.0.2.2'), 2);
    expect(both.map(({ host }) => host)).toEqual(['192.0.2.2', '192.0.2.1', '127.0.0.1', '127.0.0.1']);
    expect(await second.announce('bb', at('192.0.2.3'), 3)).not.toContainEqual(at('192.0.2.2')[0]);
  });

  it('are not given to a login server with another authority', async () => {
    await open();
    expect(await refusal(Buffer.alloc(32, 8))).toMatch(/another authority; copy authority.pem/);
  });

  it('say why they cannot be had', async () => {
    const good = url;
    url = good.replace(/wren\d+$/, 'nowhere');
    expect(await refusal()).toMatch(/"nowhere" does not exist/);
    url = 'postgres://wren:secret@127.0.0.1:1/wren';
    const words = await refusal();
    expect(words).toMatch(/ECONNREFUSED/);
    expect(words).not.toContain('secret');
    url = good;
    const store = await open();
    await store.close();
    await postgres?.asked(good.slice(good.lastIndexOf('/') + 1), 'INSERT INTO wren.schema_version VALUES (99)');
    expect(await refusal()).toMatch(/later version/);
  });

  it('H6: of two login servers one is killed under load; no sign-in is lost after a retry, and no name is given twice', async () => {
    const servers = [loginServerOn(await open()), loginServerOn(await open())] as const;
    const [victim, other] = servers;
    let died = false;
    // Whoever waits on the dead asks the other, as a client does that knows two addresses.
    const askEither = async (person: number, make: (requestId: number) => ReturnType<typeof message>) => {
      for (let requestId = 1; ; requestId++) {
        const server: SmallLoginServer = died || person % 2 === 1 ? other : victim;
        const waited = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 250));
        const reply = await Promise.race([server.ask(person * 64 + (requestId % 64), make(requestId)), waited]);
        const outcome = reply === undefined ? 'silent' : outcomeOf(reply);
        if (!['silent', 'busy', 'server-fault'].includes(outcome)) return outcome;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const PEOPLE = 200;
    const password = (person: number) => `password of ${person}`;
    // Two want each name: one at each server.
    const signUp = (person: number) => {
      const name = `Person${person >> 1}`;
      const mine = { name, displayName: `${person}`, password: password(person), publicKey: aliceKey };
      return askEither(person, (requestId) => message('signUp', { requestId, ...mine }));
    };
    const load = Array.from({ length: PEOPLE }, (_, person) => signUp(person));
    await Promise.race(load);
    died = true;
    victim.die();
    await postgres?.cutConnections();
    const outcomes = await Promise.all(load);
    const store = await open();
    for (let name = 0; name < PEOPLE / 2; name++) {
      const pair = [2 * name, 2 * name + 1] as const;
      const kept = await store.find(`person${name}`);
      const owner = Number(kept?.displayName);
      expect(pair).toContain(owner);
      const won = pair.filter((person) => outcomes[person] === 'signedIn');
      // Whose answer died with the server was told that the name is taken: by himself, as his password shows.
      expect(won.length === 0 || (won.length === 1 && won[0] === owner)).toBe(true);
      const signIn = { name: `person${name}`, password: password(owner), publicKey: aliceKey };
      const outcome = await askEither(PEOPLE + owner, (requestId) => message('signIn', { requestId, ...signIn }));
      expect(outcome).toBe('signedIn');
    }
  });
});
