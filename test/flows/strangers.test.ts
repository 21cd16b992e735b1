/**
 * Figure P8: a stranger who searches, calls and cancels a thousand times learns no address. Every message that the
 * stranger's program opens is looked at, whoever sealed it, and every packet that comes to its machine.
 */
import { expect, test, vi } from 'vitest';
import type { Message } from '../../src/net/wire/messages.ts';
import { PeopleWorld } from '../sim/people-world.ts';
import { outerAddressOf, type Place } from '../sim/places.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';

/** Who is opening packets just now, and what the stranger has opened. */
const eyes = vi.hoisted(() => ({ of: '', stranger: 'alice1', saw: [] as Message[] }));

vi.mock('../../src/net/wire/messages.ts', async (original) => {
  const real = await original<typeof import('../../src/net/wire/messages.ts')>();
  return {
    ...real,
    decodeMessage: (bytes: Uint8Array) => {
      const opened = real.decodeMessage(bytes);
      if (opened && eyes.of === eyes.stranger) eyes.saw.push(opened);
      return opened;
    },
  };
});

const TIMES = 1_000;
const SEED = 1;

test.each(['PR', 'PUB', 'SYM'] as Place[])(
  `P8: searches, calls and cancels ${TIMES} times, and is not told where the other is (%s)`,
  async (where) => {
    const { testPath = '', currentTestName = '' } = expect.getState();
    eyes.saw.length = 0;
    await runScene(
      (world) => {
        const people = new PeopleWorld(world, ['super1'], (name, core) => {
          const receive = core.receive.bind(core);
          core.receive = (now, input) => {
            eyes.of = name;
            receive(now, input);
            eyes.of = '';
          };
        });
        const [alice, bobby] = [people.person('alice1', 'PUB'), people.person('bobby1', where)];
        alice.signUp();
        bobby.signUp();
        const theirs = [...new Set([outerAddressOf(world.host('bobby1')), world.host('bobby1').address])];
        let between = 0;
        world.watch({
          packet({ to }, sender) {
            if (sender === 'bobby1' && to.host === world.host('alice1').address) between += 1;
            if (sender === 'alice1' && theirs.includes(to.host)) between += 1;
          },
        });
        for (let turn = 1; turn <= TIMES; turn += 1) {
          alice.does({ type: 'search', ticket: turn, pattern: 'bobby', limit: 50 });
          const rings = bobby.callLog.filter((word) => word === 'ringing').length;
          alice.calls(bobby);
          world.until(() => bobby.callLog.filter((word) => word === 'ringing').length > rings);
          world.advance(turn % 100 === 0 ? 3_000 : 200);
          alice.call_('hang-up');
          world.until(() => bobby.callLog.at(-1) === 'ended cancelled');
          world.advance(300);
        }
        expect(between).toBe(0);
        // The whole of what was opened, texts inside bytes too.
        const kinds = new Set(eyes.saw.map(({ kind }) => kind));
        for (const kind of ['searchResults', 'callRinging', 'forwarded'] as const) expect(kinds).toContain(kind);
        expect(eyes.saw.length).toBeGreaterThan(4 * TIMES);
        for (const host of theirs) {
          const telling = eyes.saw.filter((opened) => wordsOf(opened).includes(host));
          expect(telling, `${host} is told`).toEqual([]);
        }
      },
      SEED,
      replayCommand(SEED, testPath, currentTestName),
    );
  },
);

function wordsOf(opened: Message): string {
  return JSON.stringify(opened, (_, value) =>
    value instanceof Uint8Array || value?.type === 'Buffer'
      ? Buffer.from(value.data ?? value).toString('latin1')
      : value,
  );
}
