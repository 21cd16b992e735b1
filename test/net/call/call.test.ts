import { describe, expect, it } from 'vitest';
import {
  boundCandidates,
  endReason,
  heldBy,
  moreTelling,
  withDevice,
  withoutDevice,
} from '../../../src/net/call/call-record.ts';
import {
  CALL_RESTART_SILENCE_MS,
  CALL_SILENCE_MS_MAX,
  CANDIDATES_MAX,
  ENDED_CALL_MEMORY_MS,
  INVITE_TIMEOUT_MS,
  PEER_GONE_PATIENCE_MS,
  RING_MARGIN_MS,
  RING_TIMEOUT_MS,
} from '../../../src/net/protocol/params.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { CallWorld, last, type Phone, story } from './call-world.ts';

/** Alice and Bobby, 10 ms apart. */
function two() {
  const world = new CallWorld();
  const alice = world.phone('alice1');
  const bobby = world.phone('Bobby1');
  return { world, alice, bobby };
}

function dial(world: CallWorld, from: Phone, to: Phone): string {
  const call = world.do(from, { type: 'place', to: to.name.toLowerCase() });
  world.run(30);
  return call;
}

function talking() {
  const scene = two();
  const call = dial(scene.world, scene.alice, scene.bobby);
  scene.world.do(scene.bobby, { type: 'answer', call });
  scene.world.run(30);
  return { ...scene, call };
}

const byId = (phone: Phone, type: string) => phone.told.filter((told) => told.type === type);

