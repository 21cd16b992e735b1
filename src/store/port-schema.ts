/**
 * The gate of the agent port: every line that another program sent is checked here before the agent sees a command.
 * The shapes are those of `port.ts` (the compiler compares the two). Unknown fields are dropped, so that a newer
 * command can talk to an older agent; what the fields mean (is this a name, is there such a call) is for the agent.
 */

import * as v from 'valibot';
import { CONFERENCE_MEMBERS_MAX } from '../net/protocol/conference-params.ts';
import { type FailureCode, isFailureCode } from '../net/protocol/failures.ts';
import { GROUP_MEMBERS_MAX } from '../net/protocol/mail-params.ts';
import {
  AUDIO_SPEC_LENGTH_MAX,
  CHAT_TEXT_BYTES_MAX,
  HISTORY_PAGE_LINES_MAX,
  INPUT_GAIN_DB_MAX,
  MICROPHONE_WATCH_MINUTES_MAX,
  PROXY_URL_LENGTH_MAX,
  RECORDING_PATH_LENGTH_MAX,
  REQUEST_MESSAGE_BYTES_MAX,
} from '../net/protocol/params.ts';
import type { AgentCommand, AgentEvent, AgentReply } from './port.ts';

/** Text that must be short but is judged elsewhere: names, patterns, invites, passwords. */
const TEXT_LENGTH_MAX = 8_192;
const WAIT_MS_MAX = 24 * 3_600_000;

const Text = v.pipe(v.string(), v.maxLength(TEXT_LENGTH_MAX));
const Spec = v.pipe(v.string(), v.maxLength(AUDIO_SPEC_LENGTH_MAX));
const Members = v.pipe(v.array(Text), v.minLength(1), v.maxLength(GROUP_MEMBERS_MAX));
const Count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(HISTORY_PAGE_LINES_MAX));
const Mode = v.picklist(['on', 'off', 'auto']);
const Moment = v.pipe(v.number(), v.finite());

const bare = <const T extends string>(type: T) => v.object({ type: v.literal(type) });
const named = <const T extends string>(type: T) => v.object({ type: v.literal(type), name: Text });
const onCall = <const T extends string>(type: T) => v.object({ type: v.literal(type), call: v.exactOptional(Text) });

const Names = v.pipe(v.array(Text), v.minLength(1), v.maxLength(CONFERENCE_MEMBERS_MAX));

