/**
 * Serving as a supernode, on the agent's side: whether the person lets this machine serve, what the machine has to spare,
 * and the child process that serves (`agent-serving-io.ts`). The judge is in the node (`net/overlay/promotion.ts`); what
 * it says is done here, and shown in the state with duties, caps, and what they cost now.
 *
 *   WREN_SUPERNODE | settings | answer --consent--> node --open, serve, leave--> child --dialled, certified, gone--> node
 *
 * `auto` asks once on a desktop; on a server, where nobody will open a screen, it serves when it is fit, and says so. The
 * child knows nothing of the person, but its address is a supernode's and public: the question says that.
 */
import { encodeInvite, type Judgement, type PromotionNews } from '../net/index.ts';
import { parseEndpoint, printEndpoint } from '../net/protocol/endpoint.ts';
import { PROMOTED_CLIENTS_MAX, PROMOTED_RELAY_KBPS } from '../net/protocol/overlay-params.ts';
import type { AgentCore } from './agent-core.ts';
import type { FromServing } from './agent-serving-lines.ts';
import type { ServingChild } from './serving-means.ts';
import { DUTIES, REFUSE, whyWords } from './serving-words.ts';
import type { ServingReport } from './state.ts';

type Mode = ServingReport['consent'];
type Cost = NonNullable<ServingReport['cost']>;

/** The machine is looked at so often. */
const MACHINE_MS = 10_000;
const MODES: readonly Mode[] = ['auto', 'always', 'never'];

/** Before the node has judged anything. */
const NOTHING: Judgement = {
  ...{ role: 'ordinary', why: 'not-attached' },
  ...{ uptimeMs: undefined, machine: undefined, upBitsPerSecond: undefined, reached: undefined, network: undefined },
};