describe('a call between two', () => {
  it('rings, is answered, and ends on both sides with the same reason', () => {
    const { world, alice, bobby, call } = talking();
    world.do(alice, { type: 'hang-up', call });
    world.run(30);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'answered', 'ended hangup']);
    expect(story(bobby)).toEqual(['ringing', 'answered', 'ended hangup']);
    expect(last(alice, 'ringing')).toMatchObject({ call, peer: 'Bobby1', direction: 'out' });
    expect(last(bobby, 'ringing')).toMatchObject({ call, peer: 'alice1', direction: 'in' });
    expect(last(alice, 'ended')).toMatchObject({ by: 'me', durationMs: 20 });
    expect(last(bobby, 'ended')).toMatchObject({ by: 'them', durationMs: 40 });
  });

  it('tells each end of media whom to send to, where, and in which role, and stops it before it ends', () => {
    const { world, alice, bobby, call } = talking();
    expect(last(alice, 'media-start')).toMatchObject({
      call,
      wire: call,
      node: bobby.node,
      remoteCandidates: ['udp:127.0.0.1:4002'],
      role: 'caller',
    });
    expect(last(bobby, 'media-start')).toMatchObject({ node: alice.node, role: 'callee' });
    world.do(bobby, { type: 'hang-up', call });
    expect(bobby.told.slice(-2).map((told) => told.type)).toEqual(['media-stop', 'ended']);
  });

  it('measures set-up from placing to answer', () => {
    const { alice, bobby } = talking();
    expect(last(alice, 'answered').setupMs).toBe(40);
    expect(last(bobby, 'answered').setupMs).toBe(20);
  });

  it('is declined', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.do(bobby, { type: 'decline', call });
    world.run(30);
    expect(story(alice).at(-1)).toBe('ended declined');
    expect(last(alice, 'ended').by).toBe('them');
    expect(story(bobby).at(-1)).toBe('ended declined');
  });

  it('is declined by hanging up while it rings here', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.do(bobby, { type: 'hang-up', call });
    world.run(30);
    expect(story(alice).at(-1)).toBe('ended declined');
  });

  it('is cancelled by the caller before the answer', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.do(alice, { type: 'hang-up', call });
    world.run(30);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'ended cancelled']);
    expect(story(bobby)).toEqual(['ringing', 'ended cancelled']);
  });

  it('ends on both sides when the answer crosses the cancel', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.do(alice, { type: 'hang-up', call });
    world.do(bobby, { type: 'answer', call });
    world.run(60);
    expect(story(alice).at(-1)).toBe('ended cancelled');
    expect(story(bobby)).toEqual(['ringing', 'answered', 'ended cancelled']);
  });

  it('ends once on each side when both hang up at once', () => {
    const { world, alice, bobby, call } = talking();
    world.do(alice, { type: 'hang-up', call });
    world.do(bobby, { type: 'hang-up', call });
    world.run(60);
    expect(byId(alice, 'ended')).toHaveLength(1);
    expect(byId(bobby, 'ended')).toHaveLength(1);
    expect([last(alice, 'ended').by, last(bobby, 'ended').by]).toEqual(['me', 'me']);
  });

  it('gives up when nobody answers, and the callee agrees', () => {
    const { world, alice, bobby } = two();
    dial(world, alice, bobby);
    world.run(RING_TIMEOUT_MS + RING_MARGIN_MS);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'ended no-answer']);
    expect(story(bobby)).toEqual(['ringing', 'ended no-answer']);
  });

  it('stops ringing by itself when the caller has vanished without a word', () => {
    const { world, alice, bobby } = two();
    dial(world, alice, bobby);
    alice.attached = false;
    world.run(RING_TIMEOUT_MS + RING_MARGIN_MS);
    expect(story(bobby).at(-1)).toBe('ended no-answer');
  });

  it('is unreachable when no device rings in time', () => {
    const { world, alice, bobby } = two();
    bobby.attached = false;
    world.phone('bobby1').calls.receive = () => {};
    world.do(alice, { type: 'place', to: 'bobby1' });
    world.run(INVITE_TIMEOUT_MS);
    expect(story(alice)).toEqual(['dialling', 'ended unreachable']);
  });

  it('is unreachable at once when the network says so, with its reason', () => {
    const { world, alice, bobby } = two();
    bobby.attached = false;
    world.do(alice, { type: 'place', to: 'bobby1' });
    world.run(20);
    expect(last(alice, 'ended')).toMatchObject({ reason: 'unreachable', code: 'person-offline', by: 'nobody' });
  });

  it('is unreachable when the only device leaves while we dial', () => {
    const { world, alice, bobby } = two();
    world.do(alice, { type: 'place', to: 'bobby1' });
    world.leave(bobby);
    world.run(PEER_GONE_PATIENCE_MS);
    expect(story(alice)).toEqual(['dialling', 'ended unreachable']);
  });

  it('rings on when the callee is back before patience ends', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.leave(bobby);
    world.run(1_000);
    world.comeBack(bobby);
    world.run(PEER_GONE_PATIENCE_MS);
    world.do(bobby, { type: 'answer', call });
    world.run(30);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'answered']);
  });

  it('stops ringing when the caller left and stays away', () => {
    const { world, alice, bobby } = two();
    dial(world, alice, bobby);
    world.leave(alice);
    world.run(PEER_GONE_PATIENCE_MS);
    expect(story(bobby)).toEqual(['ringing', 'ended cancelled']);
  });

  it('runs on when the other end leaves the supernode, for media decides', () => {
    const { world, alice, bobby, call } = talking();
    world.leave(bobby);
    world.hear(alice, { type: 'unreachable', name: 'bobby1', code: 'person-offline' });
    for (let second = 0; second < 200; second += 1) {
      world.hear(alice, { type: 'media-alive', call });
      world.run(1_000);
    }
    expect(alice.calls.list()).toMatchObject([{ call, state: 'running' }]);
  });

  it('fails after a long silence', () => {
    const { world, alice, bobby } = talking();
    world.run(CALL_SILENCE_MS_MAX - 100);
    expect(story(alice).at(-1)).toBe('answered');
    world.run(200);
    expect(story(alice).at(-1)).toBe('ended failed');
    expect(story(bobby).at(-1)).toBe('ended failed');
  });

  it('tells again what was lost while a peer was out of reach', () => {
    const { world, alice, bobby, call } = talking();
    world.leave(bobby);
    world.do(alice, { type: 'hang-up', call });
    world.run(20);
    expect(story(bobby).at(-1)).toBe('answered');
    world.comeBack(bobby);
    world.run(20);
    expect(story(bobby).at(-1)).toBe('ended hangup');
  });

  it('tells a peer who still sends voice that the call is over, once a second', () => {
    const { world, alice, bobby, call } = talking();
    bobby.attached = false;
    world.do(alice, { type: 'hang-up', call });
    world.run(20);
    bobby.attached = true;
    const before = alice.sent.length;
    for (let i = 0; i < 50; i += 1) {
      world.hear(alice, { type: 'media-alive', call });
      world.run(20);
    }
    expect(alice.sent.length - before).toBe(1);
    expect(story(bobby).at(-1)).toBe('ended hangup');
  });
});

