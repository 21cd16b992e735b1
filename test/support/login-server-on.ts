/** A login server in small, for tests of its store: the real core and its real effects; one reply a session, no sockets. */
import type { AccountStore } from '../../src/net/login/account-store.ts';
import type { EffectResult } from '../../src/net/login/login-effects.ts';
import { LoginEffects } from '../../src/net/login/login-effects-io.ts';
import { LoginServer } from '../../src/net/login/login-server.ts';
import type { Message } from '../../src/net/wire/messages.ts';
import { WALL_MS } from './identities.ts';
import { authority } from './login-scene.ts';
import { seededRandom } from './seeded-random.ts';

/** Hashes that cost next to nothing. */
export const CHEAP = { n: 2, r: 1, p: 1 };

export interface SmallLoginServer {
  /** Every session comes from an address of its own. Never answered once the server is dead. */
  ask(session: number, asked: Message): Promise<Message>;
  die(): void;
}

export function loginServerOn(store: AccountStore): SmallLoginServer {
  const server = new LoginServer({ issuer: authority.issuer, random: seededRandom('db'), passwordCost: CHEAP });
  const waiting = new Map<number | string, (reply: Message) => void>();
  let isDead = false;
  const pump = () => {
    for (let outputs = server.drain(); outputs.length > 0; outputs = server.drain()) {
      for (const output of outputs) {
        if (output.type === 'effect' && output.effect.effect !== 'dial') effects.perform(output.id, output.effect);
        else if (output.type === 'effect') throw new Error('nothing is dialled here');
        else if (output.type === 'cancel') effects.cancel(output.id);
        else if (!isDead) waiting.get(output.session)?.(output.message);
      }
    }
  };
  const onDone = (id: number, result: EffectResult) => {
    if (isDead) return;
    server.effectDone(performance.now(), WALL_MS, id, result);
    pump();
  };
  const effects = new LoginEffects({ store, cost: CHEAP, onDone });
  return {
    ask: (session, asked) =>
      new Promise((resolve) => {
        waiting.set(session, resolve);
        const remoteHost = `203.0.${session >> 8}.${session & 255}`;
        server.request(performance.now(), WALL_MS, { session: { id: session, remoteHost }, message: asked });
        pump();
      }),
    die: () => {
      isDead = true;
    },
  };
}
