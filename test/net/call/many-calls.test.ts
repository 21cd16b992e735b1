/** A service, such as echo, that has an ear for every caller: all talk at once, and nobody takes all the lines. */
import { describe, expect, it } from 'vitest';
import { CallWorld, last, type Phone, story } from './call-world.ts';

const SERVICE = { callsMax: 30, callsPerPersonMax: 2, allTalk: true };

/** Echo answers whatever rings, as the agent of a service does. */
function serve(world: CallWorld, echo: Phone): void {
  for (const ring of echo.told.filter((told) => told.type === 'ringing')) {
    if (echo.calls.list().some(({ call, state }) => call === ring.call && state === 'ringing-in'))
      world.do(echo, { type: 'answer', call: ring.call });
  }
}

function scene(callers: number): { world: CallWorld; echo: Phone; people: Phone[] } {
  const world = new CallWorld();
  const echo = world.phone('echo', SERVICE);
  world.check = () => serve(world, echo);
  const people = Array.from({ length: callers }, (_, i) => world.phone(`person${i}`));
  for (const person of people) world.do(person, { type: 'place', to: 'echo' });
  world.run(500);
  return { world, echo, people };
}

describe('a service', () => {
  it('talks with twenty-five callers at once, each until that caller hangs up', () => {
    const { world, echo, people } = scene(25);
    for (const person of people) expect(story(person)).toEqual(['dialling', 'ringing', 'answered']);
    expect(echo.calls.list()).toHaveLength(25);
    const [first] = people;
    world.do(first as Phone, { type: 'hang-up', call: last(first as Phone, 'answered').call });
    world.run(100);
    expect(echo.calls.list()).toHaveLength(24);
    expect(people.slice(1).every((person) => story(person).at(-1) === 'answered')).toBe(true);
  });

  it('says busy when all its lines are taken, and is free again when one ends', () => {
    const { world, people } = scene(SERVICE.callsMax);
    const late = world.phone('latecomer');
    world.do(late, { type: 'place', to: 'echo' });
    world.run(2_000);
    expect(story(late).at(-1)).toBe('ended busy');
    const [first] = people;
    world.do(first as Phone, { type: 'hang-up', call: last(first as Phone, 'answered').call });
    world.run(100);
    world.do(late, { type: 'place', to: 'echo' });
    world.run(500);
    expect(story(late).at(-1)).toBe('answered');
  });

  it('gives one person two lines and no more, whatever that person’s program does', () => {
    const { world, echo } = scene(0);
    const greedy = world.phone('mallory', { callsMax: 100, callsPerPersonMax: 100, allTalk: true });
    for (let i = 0; i < 10; i++) world.do(greedy, { type: 'place', to: 'echo' });
    world.run(2_000);
    expect(echo.calls.list()).toHaveLength(2);
    expect(story(greedy).filter((word) => word === 'ended busy')).toHaveLength(8);
  });

  it('is held by one caller without the others noticing', () => {
    const { world, echo, people } = scene(3);
    const [first] = people;
    world.do(first as Phone, { type: 'hold', call: last(first as Phone, 'answered').call });
    world.run(100);
    expect(echo.calls.list().map(({ heldBy }) => heldBy)).toEqual(['them', 'nobody', 'nobody']);
  });
});