describe('hold and mute', () => {
  it('holds and resumes, and both ends know by whom', () => {
    const { world, alice, bobby, call } = talking();
    world.do(alice, { type: 'hold', call });
    world.run(20);
    expect(last(alice, 'held')).toMatchObject({ by: 'me', heldBy: 'me' });
    expect(last(bobby, 'held')).toMatchObject({ by: 'them', heldBy: 'them' });
    world.do(bobby, { type: 'hold', call });
    world.run(20);
    expect(last(alice, 'held')).toMatchObject({ by: 'them', heldBy: 'both' });
    world.do(alice, { type: 'resume', call });
    world.run(20);
    expect(last(alice, 'resumed')).toMatchObject({ by: 'me', heldBy: 'them' });
    world.do(bobby, { type: 'resume', call });
    world.run(20);
    expect(last(alice, 'resumed')).toMatchObject({ by: 'them', heldBy: 'nobody' });
    expect(bobby.calls.list()[0]?.heldBy).toBe('nobody');
  });

  it('says nothing twice', () => {
    const { world, alice, bobby, call } = talking();
    for (let i = 0; i < 3; i += 1) {
      world.do(alice, { type: 'hold', call });
      world.do(alice, { type: 'mute', call });
    }
    world.run(20);
    expect(byId(alice, 'held')).toHaveLength(1);
    expect(byId(bobby, 'muted')).toHaveLength(1);
    expect(last(bobby, 'muted').by).toBe('them');
  });

  it('tells the other end that it is recorded, once, and when no more; only in a running call', () => {
    const { world, alice, bobby, call } = talking();
    for (let i = 0; i < 2; i += 1) world.do(alice, { type: 'record', call });
    world.run(20);
    expect(byId(alice, 'recording')).toEqual([{ type: 'recording', call, peer: 'Bobby1', on: true, by: 'me' }]);
    expect(byId(bobby, 'recording')).toEqual([{ type: 'recording', call, peer: 'alice1', on: true, by: 'them' }]);
    world.do(alice, { type: 'record-end', call });
    world.run(20);
    expect(last(bobby, 'recording')).toMatchObject({ on: false, by: 'them' });
    const later = two();
    const ringing = dial(later.world, later.alice, later.bobby);
    later.world.do(later.alice, { type: 'record', call: ringing });
    expect(last(later.alice, 'refused')).toMatchObject({ command: 'record', code: 'no-call' });
  });

  it('tells of a mute from before the answer when the call runs', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    world.do(alice, { type: 'mute', call });
    world.do(bobby, { type: 'answer', call });
    world.run(40);
    expect(story(bobby)).toEqual(['ringing', 'answered', 'muted']);
  });

  it('lets one call wait on hold while another is made, and keeps only one talking', () => {
    const { world, alice, bobby, call } = talking();
    const carol = world.phone('carol1');
    world.do(alice, { type: 'place', to: 'carol1' });
    expect(last(alice, 'refused')).toMatchObject({ command: 'place', code: 'already-in-call' });
    world.do(alice, { type: 'hold', call });
    const second = dial(world, alice, carol);
    world.do(carol, { type: 'answer', call: second });
    world.run(20);
    world.do(alice, { type: 'resume', call });
    expect(last(alice, 'refused')).toMatchObject({ call, command: 'resume', code: 'already-in-call' });
    world.do(alice, { type: 'hang-up', call: second });
    world.do(alice, { type: 'resume', call });
    world.run(20);
    expect(story(bobby).at(-1)).toBe('resumed');
  });

  it('can be told to allow no second call at all', () => {
    const world = new CallWorld();
    const alice = world.phone('alice1', { callsMax: 1 });
    const bobby = world.phone('bobby1');
    world.phone('carol1');
    const call = dial(world, alice, bobby);
    world.do(bobby, { type: 'answer', call });
    world.run(20);
    world.do(alice, { type: 'hold', call });
    world.do(alice, { type: 'place', to: 'carol1' });
    expect(last(alice, 'refused').code).toBe('already-in-call');
  });
});

