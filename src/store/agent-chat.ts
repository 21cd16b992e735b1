/**
 * Chat as the agent keeps it: a line is in the history before it is handed to the messenger, and a received line is in
 * the history before its writer gets a receipt; so no crash loses one, and none is shown twice.
 */
import { cleanText, type OrdinaryNodeEvent } from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, hexOf, ID_BYTES } from '../net/protocol/ids.ts';
import { CHAT_TEXT_BYTES_MAX, HISTORY_PAGE_LINES_MAX } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { AgentGroups } from './agent-groups.ts';
import type { AgentCommand } from './port.ts';
import { type ChatLine, isGroup } from './state.ts';

type MailNews = Extract<OrdinaryNodeEvent, { type: 'mail' }>['news'];
type MessengerNews = Extract<OrdinaryNodeEvent, { type: 'messenger' }>['news'];

export class AgentChat {
  readonly #core: AgentCore;
  readonly #onUnread: (name: string) => void;
  readonly groups: AgentGroups;

  /** The person has read this conversation. */
  onRead: (peer: string) => void = () => {};

  /** `onUnread`: the number of unread lines of that person has changed. */
  constructor(core: AgentCore, onUnread: (name: string) => void) {
    this.#core = core;
    this.#onUnread = onUnread;
    this.groups = new AgentGroups(core);
  }

