import fc from 'fast-check';
import type { InferOutput } from 'valibot';
import { expect, test } from 'vitest';
import type { AgentCommand } from '../../src/store/port.ts';
import { type Command, readAnswer, readRequest } from '../../src/store/port-schema.ts';

const request = (cmd: unknown, id: unknown = 1) => readRequest(JSON.stringify({ id, cmd }));

/** One of every type; the compiler demands that none of `port.ts` is missing, and that each has its own fields. */
const ONE_OF_EACH: { readonly [T in AgentCommand['type']]: AgentCommand & { readonly type: T } } = {
  hello: { type: 'hello', port: 1, version: '0.1.0' },
  subscribe: { type: 'subscribe' },
  'agent.status': { type: 'agent.status' },
  'agent.stop': { type: 'agent.stop' },
  status: { type: 'status' },
  wait: { type: 'wait', forMs: 8000 },
  'network.join': { type: 'network.join', invite: 'wren:abc', installNotice: false },
  'account.sign-up': { type: 'account.sign-up', name: 'alice1', password: 'correct horse', displayName: 'Alice' },
  'account.sign-in': { type: 'account.sign-in', name: 'alice1', password: 'correct horse' },
  'account.sign-out': { type: 'account.sign-out' },
  'presence.set': { type: 'presence.set', presence: 'away' },
  'buddy.list': { type: 'buddy.list' },
  'buddy.add': { type: 'buddy.add', name: 'bobby1', message: 'hi' },
  'buddy.accept': { type: 'buddy.accept', name: 'bobby1' },
  'buddy.decline': { type: 'buddy.decline', name: 'bobby1' },
  'buddy.remove': { type: 'buddy.remove', name: 'bobby1' },
  'buddy.block': { type: 'buddy.block', name: 'bobby1' },
  'buddy.unblock': { type: 'buddy.unblock', name: 'bobby1' },
  search: { type: 'search', pattern: 'bob*', limit: 20 },
  'conference.call': { type: 'conference.call', names: ['bobby1', 'carol1'], audio: 'none' },
  'conference.add': { type: 'conference.add', names: ['david1'], call: 'c1' },
  'conference.remove': { type: 'conference.remove', name: 'david1', call: 'c1' },
  'conference.rejoin': { type: 'conference.rejoin', call: 'c1', audio: 'none' },
  'chat.send': { type: 'chat.send', to: 'bobby1', text: 'hello' },
  'chat.history': { type: 'chat.history', with: 'bobby1', limit: 50, beforeMs: 5, beforeId: 'a', search: 'hello' },
  'history.lines': { type: 'history.lines', limit: 50, beforeMs: 5, beforeId: 'a', search: 'hello' },
  'history.calls': { type: 'history.calls', limit: 50, beforeMs: 5, with: 'bobby1' },
  'history.export': { type: 'history.export', after: 7, with: 'bobby1' },
  'history.erase': { type: 'history.erase', with: 'bobby1', beforeMs: 5, all: false },
  'history.encrypt': { type: 'history.encrypt', encryption: 'again' },
  'safety.words': { type: 'safety.words', name: 'bobby1' },
  'safety.verify': { type: 'safety.verify', name: 'bobby1', verified: true },
  'chat.mark-read': { type: 'chat.mark-read', with: 'bobby1' },
  'call.place': { type: 'call.place', to: 'bobby1', audio: 'none' },
  'call.answer': { type: 'call.answer', call: 'ab', audio: 'none' },
  'call.decline': { type: 'call.decline', call: 'ab' },
  'call.hang-up': { type: 'call.hang-up', call: 'ab' },
  'call.hold': { type: 'call.hold', call: 'ab' },
  'call.resume': { type: 'call.resume' },
  'call.mute': { type: 'call.mute' },
  'call.unmute': { type: 'call.unmute' },
  'audio.set': { type: 'audio.set', spec: 'default' },
  'call.record': { type: 'call.record', path: '/tmp/a.wav' },
  'call.record-end': { type: 'call.record-end' },
  'privacy.set': { type: 'privacy.set', pathTests: false },
  'talk.set': { type: 'talk.set', talk: 'push', watch: 'close', watchMinutes: 5 },
  'sound.set': { type: 'sound.set', echo: 'on', noise: 'off', gain: 'auto', headphones: true, inputGainDb: -6 },
  'settings.get': { type: 'settings.get' },
  'settings.set': { type: 'settings.set', key: 'alert-bell', value: 'off' },
  'sound.devices': { type: 'sound.devices' },
  'sound.listen': { type: 'sound.listen' },
  'sound.attach': { type: 'sound.attach' },
  'proxy.set': { type: 'proxy.set', proxy: 'http://proxy.example.org:3128' },
  'serving.set': { type: 'serving.set', consent: 'never' },
  'serving.answer': { type: 'serving.answer', yes: true },
  'serving.screen': { type: 'serving.screen' },
  check: { type: 'check' },
  'check.path': { type: 'check.path', name: 'bobby1' },
  'supernode.list': { type: 'supernode.list' },
  'call.ways': { type: 'call.ways' },
  'call.transfer': { type: 'call.transfer', device: 'desk', call: 'ab' },
  'call.pull': { type: 'call.pull', call: 'ab', audio: 'none' },
  'device.list': { type: 'device.list' },
  'device.revoke': { type: 'device.revoke', device: 'laptop' },
  'group.new': { type: 'group.new', title: 'lunch', members: ['bobby1'] },
  'group.add': { type: 'group.add', group: '#lunch', members: ['carol1'] },
  'group.remove': { type: 'group.remove', group: '#lunch', members: ['carol1'] },
  'group.forget': { type: 'group.forget', group: '#lunch' },
  'group.leave': { type: 'group.leave', group: '#lunch' },
  'group.list': { type: 'group.list' },
  debug: { type: 'debug', fault: 'rebind' },
};

