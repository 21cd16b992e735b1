/**
 * Whole agents in virtual time: one account at two machines, one of which slept, and a friend. Letters, sessions and what own
 * devices tell one another all bring the same things; each is there once, in order, read and verified alike.
 */
import { afterEach, expect, it } from 'vitest';
import type { ChatLine } from '../../src/store/state.ts';
import { World } from '../sim/world.ts';
import { AgentsInWorld, type WorldAgent } from '../support/whole-agents.ts';

let agents: AgentsInWorld;
afterEach(() => agents.end());

const linesOf = async (one: WorldAgent) =>
  (await one.handle({ type: 'chat.history', with: 'bobby11', limit: 50 })) as readonly ChatLine[];
const wordsOf = async (one: WorldAgent) => (await linesOf(one)).map(({ kind, text }) => kind ?? text);
const callsOf = async (one: WorldAgent) =>
  ((await one.handle({ type: 'history.calls', limit: 9 })) as readonly { call: string; missed: boolean }[]).map(
    ({ call, missed }) => [call, missed],
  );
const buddy = (one: WorldAgent, name: string) => one.state.buddies.find((other) => other.name === name);

it('whatever was said while one of two devices slept is there when it wakes: once, in order, read and verified alike', async () => {
  const world = new World({ seed: 11 });
  agents = new AgentsInWorld(world, ['super1', 'super2']);
  const [desk, bobby] = [await agents.start('desk'), await agents.start('bobby')];
  await agents.enter(desk, 'account.sign-up', 'alice11');
  await agents.enter(bobby, 'account.sign-up', 'bobby11');
  await desk.handle({ type: 'buddy.add', name: 'bobby11', message: '' });
  await agents.until(() => buddy(bobby, 'alice11')?.relation === 'incoming');
  await bobby.handle({ type: 'buddy.accept', name: 'alice11' });
  await agents.until(() => buddy(desk, 'bobby11')?.presence === 'online');
  // The login server has the list by now.
  await agents.pass(5_000);
  const first = await agents.start('laptop');
  await agents.enter(first, 'account.sign-in', 'alice11');
  await agents.until(() => buddy(first, 'bobby11')?.presence === 'online');
  await agents.until(() => [desk, first].every(({ state }) => state.devices?.list.every(({ online }) => online)));
  await bobby.handle({ type: 'chat.send', to: 'alice11', text: 'both are awake' });
  await agents.pass(5_000);
  for (const one of [desk, first]) expect(await wordsOf(one)).toEqual(['both are awake']);

  await agents.stop(first);
  await agents.until(() => desk.state.devices?.list.some(({ online }) => !online) ?? false, 200_000);
  await bobby.handle({ type: 'chat.send', to: 'alice11', text: 'the laptop sleeps' });
  await agents.pass(1_000);
  await desk.handle({ type: 'chat.send', to: 'bobby11', text: 'it does' });
  await agents.pass(1_000);
  await bobby.handle({ type: 'call.place', to: 'alice11' });
  await agents.until(() => desk.state.calls.some(({ phase }) => phase === 'ringing'));
  await bobby.handle({ type: 'call.hang-up', call: bobby.state.calls[0]?.call ?? '' });
  await agents.until(() => (desk.state.missedCalls ?? []).length === 1);
  await desk.handle({ type: 'chat.mark-read', with: 'bobby11' });
  await desk.handle({ type: 'safety.verify', name: 'bobby11', verified: true });
  // So that letters for the laptop are left with the supernodes.
  await agents.pass(30_000);

  const laptop = await agents.start('laptop');
  await agents.until(() => laptop.state.connection === 'online');
  await agents.until(() => buddy(laptop, 'bobby11')?.safety === 'verified');
  await agents.pass(90_000);
  const said = ['both are awake', 'the laptop sleeps', 'it does', 'missed-call'];
  expect(await wordsOf(desk)).toEqual([...said, 'verified']);
  expect((await wordsOf(laptop)).toSorted()).toEqual([...said, 'verified'].toSorted());
  expect((await wordsOf(laptop)).filter((word) => word !== 'verified')).toEqual(said);
  expect(await callsOf(laptop)).toEqual(await callsOf(desk));
  expect(await callsOf(laptop)).toEqual([[expect.any(String), true]]);
  expect(buddy(laptop, 'bobby11')?.unread).toBe(0);
  expect(laptop.state.missedCalls ?? []).toEqual([]);
  expect((await linesOf(laptop)).find(({ text }) => text === 'it does')?.mark).toBe('delivered');
  expect([...laptop.notices, ...desk.notices]).toEqual([]);
});
