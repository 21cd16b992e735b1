/** Chat as the agent keeps it: what is stored before what is told, and what a full disk or a full outbox may not do. */
import { afterEach, expect, test } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { AgentChat } from '../../src/store/agent-chat.ts';
import type { HistoryDb } from '../../src/store/history-db.ts';
import { AgentScene, type AgentSceneOptions } from '../support/agent-scene.ts';

let scene: AgentScene;
afterEach(() => scene.end());

const id = (number: number): string => number.toString(16).padStart(32, '0');
const received = (number: number, text = 'hello') =>
  ({ type: 'received', from: 'bobby1', node: id(0xb), id: id(number), sequence: number, text, sentAtMs: 1 }) as const;

/** A history some of whose methods fail. */
function failing(methods: Partial<Record<keyof HistoryDb, () => never>>): AgentSceneOptions {
  return {
    change: (options) => ({
      ...options,
      openHistory: (account) =>
        new Proxy(options.openHistory(account), {
          get: (target, key) =>
            methods[key as keyof HistoryDb] ?? (target[key as keyof HistoryDb] as () => unknown).bind(target),
        }),
    }),
  };
}

const full = (): never => {
  throw new Refusal('disk-full');
};

function chatOf(options: AgentSceneOptions = {}): { chat: AgentChat; unread: string[] } {
  scene = new AgentScene(options).signedIn();
  const unread: string[] = [];
  return { chat: new AgentChat(scene.core, (name) => unread.push(name)), unread };
}

test('a received line is stored, then receipted, then shown; a line that was known is only receipted', () => {
  const { chat, unread } = chatOf();
  scene.core.onEvent(() => expect(scene.told('messenger')).toHaveLength(1));
  chat.fromMessenger(received(1));
  expect(unread).toEqual(['bobby1']);
  scene.events.length = 0;
  scene.commands.length = 0;
  chat.fromMessenger(received(1));
  expect(scene.events).toEqual([]);
  expect(scene.told('messenger').map(({ command }) => command.type)).toEqual(['stored']);
});

test('a line that cannot be stored gets no receipt, and the person is told once', () => {
  const { chat } = chatOf(failing({ storeIncoming: full }));
  for (let i = 1; i <= 3; i++) chat.fromMessenger(received(i));
  expect(scene.told('messenger').map(({ command }) => command.type)).toEqual(Array(3).fill('not-stored'));
  expect(scene.notices).toEqual(['disk-full chat history']);
});

test('a line that we send is refused when it cannot be stored, and nothing goes out', () => {
  const { chat } = chatOf(failing({ storeOutgoing: full }));
  expect(() => chat.send('bobby1', 'hello')).toThrow(expect.objectContaining({ code: 'disk-full' }));
  expect(scene.commands).toEqual([]);
  expect(scene.events).toEqual([]);
});

test('a service answers each line', () => {
  const { chat } = chatOf({ service: { reply: (line) => `You wrote: ${line}` } });
  chat.fromMessenger(received(1, 'are you there?'));
  const [, sent] = scene.told('messenger').map(({ command }) => command);
  expect(sent).toMatchObject({ type: 'send', to: 'bobby1', text: 'You wrote: are you there?' });
});

test('a service that cannot answer now still takes the line, and lives', () => {
  const outbox = (): never => {
    throw new Refusal('outbox-full');
  };
  const { chat } = chatOf({ ...failing({ storeOutgoing: outbox }), service: { reply: (line) => line } });
  chat.fromMessenger(received(1));
  expect(scene.told('messenger').map(({ command }) => command.type)).toEqual(['stored']);
  expect(scene.logged).toContain('chat: no answer sent');
});

test('what nobody has confirmed goes on its way again at the next sign-in', () => {
  const { chat } = chatOf();
  const line = chat.send('bobby1', 'hello');
  scene.commands.length = 0;
  chat.begin();
  expect(scene.told('messenger')[0]?.command).toMatchObject({ type: 'restore', lines: [{ id: line.id, sequence: 1 }] });
  chat.fromMessenger({ type: 'delivered', to: 'bobby1', id: line.id });
  expect(scene.events.at(-1)).toEqual({ type: 'chat.delivered', with: 'bobby1', id: line.id });
  scene.commands.length = 0;
  chat.begin();
  expect(scene.told('messenger')[0]?.command).toMatchObject({ lines: [] });
});

test('history is for whoever is signed in', () => {
  const { chat } = chatOf();
  scene.core.closeHistory();
  expect(() => chat.history({ type: 'chat.history', with: 'bobby1', limit: 5 })).toThrow(
    expect.objectContaining({ code: 'not-signed-in' }),
  );
});