describe('more than two', () => {
  it('tells a third caller that we are busy, and goes on talking', () => {
    const { world, alice, bobby } = talking();
    const carol = world.phone('carol1');
    world.do(carol, { type: 'place', to: 'bobby1' });
    world.run(1_000);
    expect(story(carol)).toEqual(['dialling', 'ended busy']);
    expect(alice.calls.list()[0]?.state).toBe('running');
    expect(bobby.calls.list()).toHaveLength(1);
  });

  it('is busy too while another call rings', () => {
    const { world, alice, bobby } = two();
    const carol = world.phone('carol1');
    dial(world, alice, bobby);
    world.do(carol, { type: 'place', to: 'bobby1' });
    world.run(1_000);
    expect(story(carol).at(-1)).toBe('ended busy');
  });

  it('rings every device; the first answer wins, the others are told at once', () => {
    const { world, alice, bobby } = two();
    const tablet = world.phone('bobby1');
    const laptop = world.phone('bobby1');
    const call = dial(world, alice, bobby);
    world.do(tablet, { type: 'answer', call });
    world.run(30);
    expect(last(alice, 'media-start').node).toBe(tablet.node);
    expect(byId(alice, 'ringing')).toHaveLength(1);
    expect(story(bobby)).toEqual(['ringing', 'ended answered-elsewhere']);
    expect(story(laptop)).toEqual(['ringing', 'ended answered-elsewhere']);
    expect(story(tablet)).toEqual(['ringing', 'answered']);
  });

  it('has one winner when two devices answer at once', () => {
    const { world, alice, bobby } = two();
    const tablet = world.phone('bobby1');
    const call = dial(world, alice, bobby);
    world.do(tablet, { type: 'answer', call });
    world.do(bobby, { type: 'answer', call });
    world.run(60);
    const running = [bobby, tablet].filter((phone) => phone.calls.list()[0]?.state === 'running');
    expect(running.map((phone) => phone.node)).toEqual([last(alice, 'media-start').node]);
  });

  it('rings on at the other device when one is busy', () => {
    const { world, alice, bobby } = talking();
    const tablet = world.phone('bobby1');
    const carol = world.phone('carol1');
    const call = world.do(carol, { type: 'place', to: 'bobby1' });
    world.run(2_000);
    expect(story(carol)).toEqual(['dialling', 'ringing']);
    world.do(tablet, { type: 'answer', call });
    world.run(30);
    expect(story(carol).at(-1)).toBe('answered');
    expect(bobby.calls.list()[0]?.peer).toBe('alice1');
    expect(alice.calls.list()).toHaveLength(1);
  });

  it('takes one "no" for all devices', () => {
    const { world, alice, bobby } = two();
    const tablet = world.phone('bobby1');
    const call = dial(world, alice, bobby);
    world.do(bobby, { type: 'decline', call });
    world.run(30);
    expect(story(alice).at(-1)).toBe('ended declined');
    expect(story(tablet).at(-1)).toBe('ended answered-elsewhere');
  });

  it('goes on with the device that still rings when another leaves', () => {
    const { world, alice, bobby } = two();
    const tablet = world.phone('bobby1');
    const call = dial(world, alice, bobby);
    world.leave(bobby);
    world.run(10_000);
    world.do(tablet, { type: 'answer', call });
    world.run(30);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'answered']);
  });
});

