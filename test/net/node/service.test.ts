/** A service on the network: twenty people call it at the same time, and each is heard. */
import { expect, test } from 'vitest';
import { silenceBody } from '../../../src/audio/voice-body.ts';
import { PeopleWorld, type Person } from '../../sim/people-world.ts';
import { World } from '../../sim/world.ts';
import { keyPair, makeAuthority } from '../../support/identities.ts';

const CALLERS = 20;

function becomeService(person: Person): void {
  const { privateKey } = keyPair(person.name);
  const { der: certificateDer, expiresAtMs } = person.certificate ?? { der: Buffer.alloc(0), expiresAtMs: 0 };
  const { nodeId } = makeAuthority().issue({ name: person.name }, person.name);
  const common = { name: person.name, displayName: 'Echo', nodeId, privateKey, certificateDer, expiresAtMs };
  person.does({ type: 'become', member: { ...common, roster: [], presence: 'online', isService: true } });
}

/** Answers whatever rings, and says back what it hears in each call. */
function serve(echo: Person, from: number): number {
  const { events } = echo.node;
  for (const event of events.slice(from)) {
    if (event.type === 'call' && event.news.type === 'ringing') {
      echo.does({ type: 'calls', command: { type: 'answer', call: event.news.call } });
    } else if (event.type === 'play') echo.does({ type: 'voice', call: event.call, body: Buffer.from(event.body) });
  }
  return events.length;
}

test('echo answers twenty callers at once, by their direct ways, and every one of them hears', () => {
  const world = new World({ seed: 1 });
  const people = new PeopleWorld(world);
  const echo = people.person('echoes1');
  echo.signUp();
  becomeService(echo);
  world.until(() => echo.online);
  const callers = Array.from({ length: CALLERS }, (_, i) => people.person(`caller${i}`));
  for (const caller of callers) {
    caller.signUp();
    caller.does({ type: 'roster', command: { type: 'add', name: 'echoes1', message: 'hello' } });
  }
  world.until(() => callers.every((caller) => caller.relation('echoes1') === 'both'), 20_000);
  let served = serve(echo, 0);
  for (const caller of callers) caller.calls(echo);
  for (let t = 0; t < 2_500; t += 20) {
    world.advance(20);
    served = serve(echo, served);
    for (const caller of callers)
      if (caller.call) caller.does({ type: 'voice', call: caller.call, body: Buffer.from(silenceBody(t / 10)) });
  }
  expect(callers.every((caller) => caller.callLog.includes('answered'))).toBe(true);
  expect(callers.some((caller) => caller.callLog.some((word) => word.startsWith('ended')))).toBe(false);
  expect(callers.map((caller) => caller.path)).toEqual(Array(CALLERS).fill('lan'));
  for (const caller of callers) expect(caller.heard.length).toBeGreaterThan(80);
});