/** Exported for the test that compares it with `port.ts`. */
export const Command = v.variant('type', [
  v.object({ type: v.literal('hello'), port: v.number(), version: Text }),
  bare('subscribe'),
  bare('agent.status'),
  bare('agent.stop'),
  bare('status'),
  v.object({
    type: v.literal('wait'),
    forMs: v.pipe(v.number(), v.minValue(0), v.maxValue(WAIT_MS_MAX)),
  }),
  v.object({ type: v.literal('network.join'), invite: Text, installNotice: v.exactOptional(v.boolean()) }),
  v.object({
    type: v.literal('account.sign-up'),
    name: Text,
    password: Text,
    displayName: v.exactOptional(Text),
  }),
  v.object({ type: v.literal('account.sign-in'), name: Text, password: Text }),
  bare('account.sign-out'),
  v.object({
    type: v.literal('presence.set'),
    presence: v.picklist(['online', 'away', 'do-not-disturb', 'invisible', 'offline']),
  }),
  bare('buddy.list'),
  v.object({
    type: v.literal('buddy.add'),
    name: Text,
    message: v.pipe(v.string(), v.maxBytes(REQUEST_MESSAGE_BYTES_MAX)),
  }),
  named('buddy.accept'),
  named('buddy.decline'),
  named('buddy.remove'),
  named('buddy.block'),
  named('buddy.unblock'),
  v.object({ type: v.literal('search'), pattern: Text, limit: Count }),
  v.object({
    type: v.literal('chat.send'),
    to: Text,
    text: v.pipe(v.string(), v.maxBytes(CHAT_TEXT_BYTES_MAX)),
  }),
  v.object({
    type: v.literal('chat.history'),
    with: Text,
    limit: Count,
    beforeMs: v.exactOptional(Moment),
    beforeId: v.exactOptional(Text),
    aroundMs: v.exactOptional(Moment),
    search: v.exactOptional(Text),
  }),
  v.object({ type: v.literal('chat.mark-read'), with: Text }),
  v.object({ type: v.literal('group.new'), title: Text, members: Members }),
  v.object({ type: v.literal('group.add'), group: Text, members: Members }),
  v.object({ type: v.literal('group.remove'), group: Text, members: Members }),
  v.object({ type: v.literal('group.leave'), group: Text }),
  v.object({ type: v.literal('group.forget'), group: Text }),
  v.object({ type: v.literal('group.list') }),
  v.object({
    type: v.literal('history.lines'),
    limit: Count,
    beforeMs: v.exactOptional(Moment),
    beforeId: v.exactOptional(Text),
    search: v.exactOptional(Text),
  }),
  v.object({
    type: v.literal('history.calls'),
    limit: Count,
    beforeMs: v.exactOptional(Moment),
    with: v.exactOptional(Text),
  }),
  v.object({
    type: v.literal('history.export'),
    after: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    with: v.exactOptional(Text),
  }),
  v.object({
    type: v.literal('history.erase'),
    with: v.exactOptional(Text),
    beforeMs: v.exactOptional(Moment),
    all: v.exactOptional(v.boolean()),
  }),
  named('safety.words'),
  v.object({ type: v.literal('safety.verify'), name: Text, verified: v.boolean() }),
  v.object({ type: v.literal('history.encrypt'), encryption: v.picklist(['auto', 'off', 'again']) }),
  v.object({ type: v.literal('call.place'), to: Text, audio: v.exactOptional(Spec) }),
  v.object({ type: v.literal('call.answer'), call: Text, audio: v.exactOptional(Spec) }),
  v.object({ type: v.literal('call.decline'), call: Text }),
  v.object({ type: v.literal('call.ways') }),
  v.object({ type: v.literal('call.transfer'), device: Text, call: v.exactOptional(Text) }),
  v.object({ type: v.literal('call.pull'), call: v.exactOptional(Text), audio: v.exactOptional(Spec) }),
  onCall('call.hang-up'),
  onCall('call.hold'),
  onCall('call.resume'),
  onCall('call.mute'),
  onCall('call.unmute'),
  v.object({
    type: v.literal('call.record'),
    call: v.exactOptional(Text),
    path: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(RECORDING_PATH_LENGTH_MAX))),
  }),
  onCall('call.record-end'),
  v.object({ type: v.literal('conference.call'), names: Names, audio: v.exactOptional(Spec) }),
  v.object({ type: v.literal('conference.add'), names: Names, call: v.exactOptional(Text) }),
  v.object({ type: v.literal('conference.remove'), name: Text, call: v.exactOptional(Text) }),
  v.object({ type: v.literal('conference.rejoin'), call: v.exactOptional(Text), audio: v.exactOptional(Spec) }),
  v.object({ type: v.literal('audio.set'), spec: Spec }),
  v.object({
    type: v.literal('talk.set'),
    talk: v.exactOptional(v.picklist(['open', 'push'])),
    watch: v.exactOptional(v.picklist(['off', 'warn', 'close'])),
    watchMinutes: v.exactOptional(
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MICROPHONE_WATCH_MINUTES_MAX)),
    ),
    detach: v.exactOptional(v.picklist(['muted', 'held', 'open'])),
  }),
  v.object({
    type: v.literal('sound.set'),
    echo: v.exactOptional(Mode),
    noise: v.exactOptional(v.picklist(['on', 'off', 'auto', 'strong'])),
    gain: v.exactOptional(Mode),
    headphones: v.exactOptional(v.boolean()),
    inputGainDb: v.exactOptional(v.pipe(v.number(), v.minValue(-INPUT_GAIN_DB_MAX), v.maxValue(INPUT_GAIN_DB_MAX))),
  }),
  bare('settings.get'),
  v.object({ type: v.literal('settings.set'), key: Text, value: Text }),
  v.object({ type: v.literal('privacy.set'), pathTests: v.exactOptional(v.boolean()) }),
  bare('sound.devices'),
  bare('sound.listen'),
  bare('sound.attach'),
  v.object({ type: v.literal('proxy.set'), proxy: v.pipe(v.string(), v.maxLength(PROXY_URL_LENGTH_MAX)) }),
  v.object({ type: v.literal('serving.set'), consent: v.picklist(['auto', 'always', 'never']) }),
  v.object({ type: v.literal('serving.answer'), yes: v.boolean() }),
  bare('serving.screen'),
  bare('check'),
  named('check.path'),
  bare('supernode.list'),
  bare('device.list'),
  v.object({ type: v.literal('device.revoke'), device: Text }),
  v.object({
    type: v.literal('debug'),
    fault: v.picklist(['drop-supernode', 'rebind', 'block-udp', 'unblock-udp']),
  }),
]);