describe('both calling each other', () => {
  it('becomes one call that runs on both sides, each by the id it was promised', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new CallWorld({ seed });
      const alice = world.phone('alice1');
      const bobby = world.phone('bobby1');
      const a = world.do(alice, { type: 'place', to: 'bobby1' });
      const b = world.do(bobby, { type: 'place', to: 'alice1' });
      world.run(60);
      const [wire] = [a, b].sort();
      expect(alice.calls.list()).toMatchObject([{ call: a, wire, state: 'running', node: bobby.node }]);
      expect(bobby.calls.list()).toMatchObject([{ call: b, wire, state: 'running', node: alice.node }]);
      expect(story(alice)).toEqual(['dialling', 'answered']);
      expect(story(bobby)).toEqual(['dialling', 'answered']);
      expect([last(alice, 'media-start').role, last(bobby, 'media-start').role].sort()).toEqual(['callee', 'caller']);
      world.do(bobby, { type: 'hang-up', call: b });
      world.run(30);
      expect(last(alice, 'ended')).toMatchObject({ call: a, reason: 'hangup', by: 'them' });
    }
  });

  it('counts calling back while it rings here as the answer', () => {
    const { world, alice, bobby } = two();
    const incoming = dial(world, alice, bobby);
    world.do(bobby, { type: 'place', to: 'ALICE1', call: 'b'.repeat(32) });
    world.run(30);
    expect(story(alice)).toEqual(['dialling', 'ringing', 'answered']);
    expect(bobby.told.map((told) => `${told.type} ${told.call.slice(0, 4)}`)).toEqual([
      `ringing ${incoming.slice(0, 4)}`,
      `ended ${incoming.slice(0, 4)}`,
      'answered bbbb',
      'media-start bbbb',
    ]);
    expect(last(bobby, 'media-start').wire).toBe(incoming);
    world.do(alice, { type: 'hang-up', call: incoming });
    world.run(30);
    expect(last(bobby, 'ended')).toMatchObject({ call: 'b'.repeat(32), reason: 'hangup' });
  });

  it('stops the ring at the other devices of the one whose invite lost', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new CallWorld({ seed });
      const alice = world.phone('alice1');
      const tablet = world.phone('alice1');
      const bobby = world.phone('bobby1');
      world.do(alice, { type: 'place', to: 'bobby1' });
      world.do(bobby, { type: 'place', to: 'alice1' });
      world.run(60);
      expect(story(tablet)).toEqual(['ringing', 'ended answered-elsewhere']);
      expect(alice.calls.list()).toMatchObject([{ state: 'running', node: bobby.node }]);
    }
  });
});

describe('addresses', () => {
  const at = (port: number): string[] => [`udp:127.0.0.1:${port}`];
  const toldBy = (phone: Phone): string[] =>
    phone.sent.flatMap(({ message: { kind, body } }) =>
      'candidates' in body ? [`${kind} ${(body.candidates ?? []).join(' ')}`.trim()] : [],
    );

  function strangers() {
    const world = new CallWorld();
    const isBuddy = () => false;
    return { world, alice: world.phone('alice1', { isBuddy }), bobby: world.phone('Bobby1', { isBuddy }) };
  }

  it('are told to a buddy with the first word', () => {
    const { alice, bobby } = talking();
    expect([...toldBy(alice), ...toldBy(bobby)]).toEqual([
      'callInvite udp:127.0.0.1:4001',
      'callAnswer udp:127.0.0.1:4002',
    ]);
  });

  it('are told to a stranger only by who has answered, and then by who called', () => {
    const { world, alice, bobby } = strangers();
    const call = dial(world, alice, bobby);
    expect([...toldBy(alice), ...toldBy(bobby)]).toEqual(['callInvite']);
    world.do(bobby, { type: 'answer', call });
    world.run(40);
    expect(toldBy(bobby)).toEqual(['callAnswer udp:127.0.0.1:4002']);
    expect(toldBy(alice)).toEqual(['callInvite', 'callCandidates udp:127.0.0.1:4001']);
    expect(last(bobby, 'media-start')).toMatchObject({ remoteCandidates: [], tellsLast: true });
    expect(last(alice, 'media-start')).toMatchObject({ remoteCandidates: at(4002), tellsLast: true });
    expect(last(bobby, 'media-candidates')).toMatchObject({ call, remoteCandidates: at(4001) });
  });

  it('of somebody who is called a thousand times by a stranger stay unknown', () => {
    const { world, alice, bobby } = strangers();
    for (let i = 0; i < 1_000; i += 1) {
      const call = dial(world, alice, bobby);
      world.do(alice, { type: 'hang-up', call });
      world.run(40);
    }
    expect(new Set(toldBy(bobby))).toEqual(new Set());
    expect(new Set(toldBy(alice))).toEqual(new Set(['callInvite']));
  });

  it('that change in a call are told to whom we talk with, once', () => {
    const { world, alice, bobby, call } = talking();
    for (let i = 0; i < 3; i += 1) world.do(alice, { type: 'candidates', endpoints: at(7777) });
    world.run(40);
    expect(toldBy(alice).slice(1)).toEqual(['callCandidates udp:127.0.0.1:7777']);
    expect(last(bobby, 'media-candidates')).toMatchObject({ call, remoteCandidates: at(7777) });
    world.do(alice, { type: 'hang-up', call });
    world.do(alice, { type: 'candidates', endpoints: at(8888) });
    expect(toldBy(alice)).toHaveLength(2);
  });

  it('are taken from the node we talk with alone', () => {
    const { world, alice, bobby, call } = talking();
    const callId = Buffer.from(call, 'hex');
    const told = message('callCandidates', { callId, candidates: at(6666) });
    world.hear(alice, { type: 'message', from: 'Bobby1', node: 'e'.repeat(32), message: told });
    world.hear(alice, { type: 'message', from: 'mallory', node: bobby.node, message: told });
    expect(alice.told.filter(({ type }) => type === 'media-candidates')).toEqual([]);
  });
});

