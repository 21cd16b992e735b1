/**
 * Letters in a light world: many supernodes' mail rooms and clients' mail links, real ones, over a bus without sockets or
 * handshakes; who lives is known to all a moment after it changed. A letter here is a number in a padded body, since sealing
 * is tested by itself. Hundreds of days of it take a minute, so that thousands of seeds can be tried.
 */
import { generateKeyPairSync } from 'node:crypto';
import { nodeIdOf, spkiOf } from '../../src/net/login/credential.ts';
import { MailLink } from '../../src/net/overlay/mail-link.ts';
import type { OrderSigner } from '../../src/net/overlay/mail-order.ts';
import { MailRoom } from '../../src/net/overlay/mail-room.ts';
import type { Millis } from '../../src/net/protocol/core.ts';
import type { FailureCode } from '../../src/net/protocol/failures.ts';
import { hexOf, type NodeId } from '../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/net/wire/messages.ts';
import { Chance } from './chance.ts';
import { Timeline } from './timeline.ts';

/** Of 2026-01-01. */
const BEGIN_WALL_MS = Date.UTC(2026, 0, 1);
const LETTER_BYTES = 2_048;
/** Others hear so late of a death: the figure of N6. */
const NOTICED_MS = 6_000;

const signers = new Map<string, OrderSigner>();

/** The same for the same label, and small: it is made and used thousands of times. */
function signerOf(label: string): OrderSigner {
  let signer = signers.get(label);
  if (!signer) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const publicKeySpki = spkiOf(publicKey);
    signer = { nodeId: nodeIdOf(publicKeySpki), publicKeySpki, privateKey };
    signers.set(label, signer);
  }
  return signer;
}

interface Super {
  readonly id: NodeId;
  readonly room: MailRoom;
  alive: boolean;
  /** Lives, but nobody reaches it, and it reaches nobody. */
  away: boolean;
}

export class MailClientSim {
  readonly name: string;
  readonly signer: OrderSigner;
  readonly link: MailLink;
  readonly session: number;
  home: Super | undefined;
  /** Numbers of the letters that came, as often as they came. */
  readonly came: number[] = [];
  readonly kept = new Map<string, number>();
  readonly failed: { readonly letter: string; readonly code: FailureCode }[] = [];
  /** Says `done` of what comes. */
  stores = true;

  constructor(name: string, label: string, session: number, link: MailLink) {
    this.name = name;
    this.session = session;
    this.signer = signerOf(label);
    this.link = link;
    link.setSigner(this.signer);
  }

  /** What would be shown: each once, in the order in which it came first. */
  get shown(): number[] {
    return [...new Set(this.came)];
  }
}

export class MailWorld {
  readonly chance: Chance;
  readonly #timeline = new Timeline(1_000);
  readonly supers: Super[] = [];
  readonly #clients = new Map<number, MailClientSim>();
  /** Who lives, as all see it. */
  #members: readonly NodeId[] = [];
  readonly #planned = new Map<object, Millis>();
  messages = 0;
  #atMs = 0;

  constructor(seed: number, supernodes: number) {
    this.chance = new Chance(seed, 'mail world');
    for (let index = 0; index < supernodes; index += 1) this.#addSuper();
    this.#members = this.supers.map(({ id }) => id);
  }

  get now(): Millis {
    return this.#timeline.now;
  }

  get wallMs(): number {
    return BEGIN_WALL_MS + this.now;
  }

  #addSuper(): Super {
    const id = hexOf(this.chance.bytes(16));
    const room = new MailRoom({
      self: id,
      random: this.chance,
      wallClock: () => this.wallMs,
      others: () => (self.away ? [] : this.#members.filter((one) => one !== id)),
    });
    const self: Super = { id, room, alive: true, away: false };
    this.supers.push(self);
    return self;
  }

  /** A supernode that is new to the network. */
  join(): Super {
    const fresh = this.#addSuper();
    this.#membersChange();
    return fresh;
  }

  living(): Super[] {
    return this.supers.filter(({ alive, away }) => alive && !away);
  }

  kill(one: Super): void {
    one.alive = false;
    this.#timeline.after(NOTICED_MS, () => this.#membersChange());
  }

  setAway(one: Super, away: boolean): void {
    one.away = away;
    this.#timeline.after(away ? NOTICED_MS : 1_000, () => this.#membersChange());
  }

  client(name: string, label: string): MailClientSim {
    const link = new MailLink({ wallClock: () => this.wallMs, random: this.chance });
    const client = new MailClientSim(name, label, this.#clients.size + 1, link);
    this.#clients.set(client.session, client);
    return client;
  }

  attach(client: MailClientSim, home = this.#anybody()): void {
    client.home = home;
    client.link.attached(this.now);
    this.#settleClient(client);
  }

  detach(client: MailClientSim): void {
    client.home?.room.sessionClosed(client.session);
    client.home = undefined;
    client.link.detached();
    client.link.drain();
  }

  #anybody(): Super {
    const living = this.living();
    return living[this.chance.between(0, living.length - 1)] as Super;
  }

