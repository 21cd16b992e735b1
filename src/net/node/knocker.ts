/**
 * Knocks at endpoints of the network for `wren check`: does anybody answer there, and is it who it must be? One
 * handshake each, and nothing is asked; who answered is left at once. It runs beside the person's node, on a port of
 * its own, so that a test never touches the link or a call.
 *
 *   knock(endpoint) -> carriers -> [stream] -> handshake -> knocked { streamOpened, streamEnding, code, tookMs }
 *
 * Login servers are met anonymously by the classic face, or inside TLS; supernodes answer people only, so there we prove ourselves.
 */
import type { Core, Millis, Random, WallClock } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { KNOCK_TIMEOUT_MS } from '../protocol/params.ts';
import type { NetInput, NetOutput } from '../protocol/traffic.ts';
import { Switchboard, type SwitchboardOutput } from '../transport/switchboard.ts';
import type { OwnIdentity } from '../transport/trust.ts';
import { type CarrierOutput, Carriers, type LinkId } from './carriers.ts';
import { PinnedTrust } from './trust.ts';

export interface KnockerOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly pin: Buffer;
  readonly authorityDer?: Buffer | undefined;
  /** Without it supernodes do not answer. */
  readonly identity?: OwnIdentity | undefined;
}

export interface KnockerCommand {
  readonly type: 'knock';
  /** The asker's number. */
  readonly knock: number;
  readonly endpoint: Endpoint;
  readonly kind: 'login-server' | 'supernode';
  /** Through the proxy of this machine. */
  readonly proxy?: boolean;
  /** Inside genuine TLS. */
  readonly tls?: boolean;
}

export interface KnockerEvent {
  readonly type: 'knocked';
  readonly knock: number;
  /** Undefined: the handshake was completed with who was looked for. */
  readonly code: FailureCode | undefined;
  /** From the knock to this. */
  readonly tookMs: Millis;
  /** The TCP connection came about; false for UDP. */
  readonly streamOpened: boolean;
  /** What the sockets said when the stream ended; undefined when it did not. */
  readonly streamEnding: string | undefined;
}

interface Knock {
  readonly knock: number;
  readonly startedAt: Millis;
  readonly link: LinkId;
  streamOpened: boolean;
  streamEnding: string | undefined;
}

export class Knocker implements Core<NetInput, KnockerCommand, NetOutput | KnockerEvent> {
  readonly #trust: PinnedTrust;
  readonly #switchboard: Switchboard;
  readonly #carriers: Carriers;
  readonly #knocks = new Map<LinkId, Knock>();
  /** Which knock opened a stream. */
  readonly #streams = new Map<number, LinkId>();
  #out: (NetOutput | KnockerEvent)[] = [];

  constructor({ random, wallClock, pin, authorityDer, identity }: KnockerOptions) {
    this.#trust = new PinnedTrust({ pin, authorityDer, wallClock });
    // We knock; nobody who knocks here is answered.
    this.#switchboard = new Switchboard({ random, trust: this.#trust, welcome: { ways: 'forward', kinds: [] } });
    this.#switchboard.setIdentity(identity);
    this.#carriers = new Carriers(this.#switchboard, { pin, random });
  }

  receive(now: Millis, input: NetInput): void {
    if (input.type === 'stream-open' && input.incoming) {
      this.#out.push({ type: 'close-stream', stream: input.stream });
      return;
    }
    const opened = input.type === 'stream-open' ? this.#knocks.get(this.#streams.get(input.stream) ?? -1) : undefined;
    if (opened) opened.streamOpened = true;
    const ended = input.type === 'stream-closed' ? this.#knocks.get(this.#streams.get(input.stream) ?? -1) : undefined;
    if (ended && input.type === 'stream-closed') ended.streamEnding = input.why;
    this.#carriers.receive(now, input);
    this.#settle(now);
  }

  command(now: Millis, { knock, endpoint, kind, proxy = false, tls = false }: KnockerCommand): void {
    const isLogin = kind === 'login-server';
    const link = this.#carriers.connect(now, endpoint, {
      anonymous: isLogin,
      // An answer with the CA certificate in it does not fit a datagram.
      wantAuthority: this.#trust.authorityDer === undefined && endpoint.carrier === 'tcp',
      face: isLogin && !tls ? 'classic' : 'plain',
      expect: { kind },
      ...{ proxy, tls },
    });
    this.#knocks.set(link, { knock, startedAt: now, link, streamOpened: false, streamEnding: undefined });
    for (const output of this.#carriers.drain()) {
      if (output.type === 'open-stream') this.#streams.set(output.stream, link);
      this.#fromCarriers(now, output);
    }
    this.#settle(now);
  }

  wake(now: Millis): void {
    this.#switchboard.wake(now);
    for (const { link, startedAt } of [...this.#knocks.values()]) {
      if (now >= startedAt + KNOCK_TIMEOUT_MS) this.#ended(now, link, 'unreachable');
    }
    this.#settle(now);
  }

  wakeAt(): Millis {
    let at = this.#switchboard.wakeAt();
    for (const { startedAt } of this.#knocks.values()) at = Math.min(at, startedAt + KNOCK_TIMEOUT_MS);
    return at;
  }

  drain(): (NetOutput | KnockerEvent)[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Moves what one room said to the next, until both are silent. */
  #settle(now: Millis): void {
    for (;;) {
      const said = this.#switchboard.drain();
      for (const output of said) this.#fromSwitchboard(output);
      const moved = this.#carriers.drain();
      for (const output of moved) this.#fromCarriers(now, output);
      if (said.length === 0 && moved.length === 0) return;
    }
  }

  #fromSwitchboard(output: SwitchboardOutput): void {
    if (output.type === 'send') this.#carriers.send(output.route, output.bytes);
    else if (output.type === 'established') this.#carriers.established(output.session, output.peer);
    else if (output.type === 'failed') this.#carriers.ended(output.session, output.code);
    else if (output.type === 'closed') this.#carriers.ended(output.session, 'unreachable');
  }

  #fromCarriers(now: Millis, output: CarrierOutput): void {
    if (output.type === 'link-up') this.#ended(now, output.link, undefined);
    else if (output.type === 'link-down') this.#ended(now, output.link, output.code);
    // It opens no streams that travel in messages.
    else if (output.type !== 'carry') this.#out.push(output);
  }

  #ended(now: Millis, link: LinkId, code: FailureCode | undefined): void {
    const knock = this.#knocks.get(link);
    if (!knock) return;
    this.#knocks.delete(link);
    for (const [stream, of] of this.#streams) if (of === link) this.#streams.delete(stream);
    this.#carriers.drop(link, 'only asked');
    const { streamOpened, streamEnding, startedAt } = knock;
    const tookMs = now - startedAt;
    this.#out.push({ type: 'knocked', knock: knock.knock, code, tookMs, streamOpened, streamEnding });
  }
}