export class AgentServing {
  readonly #core: AgentCore;
  /** A command has chosen since the start: that counts more than the environment. */
  #wasChosen = false;
  #screenSeen = false;
  #judgement: Judgement | undefined;
  #child: ServingChild | undefined;
  #endpoint: string | null = null;
  #cost: Cost | null = null;
  /** What may be relayed at most, whatever goes up; and what that comes to here. */
  readonly #capKbps: number;
  #relayKbps: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(core: AgentCore) {
    this.#core = core;
    this.#capKbps = core.options.serving?.relayKbps ?? PROMOTED_RELAY_KBPS;
    this.#relayKbps = this.#capKbps;
  }

  /** The agent runs: its state tells of this from the first. */
  start(): void {
    this.#emit();
  }

  /** The node runs (again): it is told what it cannot know. */
  begin(): void {
    const { serving } = this.#core.options;
    if (!serving) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tellMachine(), MACHINE_MS);
    this.#timer.unref();
    this.#tellMachine();
    this.#tellConsent();
  }

  /** The node goes: what serves with it hands its clients over. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    const child = this.#child;
    this.#child = undefined;
    child?.tell({ type: 'leave' });
    await child?.end();
  }

  set(consent: Mode): null {
    this.#core.options.profile.settings.set({ supernode: consent, supernodeAnswer: 'none' });
    this.#wasChosen = true;
    this.#core.options.log.info('serving', 'consent', { consent });
    this.#tellConsent();
    return null;
  }

  answer(yes: boolean): null {
    this.#core.options.profile.settings.set({ supernodeAnswer: yes ? 'yes' : 'no' });
    this.#core.options.log.info('serving', 'answered', { yes });
    this.#tellConsent();
    return null;
  }

  /** Somebody looks at a screen: whoever is not serving yet is asked rather than taken to agree. */
  screenSeen(): null {
    if (this.#screenSeen) return null;
    this.#screenSeen = true;
    if (this.#core.options.serving && this.#judgement?.role !== 'supernode') this.#tellConsent();
    return null;
  }

  fromNode(news: PromotionNews): void {
    if (news.type === 'judged') return this.#judged(news.judgement);
    this.#core.options.log.info('serving', news.type);
    if (news.type === 'open') this.#open();
    else if (news.type === 'leave') {
      if (this.#child) this.#child.tell({ type: 'leave' });
      else this.#tell({ type: 'closed' });
    } else {
      this.#endpoint = printEndpoint(news.endpoint);
      // Half of what goes up is left to the person.
      this.#relayKbps = Math.max(1, Math.min(this.#capKbps, Math.round(news.upBitsPerSecond / 2_000)));
      this.#child?.tell({ type: 'serve', endpoint: this.#endpoint, relayKbps: this.#relayKbps });
    }
  }

  #judged(judgement: Judgement): void {
    const before = this.#judgement;
    this.#judgement = judgement;
    const { role, why } = judgement;
    const isNews = role !== before?.role || why !== before.why;
    if (isNews) this.#core.options.log.info('serving', role, { why, consent: this.#mode, answer: this.#answer });
    if (role !== 'supernode') this.#cost = null;
    this.#emit();
  }

  /** The judge waits for what comes of it. */
  #open(): void {
    let isOpened = false;
    try {
      isOpened = this.#startChild();
    } catch (error) {
      this.#core.trouble(error, 'serving');
    }
    if (!isOpened) this.#tell({ type: 'closed' });
  }

  /** False when there is nothing to serve with, or the last child has not gone yet. */
  #startChild(): boolean {
    const { serving, profile } = this.#core.options;
    const network = profile.network();
    if (!serving || !network || this.#child) return false;
    const { network: name, authorityPin } = network;
    const loginServers = network.loginServers.flatMap((text) => parseEndpoint(text) ?? []);
    const invite = encodeInvite({ network: name, authorityPin, loginServers, supernodes: [] });
    const child = serving.open({
      invite,
      relayKbps: this.#relayKbps,
      onLine: (line) => this.#fromChild(child, line),
      onGone: () => this.#gone(child),
    });
    this.#child = child;
    return true;
  }

  #fromChild(child: ServingChild, line: FromServing): void {
    if (child !== this.#child) return;
    switch (line.type) {
      case 'open':
        return this.#tell({ type: 'opened', port: line.port });
      case 'dialled':
      case 'certified':
      case 'not-certified':
        return this.#tell(line);
      case 'load':
        if (this.#judgement?.role !== 'supernode') return;
        this.#cost = {
          clients: line.clients,
          standbys: line.standbys,
          relayedBytes: line.forwardedBytes,
          relayedPackets: line.forwardedPackets,
          cpuPercent: line.cpuPercent,
          memoryBytes: line.memoryBytes,
        };
        this.#emit();
    }
  }

  #gone(child: ServingChild): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    this.#endpoint = null;
    this.#cost = null;
    this.#tell({ type: 'closed' });
  }

  #tell(fact: Parameters<typeof factOf>[0]): void {
    if (this.#core.node) this.#core.command(factOf(fact));
  }

  #tellMachine(): void {
    const { serving } = this.#core.options;
    if (serving) this.#tell({ type: 'machine', ...serving.machine() });
  }

  #tellConsent(): void {
    this.#tell({ type: 'consent', consent: this.#consent });
    this.#emit();
  }

  /** What WREN_SUPERNODE says, while it counts. */
  get #fromEnvironment(): Mode | undefined {
    const { environment } = this.#core.options.serving ?? {};
    return this.#wasChosen ? undefined : MODES.find((mode) => mode === environment);
  }

  get #mode(): Mode {
    return this.#fromEnvironment ?? this.#core.options.profile.settings.get().supernode;
  }

  get #answer(): ServingReport['answer'] {
    const { serving, profile } = this.#core.options;
    const { supernodeAnswer } = profile.settings.get();
    if (supernodeAnswer !== 'none') return supernodeAnswer;
    return serving?.isDesktop || this.#screenSeen ? 'none' : 'server';
  }

  get #consent() {
    const mode = this.#mode;
    if (mode !== 'auto') return mode;
    const answer = this.#answer;
    if (answer === 'no') return 'never';
    return answer === 'none' ? 'unasked' : 'yes';
  }

  #emit(): void {
    if (!this.#core.options.serving) return;
    const judgement = this.#judgement ?? NOTHING;
    const { role, why, machine, reached, network, uptimeMs, upBitsPerSecond } = judgement;
    const [consent, answer] = [this.#mode, this.#answer];
    const facts = {
      uptimeS: uptimeMs === undefined ? null : Math.round(uptimeMs / 1_000),
      busyPercent: machine?.busyPercent ?? null,
      freeMemoryBytes: machine?.freeMemoryBytes ?? null,
      upKbps: upBitsPerSecond === undefined ? null : Math.round(upBitsPerSecond / 1_000),
      dialBack: reached ? { of: reached.of, udp: reached.byUdp, tcp: reached.byTcp } : null,
      supernodes: network?.supernodes ?? null,
      loadPermille: network?.loadPermille ?? null,
    };
    this.#core.emit({
      type: 'serving.changed',
      serving: {
        ...{ role, reason: why, why: whyWords(judgement, { consent, answer }), consent, answer },
        consentBy: this.#fromEnvironment ? 'environment' : 'setting',
        asks: why === 'to-be-asked',
        duties: DUTIES,
        caps: { clients: PROMOTED_CLIENTS_MAX, relayKbps: this.#relayKbps },
        cost: role === 'supernode' || role === 'leaving' ? this.#cost : null,
        endpoint: role === 'supernode' ? this.#endpoint : null,
        ...{ facts, refuse: REFUSE },
      },
    });
  }
}

function factOf(fact: Extract<Parameters<AgentCore['command']>[0], { type: 'promotion' }>['fact']) {
  return { type: 'promotion', fact } as const;
}
