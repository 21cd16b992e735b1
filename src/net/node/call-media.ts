/**
 * The media of all calls of one node: for each call that talks a media session and a path finder, and what goes between
 * them. Calls and people are known here by call id and node id; sealing is the node's.
 *
 *   voice body -> MediaSession -> send-voice -> on the routes that PathFinder named
 *   voice packet, probe, report -> by the peer's node and the call's tag -> MediaSession, PathFinder
 */
import type { MediaOrder } from '../call/call-record.ts';
import { type FillerBody, type MediaOutput, MediaSession } from '../media/media-session.ts';
import type { CallPath, VoiceReport } from '../media/quality.ts';
import { callTag } from '../media/voice-packet.ts';
import { PathFinder, type PathOutput } from '../nat/path-finder.ts';
import type { Surroundings } from '../nat/path-port.ts';
import type { Way } from '../nat/path-ways.ts';
import { WideRation } from '../nat/wide-ration.ts';
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { type CallId, hexOf, type NodeId, type UserName } from '../protocol/ids.ts';
import { ENDED_CALL_MEMORY_MS, ENDED_CALLS_MAX, PUNCH_DELAY_MS_MAX } from '../protocol/params.ts';
import { type OpenSocket, type Route, routeKey, type SocketId, sameRoute } from '../protocol/traffic.ts';
import { type CallMediaMessage, type CallMediaOutput, type CallWay, pathInputOf, probeTo } from './call-media-port.ts';

interface Talk {
  readonly call: CallId;
  readonly wire: CallId;
  readonly tag: number;
  readonly node: NodeId;
  readonly peer: UserName;
  readonly session: MediaSession;
  readonly finder: PathFinder;
  routes: readonly Route[];
  path: Route;
  /** The way by which voice was heard last. */
  heardBy: Route | undefined;
  /** What was last said of where signalling goes. */
  signalling: string;
  /** The last way that was proven beside the relay. */
  direct: Route | undefined;
}

/** A call that is over: whoever still sends voice for it has not heard so. */
interface Past {
  readonly wire: CallId;
  readonly tag: number;
  readonly node: NodeId;
  readonly forgetAt: Millis;
}

export interface CallMediaOptions {
  /** Where and how we are seen from outside; nothing of that is known when not said. */
  readonly self?: Surroundings['self'];
  readonly random: Random;
  readonly fillerBody: FillerBody;
  /** Round trip of the signalling with a node, if it is known. */
  readonly rttMs: (node: NodeId) => number | undefined;
  /** The level that an earlier call on this network ended on, and where that of this one is kept. */
  readonly level?: { readonly get: () => number | undefined; readonly set: (now: Millis, level: number) => void };
  /** How a relayed path is to be called, and through whom. */
  readonly relayedPath: (through: NodeId | undefined) => { readonly path: CallPath; readonly via: string };
}

export class CallMedia {
  readonly #options: CallMediaOptions;
  readonly #talks = new Map<CallId, Talk>();
  readonly #wide = new WideRation();
  #nextSocket: SocketId = 1;
  /** Oldest first. */
  #past: Past[] = [];
  /** Our own addresses, to sort out what cannot be reached from here. */
  ours: readonly Endpoint[] = [];
  /** The supernodes that forward for us. */
  #relays: readonly NodeId[] = [];
  #out: CallMediaOutput[] = [];

  constructor(options: CallMediaOptions) {
    this.#options = options;
  }