test.each(Object.values(ONE_OF_EACH))('$type passes the gate unchanged, without what it does not know', (cmd) => {
  expect(request({ ...cmd, laterField: true }, 7)).toEqual({ kind: 'command', id: 7, cmd });
});

test('gate and port know the same commands', () => {
  type Checked = InferOutput<typeof Command>['type'];
  const everyCommandIsChecked: Exclude<AgentCommand['type'], Checked> extends never ? true : never = true;
  const nothingElseIs: Exclude<Checked, AgentCommand['type']> extends never ? true : never = true;
  expect(everyCommandIsChecked && nothingElseIs).toBe(true);
});

test('an unknown command is refused with port-version, and its own name', () => {
  expect(request({ type: 'call.teleport', to: 'x' })).toEqual({
    kind: 'refused',
    id: 1,
    code: 'port-version',
    detail: 'call.teleport',
  });
});

test.each([
  [{ type: 'chat.send', to: 'bobby1' }, 'usage', 'chat.send: text'],
  [{ type: 'chat.send', to: 7, text: 'x' }, 'usage', 'chat.send: to'],
  [{ type: 'chat.send', to: 'bobby1', text: 'é'.repeat(8193) }, 'too-large', 'chat.send: text'],
  [{ type: 'buddy.add', name: 'bobby1', message: 'x'.repeat(1025) }, 'too-large', 'buddy.add: message'],
  [{ type: 'buddy.add', name: 'x'.repeat(9000), message: '' }, 'too-large', 'buddy.add: name'],
  [{ type: 'presence.set', presence: 'asleep' }, 'usage', 'presence.set: presence'],
  [{ type: 'search', pattern: 'b', limit: 0 }, 'usage', 'search: limit'],
  [{ type: 'search', pattern: 'b', limit: 1.5 }, 'usage', 'search: limit'],
  [{ type: 'wait', forMs: -1 }, 'usage', 'wait: forMs'],
  [{ type: 'call.hold', call: null }, 'usage', 'call.hold: call'],
])('%j is refused as %s without repeating what was in it', (cmd, code, detail) => {
  expect(request(cmd)).toEqual({ kind: 'refused', id: 1, code, detail });
});

test.each(['', 'null', '[]', '7', '{"id":1}', '{"cmd":{"type":"status"}}', '{"id":"1","cmd":{"type":"status"}}', '{'])(
  '%j is no request',
  (line) => {
    expect(readRequest(line)).toEqual({ kind: 'garbage' });
  },
);

test('no line whatever makes either end throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((cmd) => JSON.stringify({ id: 1, cmd })),
      ),
      (line) => {
        expect(readRequest(line).kind).toBeDefined();
        readAnswer(line);
      },
    ),
  );
  expect(request(JSON.parse('{"type":"status","__proto__":{"x":1}}')).kind).toBe('command');
});

test('answers are told from events, and a code that is not known here reads as port-version', () => {
  expect(readAnswer('{"id":1,"ok":true,"result":null,"more":1}')).toEqual({ reply: { id: 1, ok: true, result: null } });
  expect(readAnswer('{"id":1,"ok":false,"code":"busy","detail":"","retryAfterMs":50}')).toEqual({
    reply: { id: 1, ok: false, code: 'busy', detail: '', retryAfterMs: 50 },
  });
  expect(readAnswer('{"id":1,"ok":false,"code":"moon-phase","detail":"x"}')).toMatchObject({
    reply: { code: 'port-version' },
  });
  expect(readAnswer('{"push":{"type":"account.signed-out"}}')).toEqual({ push: { type: 'account.signed-out' } });
  expect(readAnswer('{"id":1}')).toBeUndefined();
});
