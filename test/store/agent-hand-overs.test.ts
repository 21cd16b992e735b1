/** Calls that go from one device of the account to another, as the agents at both ends deal with them. */
import { afterEach, expect, test } from 'vitest';
import { AgentCalls } from '../../src/store/agent-calls.ts';
import type { DevicesReport } from '../../src/store/state.ts';
import { AgentScene } from '../support/agent-scene.ts';

const CALL = 'c'.repeat(32);
const DESK = 'd1'.repeat(16);
const LAPTOP = 'e1'.repeat(16);
const DEVICES: DevicesReport = {
  ...{ version: 1, accountKey: 'ff'.repeat(32), revoked: [] },
  list: [
    { id: DESK, label: 'desk', addedAtMs: 0, thisOne: false, online: true },
    { id: LAPTOP, label: 'laptop', addedAtMs: 0, thisOne: true, online: true },
  ],
};

let scene: AgentScene;
let attended = true;
afterEach(() => scene.end());

/** Talks with bobby1 already. */
function talking(): AgentCalls {
  scene = new AgentScene({ change: (options) => ({ ...options, attended: () => attended }) }).signedIn();
  scene.core.emit({ type: 'devices.changed', devices: DEVICES });
  const room = new AgentCalls(scene.core);
  room.fromNode({ type: 'ringing', call: CALL, peer: 'bobby1', direction: 'in' });
  room.fromNode({ type: 'answered', call: CALL, peer: 'bobby1', setupMs: 1 });
  return room;
}
const words = () => scene.told('calls').map(({ command }) => command);

test('a call goes to the device that is named by label or id, and the wish ends as the node says', async () => {
  const room = talking();
  const gone = room.handOvers.handOver('DESK', undefined);
  expect(words()).toEqual([{ type: 'hand-over', call: CALL, node: DESK }]);
  room.fromNode({ type: 'handed-over', call: CALL, code: null });
  await expect(gone).resolves.toEqual({ call: CALL, peer: 'bobby1', device: 'desk' });
  const stays = room.handOvers.handOver('d1d1', CALL);
  room.fromNode({ type: 'handed-over', call: CALL, code: 'device-silent' });
  await expect(stays).rejects.toMatchObject({ code: 'device-silent', message: 'desk' });
  const cut = room.handOvers.handOver('desk', CALL);
  scene.core.emit({ type: 'account.signed-out' });
  await expect(cut).rejects.toMatchObject({ code: 'no-call' });
});

test('what makes no sense is refused before anybody is asked', async () => {
  const room = talking();
  await expect(room.handOvers.handOver('phone', undefined)).rejects.toMatchObject({ code: 'device-unknown' });
  await expect(room.handOvers.handOver('laptop', undefined)).rejects.toMatchObject({ code: 'usage' });
  await expect(room.handOvers.handOver('desk', 'ab'.repeat(16))).rejects.toMatchObject({ code: 'no-call' });
  const [call] = scene.core.state.calls;
  const conference = { people: [], others: [] } as never;
  if (call) scene.core.emit({ type: 'call.changed', call: { ...call, conference } });
  await expect(room.handOvers.handOver('desk', undefined)).rejects.toMatchObject({ code: 'conference-stays' });
  expect(words()).toEqual([]);
});

test('a call that another device hands to this one is told; where nobody looks its microphone is off', () => {
  for (const isThere of [true, false]) {
    attended = isThere;
    const room = talking();
    room.fromNode({ type: 'offered', call: CALL, peer: 'bobby1', node: DESK });
    expect(scene.notices).toEqual(['call-handed-over bobby1, from desk']);
    expect(words()).toEqual(isThere ? [] : [{ type: 'mute', call: CALL }]);
    if (isThere) scene.end();
  }
});