describe('what makes no sense', () => {
  it('refuses commands about no call, calls to oneself, and a second call', () => {
    const { world, alice } = two();
    for (const type of ['answer', 'decline', 'hang-up', 'hold', 'resume', 'mute', 'unmute'] as const) {
      world.do(alice, { type, call: 'f'.repeat(32) });
      expect(last(alice, 'refused')).toMatchObject({ command: type, code: 'no-call' });
    }
    world.do(alice, { type: 'place', to: 'Alice1' });
    expect(last(alice, 'refused')).toMatchObject({ command: 'place', code: 'person-self' });
    const call = world.do(alice, { type: 'place', to: 'bobby1' });
    world.do(alice, { type: 'answer', call });
    expect(last(alice, 'refused')).toMatchObject({ command: 'answer', code: 'no-call' });
    world.do(alice, { type: 'place', to: 'carol1' });
    expect(last(alice, 'refused').code).toBe('already-in-call');
  });

  it('ignores an end for an unknown call, and answers anything else about one with an end', () => {
    const { world, alice, bobby } = two();
    const callId = Buffer.alloc(16, 7);
    const say = (heard: Parameters<typeof world.hear>[1]) => world.hear(alice, heard);
    const of = { type: 'message', from: 'bobby1', node: bobby.node } as const;
    say({ ...of, message: message('callEnd', { callId, reason: 'hangup' }) });
    expect(alice.sent).toHaveLength(0);
    say({ ...of, message: message('callRinging', { callId }) });
    say({ ...of, message: message('callAnswer', { callId, candidates: [] }) });
    say({ ...of, message: message('callHold', { callId, on: true }) });
    expect(alice.sent.map((sent) => sent.message.kind)).toEqual(['callEnd', 'callEnd', 'callEnd']);
    expect(alice.told).toHaveLength(0);
  });

  it('drops and counts call messages without a proper id', () => {
    const { world, alice, bobby } = two();
    for (const callId of [Buffer.alloc(0), Buffer.alloc(15), Buffer.alloc(400)])
      world.hear(alice, {
        type: 'message',
        from: 'bobby1',
        node: bobby.node,
        message: message('callInvite', { callId, candidates: [] }),
      });
    expect(alice.calls.dropped).toBe(3);
    expect(alice.told).toHaveLength(0);
  });

  it('does not let another person, or another device, act on a call', () => {
    const { world, alice, bobby, call } = talking();
    const callId = Buffer.from(call, 'hex');
    const end = message('callEnd', { callId, reason: 'hangup' });
    world.hear(alice, { type: 'message', from: 'mallory', node: 'e'.repeat(32), message: end });
    world.hear(alice, { type: 'message', from: 'bobby1', node: 'e'.repeat(32), message: end });
    world.hear(alice, {
      type: 'message',
      from: 'mallory',
      node: 'e'.repeat(32),
      message: message('callInvite', { callId, candidates: [] }),
    });
    expect(alice.calls.list()).toMatchObject([{ call, state: 'running', node: bobby.node }]);
  });

  it('says again what it said when an invite comes twice', () => {
    const { world, alice, bobby } = two();
    const call = dial(world, alice, bobby);
    const again = message('callInvite', { callId: Buffer.from(call, 'hex'), candidates: [] });
    const repeat = () => world.hear(bobby, { type: 'message', from: 'alice1', node: alice.node, message: again });
    repeat();
    world.do(bobby, { type: 'answer', call });
    repeat();
    world.do(bobby, { type: 'hang-up', call });
    repeat();
    expect(bobby.sent.map((sent) => sent.message.kind)).toEqual([
      'callRinging',
      'callRinging',
      'callAnswer',
      'callAnswer',
      'callEnd',
      'callEnd',
    ]);
    expect(story(bobby)).toEqual(['ringing', 'answered', 'ended hangup']);
  });

  it('believes a peer that calls out of a silent call that it was started anew', () => {
    const { world, alice, bobby } = talking();
    const anew = message('callInvite', { callId: Buffer.alloc(16, 9), candidates: [] });
    const invite = () => world.hear(bobby, { type: 'message', from: 'alice1', node: alice.node, message: anew });
    invite();
    expect(bobby.calls.list()).toHaveLength(1);
    world.run(CALL_RESTART_SILENCE_MS);
    invite();
    expect(story(bobby).slice(-2)).toEqual(['ended failed', 'ringing']);
  });

  it('keeps a bounded number of bounded candidates', () => {
    const long = `udp:${'a'.repeat(100)}:1`;
    const many = Array.from({ length: 100 }, (_, i) => `udp:10.0.0.1:${i + 1}`);
    expect(boundCandidates([long, ...many])).toHaveLength(CANDIDATES_MAX);
    expect(boundCandidates(undefined)).toEqual([]);
  });

  it('forgets everything in the end and sleeps', () => {
    const { world, alice, bobby, call } = talking();
    world.do(alice, { type: 'hang-up', call });
    world.run(ENDED_CALL_MEMORY_MS + 100);
    expect([alice.calls.wakeAt(), bobby.calls.wakeAt()]).toEqual([Infinity, Infinity]);
  });
});

