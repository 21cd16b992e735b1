/** Two agents, with real engines and codecs, over the simulated internet: push-to-talk, and a recording that the other side is told of. */
import { afterEach, expect } from 'vitest';
import { changeTalk } from '../../src/store/agent-microphone.ts';
import { currentCall } from '../../src/store/state.ts';
import { PeopleWorld } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import { AgentInWorld } from '../support/agent-in-world.ts';

/** A tone has a peak of thousands; encoded silence and comfort noise stay below this. */
const SILENCE = 300;
/** From a key to the other ear: a frame, the network, the jitter buffer. */
const REACHES_MS = 300;

const agents: AgentInWorld[] = [];
afterEach(() => {
  for (const agent of agents.splice(0)) agent.end();
});

seeded(
  'push-to-talk is heard only while it is pushed, a recording has what was heard, and the other side knows of it',
  async (world) => {
    const [alice, bobby] = new PeopleWorld(world)
      .buddies()
      .map((person, index) => new AgentInWorld(world, person, [440, 900][index]!)) as [AgentInWorld, AgentInWorld];
    agents.push(alice, bobby);
    changeTalk(alice.scene.core, { talk: 'push' });
    alice.calls.place('bobby1', undefined);
    world.until(() => currentCall(bobby.scene.core.state)?.phase === 'ringing');
    bobby.calls.answer(currentCall(bobby.scene.core.state)!.call, undefined);
    world.until(() => currentCall(alice.scene.core.state)?.phase === 'running');
    const wait = (ms: number): number => {
      world.advance(ms);
      return world.now;
    };
    const from = world.now;
    // Nobody pushes: Bobby is heard, Alice is not, though her packets come.
    const calm = wait(800);
    expect(currentCall(alice.scene.core.state)?.muted).toBe(true);
    expect(bobby.loudest(from, calm)).toBeLessThan(SILENCE);
    expect(alice.loudest(calm - 300, calm)).toBeGreaterThan(10 * SILENCE);

    const opening = alice.calls.recording.start(undefined, '/memory/call.wav');
    const recordedFrom = world.now;
    await opening;
    wait(200);
    expect(currentCall(bobby.scene.core.state)?.recordedBy).toBe('them');
    expect(bobby.told).toContainEqual(expect.objectContaining({ event: 'recording', by: 'them', on: true }));

    alice.calls.command({ type: 'call.unmute' });
    const pushed = world.now;
    const spoken = wait(1_100);
    expect(bobby.loudest(pushed + REACHES_MS, spoken)).toBeGreaterThan(10 * SILENCE);
    alice.calls.command({ type: 'call.mute' });
    const released = world.now;
    const silent = wait(1_100);
    expect(bobby.loudest(released + REACHES_MS, silent)).toBeLessThan(SILENCE);

    // What left Alice looks the same whether she was heard or not; all of it is of the rung that a call begins with.
    const shapes = (begin: number, end: number): string => {
      const within = alice.sent.filter(({ at }) => at >= begin && at < end);
      return `${Math.round((within.length * 1000) / (end - begin))} a second of ${[...new Set(within.map(({ bytes }) => bytes))]}`;
    };
    expect(shapes(silent - 600, silent)).toBe(shapes(spoken - 600, spoken));

    alice.calls.recording.stop(undefined);
    wait(200);
    expect(currentCall(bobby.scene.core.state)?.recordedBy).toBe('nobody');
    const [recording] = alice.recordings;
    expect(recording?.me.length).toBe(Math.round((silent - recordedFrom) / 20));
    // Both voices: ours as it was sent, theirs as it was heard.
    expect(alice.loudest(recordedFrom, pushed, recording?.me)).toBeLessThan(SILENCE);
    expect(alice.loudest(pushed + 100, spoken, recording?.me)).toBeGreaterThan(10 * SILENCE);
    expect(alice.loudest(released + 100, silent, recording?.me)).toBeLessThan(SILENCE);
    expect(alice.loudest(recordedFrom, silent, recording?.them)).toBeGreaterThan(10 * SILENCE);
    expect(bobby.recordings).toEqual([]);
  },
  { runs: 1 },
);
