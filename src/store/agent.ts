/**
 * The agent: one for each profile, the program that a person is on the network through. It joins the node, the voice
 * ends and the files, and serves screens and commands (`port.ts`). Its rooms do the work; here are the table of
 * commands, the table of the node's events, and the order of starting and stopping. More than 400 lines, because the two
 * tables are read as wholes.
 */
import { performance } from 'node:perf_hooks';
import type { OrdinaryNodeEvent, Remembered } from '../net/index.ts';
import { proxyWhere } from '../net/io/index.ts';
import { CONFERENCE_MEMBERS_MAX } from '../net/protocol/conference-params.ts';
import { printEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import { QUOTA_SHOWN_MS } from '../net/protocol/params.ts';
import type { RelayCap } from '../net/protocol/relay-cap.ts';
import { AgentAccount } from './agent-account.ts';
import { AgentBuddies } from './agent-buddies.ts';
import { AgentCalls } from './agent-calls.ts';
import { AgentChat } from './agent-chat.ts';
import { checkNetwork, checkPath } from './agent-check.ts';
import { AgentCore, type AgentOptions } from './agent-core.ts';
import { AgentDevices } from './agent-devices.ts';
import { AgentHistory } from './agent-history.ts';
import { AgentHooks } from './agent-hooks.ts';
import { changeTalk } from './agent-microphone.ts';
import { natReport } from './agent-nat.ts';
import { AgentPortMapping } from './agent-port-mapping.ts';
import { changeProxy } from './agent-proxy.ts';
import { AgentSafety } from './agent-safety.ts';
import { AgentServing } from './agent-serving.ts';
import { changeSetting } from './agent-settings.ts';
import { isSoundCommand, SoundDesk } from './agent-sound-desk.ts';
import { supernodesOf } from './agent-supernodes.ts';
import { AgentSync } from './agent-sync.ts';
import { AgentSyncBesides } from './agent-sync-besides.ts';
import { AgentTickets } from './agent-tickets.ts';
import { callWays } from './agent-ways.ts';
import { adviceFor } from './audio-advice.ts';
import { AGENT_PORT_VERSION, type AgentCommand, type AgentEvent, type AgentStatus, type SearchReport } from './port.ts';
import { settingReports } from './settings-table.ts';
import { type AppState, currentCall, isGroup } from './state.ts';

export type { AgentOptions, ServiceBehaviour } from './agent-core.ts';

export interface AgentFacts {
  readonly socket: string;
  /** Ends the process politely; called by `agent.stop` after its reply is on its way. */
  readonly stop: () => void;
}

export class Agent {
  readonly #core: AgentCore;
  readonly #account: AgentAccount;
  readonly #buddies: AgentBuddies;
  readonly #chat: AgentChat;
  readonly #history: AgentHistory;
  readonly #hooks: AgentHooks;
  readonly #safety: AgentSafety;
  readonly #calls: AgentCalls;
  readonly #sound: SoundDesk;
  readonly #portMapping: AgentPortMapping;
  readonly #tickets: AgentTickets;
  readonly #serving: AgentServing;
  readonly #devices: AgentDevices;
  readonly #sync: AgentSync;
  readonly #besides: AgentSyncBesides;
  readonly #facts: AgentFacts;
  readonly #startedAt = performance.now();
  #limitedTimer: NodeJS.Timeout | undefined;

  constructor(options: AgentOptions, facts: AgentFacts) {
    this.#facts = facts;
    this.#core = new AgentCore(options);
    this.#hooks = new AgentHooks(this.#core);
    this.#buddies = new AgentBuddies(this.#core);
    this.#chat = new AgentChat(this.#core, (name) => this.#buddies.refresh(name));
    this.#calls = new AgentCalls(this.#core, (peer, call, atMs) => void this.#chat.missed(peer, call, atMs));
    this.#history = new AgentHistory(this.#core, {
      onUnread: (name) => this.#buddies.refresh(name),
      onOpened: () => {
        this.#chat.begin();
        this.#safety.begin();
      },
    });
    this.#safety = new AgentSafety(this.#core, {
      keyOf: (name) => this.#core.node?.core.deviceListOf(name)?.accountKey,
      onChanged: (name) => this.#buddies.refresh(name),
      onMarked: (marks) => this.#besides.marked(marks),
    });
    this.#besides = new AgentSyncBesides(this.#core, {
      marks: () => this.#safety.marks(),
      marked: (mark) => this.#safety.markedElsewhere(mark),
    });
    this.#sound = new SoundDesk(this.#core, this.#calls);
    this.#portMapping = new AgentPortMapping(this.#core);
    this.#core.portMapping = this.#portMapping;
    this.#tickets = new AgentTickets(this.#core);
    this.#serving = new AgentServing(this.#core);
    this.#core.servingRoom = this.#serving;
    this.#devices = new AgentDevices(this.#core, () => void this.#account.dismissed());
    this.#sync = new AgentSync(this.#core, {
      onUnread: (name) => this.#buddies.refresh(name),
      groups: this.#chat.groups,
      onMissed: () => this.#chat.tellMissed(),
      onHello: (node) => this.#besides.hello(node),
      onGone: (node) => this.#besides.gone(node),
      onBesides: (message) => this.#besides.heard(message),
      buddies: () => this.#buddies.text(),
      mergeBuddies: (xml) => this.#buddies.merge(xml),
    });
    this.#chat.groups.onState = (group) => this.#sync.groupChanged(group);
    this.#chat.onRead = (name) => this.#sync.read(name);
    this.#buddies.onChanged = () => this.#sync.buddiesChanged();
    this.#account = new AgentAccount(this.#core, {
      devices: this.#devices,
      rosterOf: (name) => this.#buddies.load(name),
      ticketsOf: () => this.#tickets.load(),
      onMember: () => {
        this.#chat.begin();
        this.#buddies.begin();
        this.#devices.begin();
        this.#safety.load();
        this.#safety.begin();
      },
      onLeaving: () => {
        this.#buddies.end();
        this.#sync.end();
        this.#tickets.forget();
        this.#safety.end();
        this.#calls.hangUpAll();
        void this.#portMapping.close();
      },
      onNodeEvent: (event) => this.#fromNode(event),
      onNode: () => this.#serving.begin(),
    });
  }

  get state(): AppState {
    return this.#core.state;
  }

  onEvent(listener: (event: AgentEvent) => void): () => void {
    return this.#core.onEvent(listener);
  }

  /** Back into the network and the account that the profile remembers; damage found in the profile is told. */
  async start(): Promise<void> {
    for (const { code, detail } of this.#core.options.profile.takeNotices()) this.#core.notice(code, detail);
    this.#serving.start();
    this.#calls.endpoint.look();
    await this.#account.resume();
    void this.#probeSound();
  }

  /** So that `wren status` can tell before the first call; a call that has begun meanwhile knows better. */
  async #probeSound(): Promise<void> {
    const found = await this.#core.options.probeSound();
    const { audio } = this.#core.state;
    if (!found || audio.codec !== 'unknown') return;
    const { raised, ...sound } = found;
    const priority = raised === undefined ? {} : ({ priority: raised ? 'raised' : 'not allowed' } as const);
    this.#core.emit({ type: 'audio.changed', audio: { ...audio, ...sound, ...priority, advice: adviceFor(found) } });
  }

  /** Ends calls, finishes recordings, and leaves the network politely. */
  async stop(): Promise<void> {
    this.#buddies.end();
    this.#sync.end();
    this.#tickets.end();
    this.#devices.end();
    this.#safety.end();
    this.#calls.hangUpAll();
    await Promise.all([this.#calls.close(), this.#sound.close()]);
    await this.#core.closeNode();
    this.#hooks.close();
    this.#core.closeHistory();
  }

  /** Carries out one command of the port; rejects with `Refusal`. */
  async handle(command: AgentCommand): Promise<unknown> {
    if (isSoundCommand(command)) return this.#sound.handle(command);
    switch (command.type) {
      case 'hello':
        if (command.port !== AGENT_PORT_VERSION) throw new Refusal('port-version');
        return { port: AGENT_PORT_VERSION, version: this.#core.options.version, pid: process.pid };
      case 'subscribe':
      case 'status':
        this.#calls.endpoint.look();
        return this.#core.state;
      case 'agent.status':
        return this.#status();
      case 'agent.stop':
        setImmediate(this.#facts.stop);
        return null;
      case 'wait':
        return this.#wait(command.forMs);
      case 'debug':
        return this.#debug(command.fault);
      case 'check':
        return checkNetwork(this.#core);
      case 'check.path':
        return checkPath(this.#core, command.name);
      case 'supernode.list':
        return supernodesOf(this.#core);
      case 'device.list':
        this.#core.signedIn();
        return this.#core.state.devices ?? null;
      case 'device.revoke':
        return this.#devices.revoke(command.device);
      case 'search':
        return this.#search(command.pattern, command.limit);
      case 'presence.set':
        return this.#setPresence(command.presence);
      case 'talk.set':
        if (command.talk === 'push') this.#calls.muteAll();
        return changeTalk(this.#core, command);
      case 'privacy.set':
        return this.#core.setPrivacy(command.pathTests === undefined ? {} : { pathTests: command.pathTests });
      case 'serving.set':
        return this.#serving.set(command.consent);
      case 'serving.answer':
        return this.#serving.answer(command.yes);
      case 'serving.screen':
        return this.#serving.screenSeen();
      case 'settings.get':
        return settingReports(this.#core.options.profile.settings.get());
      case 'settings.set':
        return changeSetting(this.#core, command, (change) => this.handle(change));
      case 'proxy.set':
        return changeProxy(this.#core, command.proxy);
      default:
        return this.#handlePeople(command);
    }
  }

  async #handlePeople(command: AgentCommand): Promise<unknown> {
    switch (command.type) {
      case 'network.join':
        return this.#account.join(command.invite, command.installNotice !== false);
      case 'account.sign-up':
        return this.#account.signUp(command.name, command.password, command.displayName ?? command.name);
      case 'account.sign-in':
        return this.#account.signIn(command.name, command.password);
      case 'account.sign-out':
        await this.#account.signOut();
        return null;
      case 'buddy.list':
        this.#core.signedIn();
        return this.#core.state.buddies;
      case 'buddy.add':
        this.#buddies.command({ type: 'add', name: command.name, message: command.message });
        return null;
      case 'buddy.accept':
      case 'buddy.decline':
      case 'buddy.remove':
      case 'buddy.block':
      case 'buddy.unblock':
        this.#buddies.command({ type: BUDDY_COMMAND[command.type], name: command.name });
        return null;
      case 'chat.send':
        return this.#chat.send(command.to, command.text);
      case 'group.new':
        return this.#chat.groups.make(command.title, command.members);
      case 'group.add':
        return this.#chat.groups.add(command.group, command.members);
      case 'group.remove':
        return this.#chat.groups.remove(command.group, command.members);
      case 'group.leave':
        this.#chat.groups.leave(command.group);
        return null;
      case 'group.forget':
        this.#chat.groups.forget(command.group);
        return null;
      case 'group.list':
        return this.#chat.groups.list();
      case 'chat.history':
        return this.#chat.history(command);
      case 'chat.mark-read':
        this.#chat.markRead(command.with);
        return null;
      case 'history.lines':
      case 'history.calls':
      case 'history.export':
      case 'history.erase':
      case 'history.encrypt':
        return this.#history.handle(command);
      case 'safety.words':
        return this.#safety.report(command.name);
      case 'safety.verify':
        return this.#safety.verify(command.name, command.verified);
      case 'call.place':
        if (isGroup(command.to)) return this.#confer({ ...command, type: 'conference.call', names: [command.to] });
        return this.#calls.place(command.to, command.audio);
      case 'call.pull':
        return this.#calls.pull(command.call, command.audio);
      case 'call.ways':
        return callWays(this.#core);
      case 'call.transfer':
        return this.#calls.handOvers.handOver(command.device, command.call);
      case 'call.answer':
        this.#calls.answer(command.call, command.audio);
        return null;
      case 'call.decline':
        this.#calls.decline(command.call);
        return null;
      case 'call.hang-up':
      case 'call.hold':
      case 'call.resume':
      case 'call.mute':
      case 'call.unmute':
        this.#calls.command(command);
        return null;
      case 'conference.call':
      case 'conference.add':
        return this.#confer(command);
      case 'conference.remove':
      case 'conference.rejoin':
        return this.#calls.conferences.handle(command);
      case 'call.record':
        return this.#calls.recording.start(command.call, command.path);
      case 'call.record-end':
        this.#calls.recording.stop(command.call);
        return null;
      default:
        throw new Refusal('port-version', command.type);
    }
  }

  /** A group stands for all its members. */
  #confer(command: Extract<AgentCommand, { type: 'conference.call' | 'conference.add' }>): { readonly call: string } {
    const call = command.type === 'conference.add' ? currentCall(this.#core.state) : undefined;
    const inside = new Set(
      [...(call?.conference?.people.map(({ name }) => name) ?? []), call?.peer ?? ''].map(foldName),
    );
    const names = command.names.flatMap((name) => {
      return isGroup(name) ? this.#chat.groups.others(name).filter((one) => !inside.has(foldName(one))) : [name];
    });
    if (names.length === 0) throw new Refusal('usage', 'nobody else is in that group');
    if (names.length >= CONFERENCE_MEMBERS_MAX) throw new Refusal('conference-full', `${names.length}`);
    return this.#calls.conferences.handle({ ...command, names });
  }

  /** Whatever is thrown here would stop the node for good; a disk that fails is no reason for that. */
  #fromNode(event: OrdinaryNodeEvent): void {
    if (this.#core.answered(event)) return;
    try {
      this.#happened(event);
    } catch (error) {
      this.#core.trouble(error, event.type);
    }
  }

  #happened(event: OrdinaryNodeEvent): void {
    switch (event.type) {
      case 'renewed':
        this.#core.compareClocks(event.serverTimeMs);
        return this.#account.renewed(event);
      case 'link':
        return this.#link(event);
      case 'nat':
        this.#core.emit({ type: 'nat.changed', natKind: natReport(event.kind) });
        return this.#portMapping.found(event.kind);
      case 'promotion':
        return this.#serving.fromNode(event.news);
      case 'standby':
        return this.#standby(event);
      case 'rtt':
        return this.#tellSupernode((supernode) => ({ ...supernode, rttMs: event.rttMs }));
      case 'limited':
        return this.#limited(event.cap, event.dropped);
      case 'tickets-changed':
        return this.#tickets.changed();
      case 'remember':
        return this.#remember(event.remembered);
      case 'roster':
        return this.#buddies.fromRoster(event.news);
      case 'devices':
        this.#devices.fromNode(event.news);
        if (event.news.type === 'list-changed') this.#safety.met(event.news.name);
        return;
      case 'own-device':
        return this.#sync.fromNode(event.news);
      case 'path-test-asked':
        return this.#core.options.log.info('check', 'a buddy tests the way to us', {
          ...{ name: event.name, refused: event.refused ?? null },
        });
      case 'presence':
        return this.#buddies.fromPresence(event.news);
      case 'messenger':
        return this.#chat.fromMessenger(event.news);
      case 'mail':
        return this.#chat.fromMail(event.news);
      case 'call':
        if (event.news.type === 'dialling' || event.news.type === 'ringing') this.#sound.callBegins();
        return this.#calls.fromNode(event.news);
      case 'conference':
        return this.#calls.fromConference(event.news);
      case 'play':
      case 'rung':
      case 'path':
      case 'reconnecting':
      case 'quality':
      case 'media-totals':
        return this.#calls.fromMedia(event);
    }
  }

  #standby({ endpoint }: Extract<OrdinaryNodeEvent, { type: 'standby' }>): void {
    const { connection, supernode, trouble } = this.#core.state;
    const standby = endpoint ? printEndpoint(endpoint) : null;
    this.#core.emit({ type: 'link.changed', connection, supernode, trouble, standby });
  }

  #link(event: Extract<OrdinaryNodeEvent, { type: 'link' }>): void {
    const { endpoint, carrier } = event;
    const proxy = event.byProxy && this.#core.proxy ? { proxy: proxyWhere(this.#core.proxy.server) } : {};
    const supernode =
      endpoint && carrier ? { endpoint: printEndpoint(endpoint), carrier, rttMs: null, ...proxy } : null;
    const trouble = event.trouble ?? null;
    this.#core.options.log.info('link', event.state, { trouble });
    const observed = event.observed ? printEndpoint(event.observed) : null;
    const nat = event.nat ?? 'unknown';
    const { tried = null, known } = event;
    const more = { tried, ...(known === undefined ? {} : { supernodesKnown: known }) };
    this.#core.emit({ type: 'link.changed', connection: event.state, supernode, trouble, nat, observed, ...more });
  }

  #tellSupernode(change: (supernode: NonNullable<AppState['supernode']>) => AppState['supernode']): void {
    const { supernode, connection, trouble } = this.#core.state;
    if (!supernode) return;
    this.#core.emit({ type: 'link.changed', connection, trouble, supernode: change(supernode) });
  }

  /** Said until the supernode has dropped nothing of ours for a while. */
  #limited(cap: RelayCap, dropped: number): void {
    const before = this.#core.state.supernode?.limitedBy;
    if (before === undefined) this.#core.options.log.warn('link', 'limited by the supernode', { cap, dropped });
    if (before !== cap) this.#tellSupernode((supernode) => ({ ...supernode, limitedBy: cap }));
    clearTimeout(this.#limitedTimer);
    this.#limitedTimer = setTimeout(() => {
      this.#tellSupernode(({ limitedBy: _limitedBy, ...supernode }) => supernode);
    }, QUOTA_SHOWN_MS);
    this.#limitedTimer.unref();
  }

  /** Hints for the next start: not worth dying for on a full disk, nor a word to the person. */
  #remember(remembered: Remembered): void {
    const { profile, log } = this.#core.options;
    try {
      profile.setHostCache(remembered);
    } catch (error) {
      log.warn('agent', 'host cache not stored', {}, error);
    }
  }

  #status(): AgentStatus {
    return {
      pid: process.pid,
      uptimeS: Math.round((performance.now() - this.#startedAt) / 1000),
      version: this.#core.options.version,
      socket: this.#facts.socket,
      voicePid: this.#calls.voicePid,
    };
  }

  #wait(forMs: number): Promise<null> {
    const usable = (): boolean => this.#core.state.account !== null && this.#core.state.connection === 'online';
    this.#core.signedIn();
    if (usable()) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const end = (finish: () => void): void => {
        stopListening();
        clearTimeout(timer);
        finish();
      };
      const timer = setTimeout(() => {
        const code = this.#core.state.trouble ?? 'timed-out';
        end(() => reject(new Refusal(code)));
      }, forMs);
      const stopListening = this.#core.onEvent(() => {
        if (usable()) end(() => resolve(null));
        else if (!this.#core.state.account) end(() => reject(new Refusal('not-signed-in')));
      });
    });
  }

  async #debug(fault: Extract<AgentCommand, { type: 'debug' }>['fault']): Promise<null> {
    if (fault === 'drop-supernode') this.#core.command({ type: 'reattach' });
    else await this.#core.disturb(fault);
    return null;
  }

  async #search(pattern: string, limit: number): Promise<SearchReport> {
    this.#core.signedIn();
    const startedAt = performance.now();
    const event = await this.#core.ask((ticket) => ({ type: 'search', ticket, pattern, limit }));
    if (event.type !== 'search-results') throw new Refusal('server-fault');
    const tookMs = Math.round(performance.now() - startedAt);
    const { hits, complete, more, incomplete } = event;
    return { hits, complete, more, incomplete, tookMs };
  }

  #setPresence(presence: AppState['presence']): null {
    if (presence === 'offline') throw new Refusal('usage', 'sign out to be offline, or choose invisible');
    this.#core.options.profile.settings.set({ presence });
    if (this.#core.state.account) this.#core.command({ type: 'presence', status: presence });
    this.#core.emit({ type: 'presence.changed', presence });
    return null;
  }
}

const BUDDY_COMMAND = {
  'buddy.accept': 'accept',
  'buddy.decline': 'decline',
  'buddy.remove': 'remove',
  'buddy.block': 'block',
  'buddy.unblock': 'unblock',
} as const;