describe('judgements', () => {
  it.each([
    ['failed', 'busy', 'busy'],
    ['busy', 'failed', 'busy'],
    ['unreachable', 'no-answer', 'no-answer'],
    ['busy', 'unreachable', 'busy'],
    ['no-answer', 'no-answer', 'no-answer'],
  ] as const)('of %s and %s, %s tells more', (a, b, telling) => {
    expect(moreTelling(a, b)).toBe(telling);
  });

  it.each([
    ['hangup', 'hangup'],
    ['answered-elsewhere', 'answered-elsewhere'],
    ['unreachable', 'failed'],
    ['', 'failed'],
    ['__proto__', 'failed'],
  ])('reads the reason %j as %s', (text, reason) => {
    expect(endReason(text)).toBe(reason);
  });

  it('keeps the end of a ring when all devices fell silent and one rings again', () => {
    const ringing = withDevice(100, { name: 'dialling', giveUpAt: 10_000 }, 'a');
    expect(ringing).toMatchObject({ name: 'ringing-out', giveUpAt: 100 + RING_TIMEOUT_MS });
    const settling = withoutDevice(200, ringing, 'a', { reason: 'busy', endAt: 700 });
    expect(settling).toMatchObject({ name: 'settling', reason: 'busy', endAt: 700 });
    expect(withDevice(300, settling, 'b')).toMatchObject({ name: 'ringing-out', giveUpAt: 100 + RING_TIMEOUT_MS });
  });

  it('adds up who holds', () => {
    const running = {
      name: 'running',
      node: 'a',
      role: 'caller',
      remoteCandidates: [],
      answeredAt: 0,
      heardAt: 0,
      mutedByThem: false,
      recordedByMe: false,
      recordedByThem: false,
    } as const;
    const sums = [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ].map(([me = false, them = false]) => heldBy({ ...running, heldByMe: me, heldByThem: them }));
    expect(sums).toEqual(['nobody', 'me', 'them', 'both']);
  });
});