  start(now: Millis, order: Extract<MediaOrder, { type: 'media-start' }>): void {
    const { call, wire, node, peer, remoteCandidates, remoteRelays } = order;
    const { random, fillerBody } = this.#options;
    const relay: Route = { via: 'forward', node };
    const relays = { ours: this.#relays, theirs: remoteRelays };
    const punchAfterMs = order.tellsLast ? Math.min(this.#oneWayMs(node), PUNCH_DELAY_MS_MAX) : 0;
    const talk: Talk = {
      call,
      wire,
      tag: callTag(wire),
      node,
      peer,
      session: new MediaSession(now, { wire, fillerBody, begin: this.#options.level?.get() }),
      finder: new PathFinder(now, {
        ...{ wire, node, relays, remoteCandidates, ours: this.ours, random, punchAfterMs },
        surroundings: this.surroundingsOf(node),
      }),
      routes: [relay],
      path: relay,
      heardBy: undefined,
      direct: undefined,
      signalling: '',
    };
    this.#talks.set(call, talk);
    this.#drainTalk(now, talk);
  }

  /** The other end may be met at these addresses as well. */
  candidates(now: Millis, order: Extract<MediaOrder, { type: 'media-candidates' }>): void {
    const { call, remoteCandidates, remoteRelays } = order;
    const talk = this.#talks.get(call);
    if (!talk) return;
    talk.finder.command(now, { type: 'relays', relays: { theirs: remoteRelays } });
    talk.finder.command(now, { type: 'candidates', remoteCandidates });
    this.#drainTalk(now, talk);
    this.#signal(talk);
  }

  /** Answers at once, for whoever looks at it: nothing is kept for that. */
  tellWays(now: Millis, ticket: number): void {
    const calls = [...this.#talks.values()].map(({ call, peer, finder }) => {
      return { call, peer, ways: finder.ways(now).map((way) => this.#named(way)) };
    });
    this.#out.push({ type: 'call-ways', ticket, calls });
  }

  #named({ kind, through, ...way }: Way): CallWay {
    if (kind !== 'relay') return { kind, ...way };
    const { path, via } = this.#options.relayedPath(through);
    return { kind: path, ...way, ...(via === '' ? {} : { via }) };
  }

  /** The supernodes that forward for us have changed. */
  setRelays(now: Millis, relays: readonly NodeId[]): void {
    this.#relays = relays;
    for (const talk of this.#talks.values()) {
      talk.finder.command(now, { type: 'relays', relays: { ours: relays } });
      this.#drainTalk(now, talk);
      this.#signal(talk);
    }
  }

  get talking(): boolean {
    return this.#talks.size > 0;
  }

  /** All calls there are, if any. */
  get onHold(): boolean {
    return [...this.#talks.values()].every(({ session }) => session.onHold);
  }

  /** What the path finder of a call with this node may ask of us; that of a silent test likewise, with the same rations. */
  surroundingsOf(node: NodeId): Surroundings {
    return {
      self: this.#options.self ?? (() => ({ reflexive: undefined, mapping: 'unknown' })),
      rttMs: () => this.#options.rttMs(node),
      socketNumbers: (count) => {
        this.#nextSocket += count;
        return this.#nextSocket - count;
      },
      mayGoWide: (now) => this.#wide.admit(now, node),
      wentWide: (now) => this.#wide.succeeded(now, node),
    };
  }

  /** Temporary sockets are open; each path finder knows its own. */
  socketsOpen(now: Millis, sockets: readonly OpenSocket[]): void {
    for (const talk of this.#talks.values()) {
      talk.finder.receive(now, { type: 'sockets-open', sockets });
      this.#drainTalk(now, talk);
    }
  }

  /** Our supernode tells where it sees this node. */
  vouched(now: Millis, node: NodeId, host: string): void {
    for (const talk of this.#talks.values()) {
      if (talk.node !== node) continue;
      talk.finder.receive(now, { type: 'vouched', host });
      this.#drainTalk(now, talk);
    }
  }

  /** Until something that is said now is known there. */
  #oneWayMs(node: NodeId): number {
    return (this.#options.rttMs(node) ?? 0) / 2;
  }

  stop(now: Millis, call: CallId): void {
    const talk = this.#talks.get(call);
    if (!talk) return;
    talk.finder.command(now, { type: 'stop' });
    this.#drainTalk(now, talk);
    const level = talk.session.level(now);
    if (level !== undefined) this.#options.level?.set(now, level);
    this.#talks.delete(call);
    const { wire, tag, node } = talk;
    this.#past = [...this.#past, { wire, tag, node, forgetAt: now + ENDED_CALL_MEMORY_MS }].slice(-ENDED_CALLS_MAX);
    this.#out.push({ type: 'media-totals', call, totals: talk.session.totals() });
    // The last words of a call may still be on their way, and the supernode may be gone: both ways are kept.
    const route: Route = { via: 'forward', node: talk.node };
    const isOpen = talk.direct?.via === 'udp' && talk.direct.socket === undefined;
    this.#out.push({ type: 'use-route', node: talk.node, route, fallback: isOpen ? talk.direct : undefined });
  }

  stopAll(): void {
    const sockets: SocketId[] = [];
    for (const talk of this.#talks.values()) {
      talk.finder.command(0, { type: 'stop' });
      for (const output of talk.finder.drain()) if (output.type === 'close-sockets') sockets.push(...output.sockets);
    }
    if (sockets.length > 0) this.#out.push({ type: 'close-sockets', sockets });
    this.#talks.clear();
    this.#past = [];
  }

  hold(now: Millis, call: CallId, on: boolean): void {
    const talk = this.#talks.get(call);
    if (!talk) return;
    talk.session.command(now, { type: 'hold', on });
    talk.finder.command(now, { type: 'hold', on });
    this.#drainTalk(now, talk);
  }

  /** A body from the voice end; it becomes ours. */
  voice(now: Millis, call: CallId, body: Buffer): void {
    const talk = this.#talks.get(call);
    if (!talk) return;
    talk.session.receive(now, { type: 'voice', body });
    this.#drainTalk(now, talk);
  }

  /** What the voice end tells of itself; undefined: it died. */
  stats(now: Millis, call: CallId, stats: VoiceReport | undefined): void {
    this.#talks.get(call)?.session.command(now, { type: 'voice-stats', stats });
  }

  /** A supernode has dropped packets that it should have forwarded for us: we send too much. */
  quota(now: Millis): void {
    for (const talk of this.#talks.values()) {
      if (talk.path.via === 'forward') talk.session.command(now, { type: 'quota' });
      this.#drainTalk(now, talk);
    }
  }

  /** So much waits in our end of the stream by which `goesBy` says that a route leads. */
  backlog(now: Millis, bytes: number, goesBy: (route: Route) => boolean): void {
    for (const talk of this.#talks.values()) {
      if (goesBy(talk.path)) talk.session.command(now, { type: 'backlog', bytes });
      this.#drainTalk(now, talk);
    }
  }

  /** Our network changed: every path is doubted at once. */
  doubt(now: Millis): void {
    for (const talk of this.#talks.values()) {
      talk.finder.command(now, { type: 'doubt' });
      this.#drainTalk(now, talk);
    }
  }

  /** Nothing can be sent there from here. */
  noWay(now: Millis, to: Endpoint): void {
    const route: Route = { via: 'udp', endpoint: to };
    for (const talk of this.#talks.values()) {
      if (!sameRoute(talk.path, route)) continue;
      talk.finder.command(now, { type: 'doubt' });
      this.#drainTalk(now, talk);
    }
  }

  /** An opened voice packet of a node's session; the call or leg it is of, while that runs. */
  arrived(now: Millis, node: NodeId, route: Route, bytes: Buffer): CallId | undefined {
    const tag = (bytes[0] ?? 0) & 0x7f;
    for (const talk of this.#talks.values()) {
      if (talk.node !== node || talk.tag !== tag) continue;
      talk.finder.receive(now, { type: 'heard', route });
      const elsewhere = talk.heardBy !== undefined && !sameRoute(talk.heardBy, route);
      talk.heardBy = route;
      talk.session.receive(now, { type: 'arrived', bytes, elsewhere });
      this.#drainTalk(now, talk);
      return talk.call;
    }
    const over = this.#past.findLast((past) => past.node === node && past.tag === tag && now < past.forgetAt);
    if (over) this.#out.push({ type: 'alive', call: over.wire });
    return undefined;
  }

  /** What concerns the media of a call, from a node. */
  receive(now: Millis, node: NodeId, route: Route, value: CallMediaMessage): void {
    const input = pathInputOf(route, value);
    for (const talk of this.#talks.values()) {
      if (talk.node !== node) continue;
      // A reply names no call: each path finder knows its own probes.
      if (value.kind !== 'pathReply' && hexOf(value.body.callId) !== talk.wire) continue;
      if (input) talk.finder.receive(now, input);
      else if (value.kind === 'mediaReport') talk.session.receive(now, { type: 'report', report: value.body });
      this.#drainTalk(now, talk);
    }
  }

  wake(now: Millis): void {
    for (const talk of this.#talks.values()) {
      if (now >= talk.session.wakeAt()) talk.session.wake(now);
      if (now >= talk.finder.wakeAt()) talk.finder.wake(now);
      this.#drainTalk(now, talk);
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const talk of this.#talks.values()) at = Math.min(at, talk.session.wakeAt(), talk.finder.wakeAt());
    return at;
  }

  drain(): CallMediaOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #drainTalk(now: Millis, talk: Talk): void {
    for (const output of talk.finder.drain()) this.#fromFinder(now, talk, output);
    for (const output of talk.session.drain()) this.#fromSession(talk, output);
  }

  #fromFinder(now: Millis, talk: Talk, output: PathOutput): void {
    const { node, call } = talk;
    switch (output.type) {
      case 'probe':
        this.#out.push(probeTo(node, output));
        return;
      case 'open-sockets':
      case 'close-sockets':
        this.#out.push(output);
        return;
      case 'vouch':
        this.#out.push({ type: 'vouch', node });
        return;
      case 'tell':
        this.#out.push({ type: 'send', to: talk.peer, node, message: output.message });
        return;
      case 'reply':
        this.#out.push({ type: 'send-datagram', node, message: output.message, route: output.to });
        return;
      case 'send-on':
        talk.routes = output.routes;
        return;
      case 'relay-silent':
        this.#out.push(output);
        return;
      case 'contact':
        this.#out.push({ type: 'reconnecting', call, on: output.lost });
        return;
      case 'path': {
        const { route } = output;
        const relayed = route.via === 'forward' ? this.#options.relayedPath(route.through) : undefined;
        const path = relayed?.path ?? output.path;
        talk.session.command(now, { type: 'path', path });
        if (!relayed) talk.direct = route;
        talk.path = route;
        this.#signal(talk);
        this.#out.push(relayed ? { type: 'path', call, path, via: relayed.via } : { type: 'path', call, path });
      }
    }
  }

  /** Signalling goes where voice goes; what has to be repeated, by a relay too, or by another. */
  #signal(talk: Talk): void {
    const { node, path, direct } = talk;
    const [relay, other] = talk.finder.relays();
    const fallback = path.via === 'forward' ? (other ?? direct) : relay;
    const text = [path, fallback].map((route) => route && routeKey(route)).join();
    if (text !== talk.signalling) this.#out.push({ type: 'use-route', node, route: path, fallback });
    talk.signalling = text;
  }

  #fromSession(talk: Talk, output: MediaOutput): void {
    const { node, call } = talk;
    switch (output.type) {
      case 'send-voice':
        this.#out.push({ type: 'send-voice', node, bytes: output.bytes, routes: talk.routes });
        return;
      case 'send-datagram': {
        const route = talk.routes[0];
        if (route) this.#out.push({ type: 'send-datagram', node, message: output.message, route });
        return;
      }
      case 'play':
        this.#out.push({ type: 'play', call, body: output.body, arrivalMs: output.arrivalMs });
        return;
      case 'rung':
        this.#out.push({ type: 'rung', call, rung: output.rung });
        return;
      case 'quality':
        this.#out.push({ type: 'quality', call, quality: output.quality });
        return;
      case 'alive':
        this.#out.push({ type: 'alive', call });
    }
  }
}
