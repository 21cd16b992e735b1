/**
 * Peers that have keys and a certificate, and say what nobody should: their sessions are real, what goes through them
 * is garbage. `HostilePeer` attacks a node that answers handshakes; `HostileSupernode` waits for an ordinary node to
 * attach, and has a hostile person behind it.
 */
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { bytesOf, hexOf } from '../../src/net/protocol/ids.ts';
import type { Route } from '../../src/net/protocol/traffic.ts';
import { type SessionId, Switchboard, type SwitchboardOutput } from '../../src/net/transport/switchboard.ts';
import type { OwnIdentity, Trust } from '../../src/net/transport/trust.ts';
import { Mask, readDatagram } from '../../src/net/wire/mask.ts';
import { type Message, message } from '../../src/net/wire/messages.ts';
import { fromJson, kinds, typeOf } from '../vectors/proto-json.ts';
import type { Garbage } from './garbage.ts';
import { seededRandom } from './seeded-random.ts';
import type { Said, UnderFire } from './under-fire.ts';

const chance = seededRandom('hostile mask');

/** A message of any kind with values that only fit their types; `requestId`, where there is one, as given. */
export function nonsense(garbage: Garbage, only?: readonly string[], requestId?: number): Message {
  const [[kind = '', json = {}] = []] = Object.entries(garbage.message(only));
  const type = kinds().find(({ name }) => name === kind)?.type ?? '';
  const body = fromJson(type, json as Record<string, unknown>);
  if (requestId !== undefined && 'requestId' in typeOf(type).fields) body.requestId = requestId;
  return { kind, body } as unknown as Message;
}

export interface PeerOptions {
  readonly address: Endpoint;
  readonly identity: OwnIdentity | undefined;
  readonly pin: Buffer;
  readonly trust: Trust;
  readonly now: () => number;
  /** Carries out what the target asks its own people for. */
  readonly onEvent?: (event: { readonly type: string }) => Said | undefined;
}

export class HostilePeer {
  readonly #target: UnderFire;
  readonly #options: PeerOptions;
  readonly #switchboard: Switchboard;
  readonly #mask: Mask;
  #session: SessionId | undefined;
  /** Messages that the target answered us, by kind; failures by their code. */
  readonly answers = new Map<string, number>();

  constructor(target: UnderFire, options: PeerOptions) {
    this.#target = target;
    this.#options = options;
    this.#mask = new Mask(options.pin);
    this.#switchboard = new Switchboard({ random: seededRandom('hostile'), trust: options.trust });
    this.#switchboard.setIdentity(options.identity);
  }

  /** False when the target does not let us in. */
  get connected(): boolean {
    return this.#switchboard.peerOf(this.#session ?? -1) !== undefined;
  }

  connect(at: Endpoint): void {
    const anonymous = this.#options.identity === undefined;
    this.#session = this.#switchboard.connect(this.#options.now(), { via: 'udp', endpoint: at }, { anonymous });
    this.#exchange();
  }

  say(value: Message, reliable: boolean): void {
    const session = this.#session ?? -1;
    if (reliable) this.#switchboard.send(this.#options.now(), session, value);
    else this.#switchboard.sendDatagram(session, value);
    this.#exchange();
  }

  /** Any bytes, sealed. */
  seal(plaintext: Buffer): void {
    const route: Route = { via: 'udp', endpoint: this.#options.address };
    this.#switchboard.sendVoice(this.#session ?? -1, plaintext, [route]);
    this.#exchange();
  }

  wake(): void {
    this.#switchboard.wake(this.#options.now());
    this.#exchange();
  }

  #exchange(): void {
    for (let said = this.#switchboard.drain(); said.length > 0; said = this.#switchboard.drain()) {
      for (const output of said) {
        if (output.type === 'message') this.#count(output.message);
        if (output.type !== 'send') continue;
        const bytes = this.#mask.cover(output.bytes, chance);
        this.#hear(this.#target.hit({ type: 'datagram', from: this.#options.address, bytes }));
      }
    }
  }

  #count(answer: Message): void {
    const what = answer.kind === 'failure' ? answer.body.code : answer.kind;
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
  }

  #hear(said: Said): void {
    const { address, now, onEvent } = this.#options;
    for (const event of said.events) {
      const more = onEvent?.(event);
      if (more) this.#hear(more);
    }
    for (const { to, bytes } of said.datagrams) {
      if (to.host !== address.host || to.port !== address.port) continue;
      const route: Route = { via: 'udp', endpoint: address };
      for (const packet of readDatagram(bytes, this.#mask).packets) this.#switchboard.receive(now(), route, packet);
    }
  }
}