  /** Letter number `content` for this device; returns its id. */
  write(from: MailClientSim, to: NodeId, content: number): string {
    const id = hexOf(this.chance.bytes(16));
    this.writeAs(from, to, content, id);
    return id;
  }

  /** The same letter once more, as its sender would bring it again. */
  writeAs(from: MailClientSim, to: NodeId, content: number, id: string): void {
    const sealed = Buffer.alloc(LETTER_BYTES);
    sealed.writeUInt32BE(content);
    this.#atMs = Math.max(this.#atMs + 1, Math.floor(this.wallMs));
    from.link.deposit(this.now, { recipient: to, id, atMs: this.#atMs, sealed });
    this.#settleClient(from);
  }

  /** A message to a supernode from one of its clients, whatever it says. */
  says(client: MailClientSim, value: Message): void {
    this.#toRoom(client, value);
  }

  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.#timeline.step(limit));
  }

  until(condition: () => boolean, limitMs: number): void {
    const limit = this.now + limitMs;
    while (!condition()) {
      if (!this.#timeline.step(limit) && !condition()) throw new Error(`not within ${limitMs} ms: ${condition}`);
    }
  }

  /** Letters that living supernodes hold for this device, each as often as it is held. */
  copiesFor(node: NodeId): number {
    return this.living().reduce((sum, { room }) => sum + room.shelf.of(node).length, 0);
  }

  #membersChange(): void {
    this.#members = this.living().map(({ id }) => id);
    for (const one of this.supers.filter(({ alive }) => alive)) {
      one.room.membersChanged(this.now);
      this.#settleRoom(one);
    }
  }

  #settleRoom(one: Super): void {
    for (const output of one.room.drain()) {
      const value = this.#copy(output.message);
      if (output.type === 'to-client') this.#later(() => this.#toClient(output.session, value));
      else this.#later(() => this.#toSuper(one, output.to, value));
    }
    this.#plan(one, one.room.wakeAt(), () => {
      if (!one.alive) return;
      one.room.wake(this.now);
      this.#settleRoom(one);
    });
  }

  #settleClient(client: MailClientSim): void {
    for (const output of client.link.drain()) {
      if (output.type === 'send') {
        const value = this.#copy(output.message);
        this.#later(() => this.#toRoom(client, value));
      } else if (output.type === 'kept') client.kept.set(output.letter, output.copies);
      else if (output.type === 'failed') client.failed.push({ letter: output.letter, code: output.code });
      else for (const letter of output.letters) this.#came(client, letter);
    }
    this.#plan(client, client.link.wakeAt(), () => {
      client.link.wake(this.now);
      this.#settleClient(client);
    });
  }

  #came(
    client: MailClientSim,
    letter: { readonly sender: NodeId; readonly id: string; readonly sealed: Buffer },
  ): void {
    client.came.push(letter.sealed.readUInt32BE());
    if (client.stores) client.link.done(this.now, letter.sender, letter.id);
  }

  #toClient(session: number, value: Message): void {
    const client = this.#clients.get(session);
    if (!client?.home) return;
    client.link.receive(this.now, value);
    this.#settleClient(client);
  }

  #toRoom(client: MailClientSim, value: Message): void {
    const { home, session, name, signer } = client;
    if (!home?.alive) return;
    const publicKey = signer.publicKeySpki;
    home.room.fromClient(this.now, { session, name, node: signer.nodeId, publicKey }, value);
    this.#settleRoom(home);
  }

  #toSuper(from: Super, to: NodeId, value: Message): void {
    const target = this.supers.find(({ id }) => id === to);
    if (!target?.alive || !from.alive || target.away !== from.away) return;
    target.room.fromSupernode(this.now, from.id, value);
    this.#settleRoom(target);
  }

  /** As the wire brings it. */
  #copy(value: Message): Message {
    this.messages += 1;
    return decodeMessage(encodeMessage(value)) as Message;
  }

  #later(happen: () => void): void {
    this.#timeline.after(this.chance.between(5, 80), happen);
  }

  /** One waking for each core: the next that it asked for. */
  #plan(core: object, at: Millis, wake: () => void): void {
    if (at === Number.POSITIVE_INFINITY || this.#planned.get(core) === at) return;
    this.#planned.set(core, at);
    this.#timeline.at(at, () => {
      if (this.#planned.get(core) !== at) return;
      this.#planned.delete(core);
      wake();
    });
  }
}
