/**
 * The place PROXY in virtual time: nothing of a person's gets out but streams to one proxy, which lets through to port
 * 443 only. 50 ms each way between the person and the proxy, which stands beside the core (figure S5: 3 s).
 */
import { expect, test } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { SimProxy } from '../sim/proxy.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const SEED = 5;
const CORE_DELAY_MS = 50;
const SIGN_IN_MS_MAX = 3_000;
const LATER_MS_MAX = 1_500;
const WHERE = { carrier: 'tcp', host: '10.8.0.1', port: 3128 } as const;

/** A proxy that serves these ports, and a person for whom there is nothing else. */
function behindProxy(world: World, people: PeopleWorld, ports?: readonly number[]): Person {
  world.host('proxy', { address: WHERE.host }).run(new SimProxy(ports), { port: WHERE.port });
  world.block(({ carrier, to }, sender) => sender === 'alice1' && (carrier === 'udp' || to.host !== WHERE.host));
  const person = people.person('alice1', undefined, { proxy: WHERE });
  world.link('alice1', 'proxy', { delayMs: CORE_DELAY_MS });
  return person;
}

async function scene(play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, SEED, replayCommand(SEED, testPath, currentTestName.replaceAll(' > ', ' ')));
}

test.each([
  ['443', [443], 'proxy443'],
  ['4000, the own port of the servers', [4000], 'proxy'],
])('signs up through a proxy that lets out to port %s, and starts faster the next time', async (_words, ports, way) => {
  await scene((world) => {
    const person = behindProxy(world, new PeopleWorld(world), ports);
    const begin = world.now;
    person.signUp();
    expect(world.now - begin).toBeLessThanOrEqual(SIGN_IN_MS_MAX);
    world.until(() => person.remembered?.networks[0]?.way === way, 60_000);
    person.kill();
    person.start();
    expect(world.until(() => person.online)).toBeLessThanOrEqual(LATER_MS_MAX);
  });
});

test('befriends, writes, calls and is heard through it', async () => {
  await scene((world) => {
    const people = new PeopleWorld(world);
    const alice = behindProxy(world, people);
    alice.signUp();
    const bobby = people.person('bobby1');
    bobby.signUp();
    alice.befriend(bobby);
    alice.says(bobby, 'from behind a proxy');
    world.until(() => bobby.lines.length === 1);
    alice.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'));
    bobby.call_('answer');
    world.until(() => alice.heard.length > 50 && bobby.heard.length > 50);
    expect([alice.path, bobby.path]).toEqual(['tcp443', 'relay']);
  });
});

test('a proxy that refuses costs nobody a sign-in where the direct ways are open, and no time worth mentioning', async () => {
  await scene((world) => {
    const people = new PeopleWorld(world);
    world.host('proxy', { address: WHERE.host }).run(new SimProxy([]), { port: WHERE.port });
    const person = people.person('alice1', undefined, { proxy: WHERE });
    const begin = world.now;
    person.signUp();
    expect(world.now - begin).toBeLessThanOrEqual(500);
    expect(person.node.events.findLast((event) => event.type === 'link')).toMatchObject({ byProxy: false });
  });
});