export interface HostileSupernodeOptions {
  readonly address: Endpoint;
  readonly identity: OwnIdentity;
  readonly person: OwnIdentity;
  readonly pin: Buffer;
  readonly trust: () => Trust;
  readonly now: () => number;
}

/** The node attaches by datagrams; whatever it sends elsewhere is lost. */
export class HostileSupernode {
  readonly #target: UnderFire;
  readonly #options: HostileSupernodeOptions;
  readonly #supernode: Switchboard;
  readonly #person: Switchboard;
  readonly #mask: Mask;
  #link: SessionId | undefined;
  #victim = '';
  #friend: SessionId | undefined;
  readonly events: { readonly type: string }[] = [];

  constructor(target: UnderFire, options: HostileSupernodeOptions) {
    this.#target = target;
    this.#options = options;
    this.#mask = new Mask(options.pin);
    this.#supernode = new Switchboard({ random: seededRandom('hostile supernode'), trust: options.trust() });
    this.#supernode.setIdentity(options.identity);
    this.#person = new Switchboard({ random: seededRandom('hostile person'), trust: options.trust() });
    this.#person.setIdentity(options.person);
  }

  /** The node said something: its handshake with us, or what it answers to our garbage. */
  hear(said: Said): void {
    this.events.push(...said.events);
    const { address, now } = this.#options;
    for (const { to, bytes } of said.datagrams) {
      if (to.host !== address.host || to.port !== address.port) continue;
      for (const packet of readDatagram(bytes, this.#mask).packets) this.#supernode.receive(now(), this.#route, packet);
    }
    this.#settle();
  }

  get attached(): boolean {
    return this.#link !== undefined;
  }

  /** Has the hostile person a session with the node? */
  get befriended(): boolean {
    return this.#person.peerOf(this.#friend ?? -1) !== undefined;
  }

  befriend(): void {
    this.#friend = this.#person.connect(this.#options.now(), { via: 'forward', node: this.#victim });
    this.#settle();
  }

  /** As the supernode. */
  say(value: Message, reliable: boolean): void {
    if (reliable) this.#supernode.send(this.#options.now(), this.#link ?? -1, value);
    else this.#supernode.sendDatagram(this.#link ?? -1, value);
    this.#settle();
  }

  /** As the person behind it. */
  personSays(value: Message, reliable: boolean): void {
    if (reliable) this.#person.send(this.#options.now(), this.#friend ?? -1, value);
    else this.#person.sendDatagram(this.#friend ?? -1, value);
    this.#settle();
  }

  personSeals(plaintext: Buffer): void {
    this.#person.sendVoice(this.#friend ?? -1, plaintext, [{ via: 'forward', node: this.#victim }]);
    this.#settle();
  }

  get #route(): Route {
    return { via: 'udp', endpoint: this.#options.address };
  }

  #settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const output of this.#supernode.drain()) {
        busy = true;
        this.#fromSupernode(output);
      }
      for (const output of this.#person.drain()) {
        busy = true;
        if (output.type !== 'send') continue;
        const source = bytesOf(this.#options.person.nodeId);
        const forwarded = message('forwarded', { source, packet: output.bytes });
        this.#supernode.send(this.#options.now(), this.#link ?? -1, forwarded);
      }
    }
  }

  #fromSupernode(output: SwitchboardOutput): void {
    const now = this.#options.now();
    if (output.type === 'send') {
      const { address } = this.#options;
      const covered = this.#mask.cover(output.bytes, chance);
      const said = this.#target.hit({ type: 'datagram', from: address, bytes: covered });
      this.events.push(...said.events);
      for (const { to, bytes } of said.datagrams) {
        if (to.host !== address.host || to.port !== address.port) continue;
        for (const packet of readDatagram(bytes, this.#mask).packets) this.#supernode.receive(now, this.#route, packet);
      }
    } else if (output.type === 'established') {
      this.#link = output.session;
      this.#victim = output.peer.nodeId;
    } else if (output.type === 'message') this.#serve(output.message);
  }

  /** Just enough to be taken for a supernode. */
  #serve(value: Message): void {
    const now = this.#options.now();
    if (value.kind === 'attach') {
      const attached = message('attached', { requestId: value.body.requestId, observed: 'udp:10.0.0.1:1' });
      this.#supernode.send(now, this.#link ?? -1, attached);
    } else if (value.kind === 'forward' && hexOf(value.body.target) === this.#options.person.nodeId) {
      this.#person.receiveBytes(now, { via: 'forward', node: this.#victim }, Buffer.from(value.body.packet));
    }
  }
}
