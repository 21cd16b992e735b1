/**
 * The login server's node: carriers and switchboard in front of the rules (`login/login-server.ts`). Anybody may open
 * an anonymous session; who proves a certificate may renew it and have the buddy list. Hashes and account storage
 * leave as effects and come back as commands.
 *
 * People whom no address of ours is open to come through a supernode, which carries their whole dialogue, sealed, in
 * `LoginCarry` messages: each is a stream like any other, and `CARRIED` before its host tells it apart.
 *
 *   packet -> carriers -> switchboard -> message -> LoginServer -> effect (event) ... result (command) -> reply
 */
import type { KeyObject } from 'node:crypto';
import type { Issuer } from '../login/credential-issuer.ts';
import type { EffectResult, OutsideEffect } from '../login/login-effects.ts';
import { type LoginOutput, LoginServer, type LoginServerOptions } from '../login/login-server.ts';
import { openRecord } from '../overlay/supernode-entry.ts';
import type { Core, Millis, Random, WallClock } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { LOGIN_CARRIED_BURST, LOGIN_CARRIED_REFILL_MS, RENEW_GRACE_MS } from '../protocol/params.ts';
import { hostKey, RateLimit } from '../protocol/rate-limit.ts';
import type { NetInput, NetOutput, Route, StreamId } from '../protocol/traffic.ts';
import { type SessionId, Switchboard, type SwitchboardOutput } from '../transport/switchboard.ts';
import type { PeerIdentity } from '../transport/trust.ts';
import { type Body, message } from '../wire/messages.ts';
import { CarriedStreams } from './carried-streams.ts';
import { type CarrierOutput, Carriers } from './carriers.ts';
import { ReachDesk } from './reach-desk.ts';
import { PinnedTrust } from './trust.ts';

/** No address begins so: nobody announces a supernode from there, and tries are counted apart. */
const CARRIED = 'carried ';
const OBSERVED_LENGTH_MAX = 64;
const NOTHING = Buffer.alloc(0);

export type LoginNodeCommand = {
  readonly type: 'effect-done';
  readonly id: number;
  readonly result: EffectResult;
};

export type LoginNodeEvent =
  | { readonly type: 'effect'; readonly id: number; readonly effect: OutsideEffect }
  | { readonly type: 'cancel'; readonly id: number };

export interface LoginNodeOptions {
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly issuer: Issuer;
  /** The login server's own key and certificate (kind `login-server`). */
  readonly identity: { readonly nodeId: NodeId; readonly privateKey: KeyObject; readonly certificateDer: Buffer };
  /** The newest version of the program that this server knows of: its own. Told to who sends an install notice. */
  readonly newestVersion?: string;
  readonly allowServiceNames?: readonly string[];
  /** Hosts and node ids of the operator's own supernodes, which are not dialled. */
  readonly vouched?: readonly string[];
  readonly passwordCost?: LoginServerOptions['passwordCost'];
}

export class LoginNode implements Core<NetInput, LoginNodeCommand, NetOutput | LoginNodeEvent> {
  readonly #wallClock: WallClock;
  readonly #switchboard: Switchboard;
  readonly #carriers: Carriers;
  readonly #server: LoginServer;
  readonly #carried = new CarriedStreams();
  readonly #reach: ReachDesk;
  readonly #carriedLimit = new RateLimit(LOGIN_CARRIED_BURST, LOGIN_CARRIED_REFILL_MS);
  #out: (NetOutput | LoginNodeEvent)[] = [];