const Envelope = v.object({ id: v.pipe(v.number(), v.safeInteger()), cmd: v.looseObject({ type: v.string() }) });
const TOO_LARGE = new Set(['max_length', 'max_bytes']);

export type ReadRequest =
  | { readonly kind: 'command'; readonly id: number; readonly cmd: AgentCommand }
  /** A request, but not one that this agent can carry out. */
  | { readonly kind: 'refused'; readonly id: number; readonly code: FailureCode; readonly detail: string }
  /** Not even a request: nobody to answer to. */
  | { readonly kind: 'garbage' };

/** Reads one line. `port-version` for an unknown command, `usage` or `too-large` for bad fields. Never throws. */
export function readRequest(line: string): ReadRequest {
  const envelope = v.safeParse(Envelope, jsonOf(line));
  if (!envelope.success) return { kind: 'garbage' };
  const { id, cmd } = envelope.output;
  const read = v.safeParse(Command, cmd, { abortEarly: true });
  if (read.success) return { kind: 'command', id, cmd: read.output satisfies AgentCommand };
  const [issue] = read.issues;
  const field = v.getDotPath(issue) ?? '';
  if (field === 'type') return { kind: 'refused', id, code: 'port-version', detail: cmd.type.slice(0, 100) };
  const code = TOO_LARGE.has(issue.type) ? 'too-large' : 'usage';
  return { kind: 'refused', id, code, detail: `${cmd.type}: ${field}` };
}

const Reply = v.variant('ok', [
  v.object({ id: v.number(), ok: v.literal(true), result: v.unknown() }),
  v.object({
    id: v.number(),
    ok: v.literal(false),
    code: v.pipe(
      v.string(),
      v.transform((code): FailureCode => (isFailureCode(code) ? code : 'port-version')),
    ),
    detail: v.string(),
    retryAfterMs: v.exactOptional(v.number()),
  }),
]);
const Push = v.object({ push: v.looseObject({ type: v.string() }) });

/** What an agent says: a reply or an event. */
export type ReadAnswer = { readonly reply: AgentReply } | { readonly push: AgentEvent };

/**
 * Reads one line of an agent; undefined for garbage. Only the envelope is checked, because the agent is the same
 * user's program and a newer one may say more; a code that this version does not know reads as `port-version`.
 */
export function readAnswer(line: string): ReadAnswer | undefined {
  const document = jsonOf(line);
  const push = v.safeParse(Push, document);
  if (push.success) return { push: push.output.push as unknown as AgentEvent };
  const reply = v.safeParse(Reply, document);
  return reply.success ? { reply: reply.output } : undefined;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
