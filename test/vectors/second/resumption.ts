/**
 * A second implementation of wren, fourth part: tickets and the short handshake (PROTOCOL.md, section 5, "Resumption"),
 * from the page alone.
 */
import { createHmac } from 'node:crypto';
import { decode, encode } from '../proto-json.ts';
import { type End, Failed, hkdf, publicX25519, x25519 } from './handshake.ts';
import { AUTH1, AUTH2, COOKIE, firstPacket, HELLO, packet, sha256 } from './wire.ts';

/** What both ends keep of a handshake. */
export interface Ticket {
  readonly secret: Buffer;
  /** Node ids of whoever shows it and of whoever takes it. */
  readonly shower: Buffer;
  readonly taker: Buffer;
}

export interface Resumed {
  readonly root: Buffer;
  readonly nextSecret: Buffer;
  readonly peerIndex: number;
}

export function ticketSecret(secret: Buffer, t2: Buffer): Buffer {
  return hkdf(secret, t2, 'wren SK1 resumption', 32);
}

export function ticketIdOf(secret: Buffer): Buffer {
  return hkdf(secret, Buffer.alloc(0), 'wren SK1 ticket', 16);
}

/** Shows a ticket. */
export class ShortInitiator {
  readonly #end: End;
  readonly #ticket: Ticket;
  helloPacket: Buffer;

  constructor(end: End, ticket: Ticket) {
    this.#end = end;
    this.#ticket = ticket;
    this.helloPacket = this.#hello(Buffer.alloc(0));
  }

  /** 'in-full': the ticket is not known there. */
  receiveCookie(bytes: Buffer): 'again' | 'in-full' {
    const read = must(decode('Cookie', bodyOf(bytes, COOKIE, this.#end.index))) as {
      cookie?: Uint8Array;
      inFull?: boolean;
    };
    if (read.inFull) return 'in-full';
    this.helloPacket = this.#hello(Buffer.from(read.cookie ?? []));
    return 'again';
  }

  receiveAuth1(bytes: Buffer): Resumed & { readonly auth2Packet: Buffer } {
    const auth1 = must(decode('Auth1', bodyOf(bytes, AUTH1, this.#end.index))) as unknown as Auth1;
    const secret = Buffer.concat([must(x25519(this.#end.drawn, auth1.ephemeral)), this.#ticket.secret]);
    const t1 = transcript(this.helloPacket.subarray(8), auth1, this.#ticket);
    const confirm = hkdf(secret, t1, 'wren SK1 resumed responder', 32);
    if (!confirm.equals(auth1.confirm)) throw new Failed('confirm');
    const t2 = sha256(t1, confirm);
    const mine = hkdf(secret, t2, 'wren SK1 resumed initiator', 32).toString('base64');
    const auth2Packet = packet(AUTH2, 0, auth1.senderIndex, encode('Auth2', { confirm: mine }));
    return { ...resumed(secret, t2), peerIndex: auth1.senderIndex, auth2Packet };
  }

  #hello(cookie: Buffer): Buffer {
    const body = encode('Hello', {
      versions: [1],
      suites: [1],
      senderIndex: this.#end.index,
      nonce: this.#end.nonce.toString('base64'),
      ephemeral: publicX25519(this.#end.drawn).toString('base64'),
      cookie: cookie.toString('base64'),
      ticket: ticketIdOf(this.#ticket.secret).toString('base64'),
      binder: Buffer.alloc(32).toString('base64'),
    });
    return packet(HELLO, 0, 0, Buffer.concat([body.subarray(0, -32), binderOf(this.#ticket, body)]));
  }
}

/** Takes a ticket. */
export class ShortResponder {
  readonly auth1Packet: Buffer;
  readonly #end: End;
  readonly #secret: Buffer;
  readonly #t2: Buffer;
  readonly #peerIndex: number;

  constructor(end: End, ticket: Ticket, helloPacket: Buffer) {
    const body = bodyOf(helloPacket, HELLO, 0);
    const hello = must(decode('Hello', body)) as unknown as Hello;
    if (!ticketIdOf(ticket.secret).equals(hello.ticket)) throw new Failed('ticket');
    if (!binderOf(ticket, body).equals(hello.binder)) throw new Failed('binder');
    const ephemeral = publicX25519(end.drawn);
    this.#secret = Buffer.concat([must(x25519(end.drawn, hello.ephemeral)), ticket.secret]);
    const t1 = transcript(body, { senderIndex: end.index, nonce: end.nonce, ephemeral }, ticket);
    const confirm = hkdf(this.#secret, t1, 'wren SK1 resumed responder', 32);
    const json = {
      version: 1,
      suite: 1,
      senderIndex: end.index,
      nonce: end.nonce.toString('base64'),
      ephemeral: ephemeral.toString('base64'),
      confirm: confirm.toString('base64'),
    };
    this.auth1Packet = packet(AUTH1, 0, hello.senderIndex, encode('Auth1', json));
    this.#t2 = sha256(t1, confirm);
    this.#end = end;
    this.#peerIndex = hello.senderIndex;
  }

  receiveAuth2(bytes: Buffer): Resumed {
    const auth2 = must(decode('Auth2', bodyOf(bytes, AUTH2, this.#end.index))) as { confirm?: Uint8Array };
    const confirm = hkdf(this.#secret, this.#t2, 'wren SK1 resumed initiator', 32);
    if (!confirm.equals(auth2.confirm ?? Buffer.alloc(0))) throw new Failed('confirm');
    return { ...resumed(this.#secret, this.#t2), peerIndex: this.#peerIndex };
  }
}

interface Hello {
  readonly senderIndex: number;
  readonly ephemeral: Uint8Array;
  readonly ticket: Uint8Array;
  readonly binder: Uint8Array;
}

interface Auth1 {
  readonly senderIndex: number;
  readonly nonce: Uint8Array;
  readonly ephemeral: Uint8Array;
  readonly confirm: Uint8Array;
}

function binderOf({ secret, shower }: Ticket, helloBody: Buffer): Buffer {
  const key = hkdf(secret, shower, 'wren SK1 binder', 32);
  return createHmac('sha256', key).update(helloBody.subarray(0, -32)).digest();
}

function transcript(helloBody: Buffer, auth1: Omit<Auth1, 'confirm'>, { shower, taker }: Ticket): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(helloBody.length);
  const numbers = Buffer.from('000000010000000100000000', 'hex');
  numbers.writeUInt32BE(auth1.senderIndex, 8);
  return sha256('wren SK1 resumed', length, helloBody, numbers, auth1.nonce, auth1.ephemeral, shower, taker);
}

function resumed(secret: Buffer, t2: Buffer): { root: Buffer; nextSecret: Buffer } {
  return { root: hkdf(secret, t2, 'wren SK1 root', 32), nextSecret: ticketSecret(secret, t2) };
}

function bodyOf(bytes: Buffer, kind: number, index: number): Buffer {
  const read = firstPacket(bytes);
  if (read === 'bad' || read === 'need' || read.kind !== kind || read.index !== index) throw new Failed('packet');
  return read.body;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Failed('refused');
  return value;
}
