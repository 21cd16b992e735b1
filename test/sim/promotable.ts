/**
 * A person whose program may become a supernode, in virtual time: what the agent does there (`store/agent-serving.ts`),
 * with the supernode as a second core on the same host instead of a process of its own.
 */
import { nodeIdOf } from '../../src/net/login/credential.ts';
import type { Consent, Judgement, PromotionFact, PromotionNews } from '../../src/net/node/promotion-desk.ts';
import { Supernode, type SupernodeCommand, type SupernodeEvent } from '../../src/net/node/supernode.ts';
import { PROMOTED_CLIENTS_MAX, PROMOTED_RELAY_KBPS } from '../../src/net/protocol/overlay-params.ts';
import { keyPair } from '../support/identities.ts';
import type { Running } from './host.ts';
import type { Person } from './people-world.ts';

/** A machine with much to spare. */
export const IDLE = { busyPercent: 3, freeMemoryBytes: 4_000_000_000 };
const PORT = 4400;

export class Promotable {
  readonly person: Person;
  judgement: Judgement | undefined;
  /** What was asked for, in order. */
  readonly asked: PromotionNews['type'][] = [];
  serving: Running<SupernodeCommand, SupernodeEvent> | undefined;

  constructor(person: Person, consent: Consent, machine = IDLE) {
    this.person = person;
    const told = person.node.events.findLast((event) => event.type === 'promotion');
    if (told?.type === 'promotion') this.#news(told.news);
    person.onPromotion = (news) => this.#news(news);
    this.tell({ type: 'consent', consent });
    this.tell({ type: 'machine', ...machine });
  }

  get role(): string | undefined {
    return this.judgement?.role;
  }

  tell(fact: PromotionFact): void {
    this.person.does({ type: 'promotion', fact });
  }

  /** The process is killed. */
  kill(): void {
    this.serving?.stop();
    this.serving = undefined;
    this.tell({ type: 'closed' });
  }

  #news(news: PromotionNews): void {
    if (news.type === 'judged') {
      this.judgement = news.judgement;
      return;
    }
    this.asked.push(news.type);
    if (news.type === 'open') this.#open();
    else if (news.type === 'serve') this.serving?.command({ type: 'serve', endpoints: [news.endpoint] });
    else this.serving?.command({ type: 'leave' });
  }

  #open(): void {
    const { world, authority, loginAddress, starts } = this.person.world;
    const { privateKey, spki } = keyPair(`${this.person.name} serves`);
    this.person.world.starts += 1;
    const core = new Supernode({
      random: world.random(`${this.person.name} serves ${starts}`),
      wallClock: world.wallClock,
      pin: authority.pin,
      loginServers: [{ carrier: 'tcp', host: loginAddress, port: PORT - 400 }],
      endpoints: [],
      waits: true,
      relayKbps: PROMOTED_RELAY_KBPS,
      clientsMax: PROMOTED_CLIENTS_MAX,
      privateKey,
      publicKeySpki: spki,
      nodeId: nodeIdOf(spki),
    });
    const serving = world.host(this.person.name).run<SupernodeCommand, SupernodeEvent>(core, {
      port: PORT,
      sideUdpPorts: [PORT + 1, PORT + 2],
      onEvent: (event) => this.#fromSupernode(event),
    });
    this.serving = serving;
    this.tell({ type: 'opened', port: PORT });
  }

  #fromSupernode(event: SupernodeEvent): void {
    if (event.type === 'dialled') this.tell(event);
    else if (event.type === 'certified') this.tell({ type: 'certified' });
    else if (event.type === 'enrolment-failed') this.tell({ type: 'not-certified', code: event.code });
    else if (event.type === 'left') {
      this.serving?.close();
      this.serving = undefined;
      this.tell({ type: 'closed' });
    }
  }
}