  /** Signed in: what nobody has confirmed goes on its way again. */
  begin(): void {
    this.#core.history.endKept(this.#core.options.wallClock());
    this.tellMissed();
    const lines = this.#core.history.outbox().map(({ line, sequence, keptUntilMs }) => ({
      to: line.with,
      id: line.id,
      sequence,
      text: line.text,
      sentAtMs: line.sentAtMs,
      ...(keptUntilMs > 0 ? { keptUntilMs } : {}),
    }));
    const copies = this.groups.begin();
    this.#core.command({ type: 'messenger', command: { type: 'restore', lines: [...lines, ...copies] } });
  }

  send(to: string, written: string): ChatLine {
    this.#core.signedIn();
    if (isGroup(to)) return this.groups.send(to, written);
    const { random, wallClock } = this.#core.options;
    const { history } = this.#core;
    const code = this.#core.joined().core.admitsChat(to, written);
    if (code !== undefined) throw new Refusal(this.#isMe(to) ? 'person-self' : code);
    const text = cleanText(written, { bytesMax: CHAT_TEXT_BYTES_MAX, lines: 'many' });
    const now = wallClock();
    const id = hexOf(random.bytes(ID_BYTES));
    const { line, sequence } = history.storeOutgoing({ id, with: to, text, sentAtMs: now }, now);
    this.#core.emit({ type: 'chat.message', line });
    this.#core.command({
      type: 'messenger',
      command: { type: 'send', to, id, sequence, text, sentAtMs: line.sentAtMs },
    });
    return line;
  }

  #isMe(name: string): boolean {
    const { account } = this.#core.state;
    return account !== null && foldName(account.name) === foldName(name);
  }

  history(command: Extract<AgentCommand, { type: 'chat.history' }>): readonly ChatLine[] {
    const { type: _type, limit, ...query } = command;
    return this.#core.history.history({
      ...query,
      limit: Math.min(Math.max(1, limit), HISTORY_PAGE_LINES_MAX),
    });
  }

  markRead(peer: string): void {
    if (this.#core.history.markRead(peer) === 0) return;
    if (isGroup(peer)) this.groups.refresh();
    else this.#onUnread(peer);
    this.onRead(peer);
    this.tellMissed();
  }

  fromMessenger(news: MessengerNews): void {
    if (news.type === 'received') this.#received(news);
    else if (news.type === 'delivered') {
      const { to, id } = news;
      const label = this.#core.history.groups.delivered(to, id);
      if (label !== undefined) this.#core.emit({ type: 'chat.delivered', with: label, id });
      const marked = this.#core.history.markDelivered(to, [id]);
      for (const one of marked) this.#core.emit({ type: 'chat.delivered', with: to, id: one });
    } else if (news.type === 'group-refused') this.groups.fromMessenger(news);
    else if (news.type === 'refused') {
      this.#core.options.log.warn('chat', 'line refused after it was stored', { code: news.code });
    }
  }

  /** Of letters: ours that the network keeps, or refuses, and calls that we slept through. */
  fromMail(news: MailNews): void {
    const { history } = this.#core;
    if (news.type === 'missed-call') this.#missedAway(news.from, news.call, news.atMs);
    else if (news.type === 'mail-refused') this.#core.notice(news.code, news.to);
    else if (history.markKept(news.to, news.id, news.untilMs)) {
      this.#core.emit({ type: 'chat.kept', with: news.to, id: news.id, untilMs: news.untilMs });
    } else {
      const kept = history.groups.kept(news.to, news.id, news.untilMs);
      if (kept) this.#core.emit({ type: 'chat.kept', with: kept.label, id: news.id, untilMs: kept.untilMs });
    }
  }

  /** Somebody called in vain: said in the conversation, once, however it is heard of. */
  missed(peer: string, call: string, atMs: number): boolean {
    const { history } = this.#core;
    const line = {
      id: call,
      with: peer,
      text: `Missed call from ${peer}`,
      sentAtMs: atMs,
      kind: 'missed-call',
    } as const;
    const stored = history.storeIncoming(line, this.#core.options.wallClock());
    if (!stored) return false;
    this.#core.emit({ type: 'chat.message', line: stored });
    this.#onUnread(peer);
    this.tellMissed();
    return true;
  }

  /** While we were away, so nothing of it stands in the log of calls. */
  #missedAway(peer: string, call: string, atMs: number): void {
    try {
      if (this.missed(peer, call, atMs)) this.#logMissed(peer, call, atMs);
    } catch (error) {
      // Its letter lies there until there is room.
      return this.#core.trouble(error, 'chat history');
    }
    this.#core.command({ type: 'messenger', command: { type: 'stored', from: peer, id: call } });
  }

  #logMissed(peer: string, call: string, atMs: number): void {
    const logged = { call, peer, direction: 'in', startedAtMs: atMs, answeredAtMs: null, endedAtMs: atMs } as const;
    this.#core.history.logCall({ ...logged, reason: 'no-answer', path: null });
  }

  /** What was missed and not looked at yet, if there is or was any. */
  tellMissed(): void {
    const missedCalls = this.#core.history.unreadMissed();
    const before = this.#core.state.missedCalls ?? [];
    if (missedCalls.length + before.length > 0) this.#core.emit({ type: 'missed-calls.changed', missedCalls });
  }

  #received(news: Extract<MessengerNews, { type: 'received' }>): void {
    const { wallClock } = this.#core.options;
    const { from, id, text, sentAtMs, group } = news;
    let line: ChatLine | undefined;
    try {
      line = group
        ? this.groups.received({ ...news, group })
        : this.#core.history.storeIncoming({ id, with: from, text, sentAtMs }, wallClock());
    } catch (error) {
      // No receipt: its writer sends it again until there is room.
      this.#core.command({ type: 'messenger', command: { type: 'not-stored', from, id } });
      this.#core.trouble(error, 'chat history');
      return;
    }
    this.#core.command({ type: 'messenger', command: { type: 'stored', from, id } });
    // Known from an earlier run: the receipt is all that was missing.
    if (!line) return;
    this.#core.emit({ type: 'chat.message', line });
    if (group) return this.groups.refresh();
    this.#onUnread(from);
    this.#reply(from, text);
  }

  /** A service answers whoever writes to it. An answer that cannot be sent is none: nobody waits for it. */
  #reply(to: string, text: string): void {
    const { service, log } = this.#core.options;
    if (!service) return;
    try {
      this.send(to, service.reply(text));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      log.warn('chat', 'no answer sent', { code: error.code });
    }
  }
}