  constructor(options: LoginNodeOptions) {
    const { random, wallClock, issuer, newestVersion } = options;
    this.#wallClock = wallClock;
    const trust = new PinnedTrust({
      pin: issuer.pin,
      authorityDer: issuer.authorityDer,
      wallClock,
      graceMs: RENEW_GRACE_MS,
    });
    this.#switchboard = new Switchboard({ random, trust });
    this.#switchboard.setIdentity(options.identity);
    this.#carriers = new Carriers(this.#switchboard, { pin: issuer.pin, random, newestVersion });
    this.#reach = new ReachDesk({ random, pin: issuer.pin });
    this.#server = new LoginServer({
      issuer,
      random,
      openRecord,
      ...(options.vouched ? { vouched: options.vouched } : {}),
      ...(options.allowServiceNames ? { allowServiceNames: options.allowServiceNames } : {}),
      ...(options.passwordCost ? { passwordCost: options.passwordCost } : {}),
    });
  }

  receive(now: Millis, input: NetInput): void {
    if (!this.#reach.receive(now, input)) this.#carriers.receive(now, input);
    this.#settle(now);
  }

  command(now: Millis, command: LoginNodeCommand): void {
    this.#server.effectDone(now, this.#wallClock(), command.id, command.result);
    this.#settle(now);
  }

  wake(now: Millis): void {
    this.#switchboard.wake(now);
    this.#server.wake(now, this.#wallClock());
    this.#reach.wake(now);
    this.#settle(now);
  }

  wakeAt(): Millis {
    return Math.min(this.#switchboard.wakeAt(), this.#server.wakeAt(), this.#reach.wakeAt());
  }

  drain(): (NetOutput | LoginNodeEvent)[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Packets and streams dropped as garbage, or because a bound forbade them. Only rises. */
  get dropped(): number {
    return this.#carriers.dropped + this.#switchboard.dropped;
  }

  /** Moves what one room said to the next, until all are silent. */
  #settle(now: Millis): void {
    for (;;) {
      const said = this.#switchboard.drain();
      for (const output of said) this.#fromSwitchboard(now, output);
      const answers = this.#server.drain();
      for (const answer of answers) this.#fromServer(now, answer);
      const tried = this.#reach.done();
      for (const { id, reached } of tried) {
        this.#server.effectDone(now, this.#wallClock(), id, { ok: true, value: reached });
      }
      this.#out.push(...this.#reach.drain());
      const sent = this.#carriers.drain();
      for (const output of sent) {
        if (output.type === 'carry') this.#carry(now, output);
        else if (output.type !== 'link-up' && output.type !== 'link-down') this.#out.push(output);
      }
      if (said.length + answers.length + tried.length + sent.length === 0) return;
    }
  }

  #fromServer(now: Millis, output: LoginOutput): void {
    if (output.type === 'reply') this.#switchboard.send(now, output.session as SessionId, output.message);
    else if (output.type === 'cancel') {
      if (!this.#reach.cancel(output.id)) this.#out.push(output);
    } else {
      const { type, id, effect } = output;
      if (effect.effect !== 'dial') this.#out.push({ type, id, effect });
      else if (!this.#reach.begin(now, id, effect.session, effect.endpoints)) {
        this.#server.effectDone(now, this.#wallClock(), id, { ok: false, code: 'busy' });
      }
    }
  }

  #fromSwitchboard(now: Millis, output: SwitchboardOutput): void {
    if (output.type === 'send') this.#carriers.send(output.route, output.bytes);
    else if (output.type === 'closed') {
      this.#server.sessionClosed(now, this.#wallClock(), output.session);
      for (const stream of this.#carried.streamsOf(output.session)) this.#endCarried(now, stream, NOTHING);
    } else if (output.type === 'message') {
      const peer = this.#switchboard.peerOf(output.session);
      if (output.message.kind === 'loginCarry') {
        if (peer?.kind === 'supernode') this.#receiveCarried(now, output.session, peer, output.message.body);
        return;
      }
      if (output.message.kind === 'dialHeard') {
        return this.#reach.heard(output.session, output.message.body.nonces);
      }
      const session = {
        id: output.session,
        remoteHost: this.#hostOf(output.route),
        ...this.#identityOf(output.session),
      };
      this.#server.request(now, this.#wallClock(), { session, message: output.message });
    }
  }

  #receiveCarried(now: Millis, session: SessionId, supernode: PeerIdentity, body: Body<'loginCarry'>): void {
    const { channel } = body;
    const packets = Buffer.from(body.packets);
    const known = this.#carried.streamOf(session, channel);
    if (body.end) {
      if (known !== undefined) this.#endCarried(now, known, packets);
      return;
    }
    if (known !== undefined) return this.#carriers.receiveCarried(now, known, packets, false);
    if (this.#carriedLimit.take(now, supernode.nodeId) > 0) {
      this.#switchboard.send(now, session, message('loginCarried', { channel, end: true }));
      return;
    }
    // What a supernode says of its clients is counted, and trusted for nothing else.
    const host = CARRIED + hostKey(body.observed.slice(0, OBSERVED_LENGTH_MAX)).replaceAll(':', '-');
    const stream = this.#carriers.acceptCarried({ carrier: 'tcp', host, port: 1 });
    this.#carried.add(stream, { session, channel });
    this.#carriers.receiveCarried(now, stream, packets, false);
  }

  #endCarried(now: Millis, stream: StreamId, packets: Buffer): void {
    this.#carriers.receiveCarried(now, stream, packets, true);
    this.#carried.delete(stream);
  }

  #carry(now: Millis, output: Extract<CarrierOutput, { type: 'carry' }>): void {
    const { stream, bytes, end } = output;
    const of = this.#carried.channelOf(stream);
    if (!of) return;
    if (end) this.#carried.delete(stream);
    const sent = this.#switchboard.send(
      now,
      of.session,
      message('loginCarried', { channel: of.channel, packets: bytes, end }),
    );
    if (!sent && !end) this.#endCarried(now, stream, NOTHING);
  }

  #identityOf(session: SessionId) {
    const peer = this.#switchboard.peerOf(session);
    return peer ? { identity: peer } : {};
  }

  #hostOf(route: Route): string {
    return this.#carriers.remoteOf(route)?.host ?? '';
  }
}
