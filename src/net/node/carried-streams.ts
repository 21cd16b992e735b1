/**
 * Streams that are no connection of their own, but a channel of `LoginCarry` messages in the session with a supernode:
 * which stream is which channel of which session. The client's node and the login server's node each keep one;
 * `carriers.ts` treats the streams as any other.
 */
import type { StreamId } from '../protocol/traffic.ts';
import type { SessionId } from '../transport/switchboard.ts';

export interface CarriedChannel {
  readonly session: SessionId;
  readonly channel: number;
}

export class CarriedStreams {
  readonly #channels = new Map<StreamId, CarriedChannel>();

  add(stream: StreamId, channel: CarriedChannel): void {
    this.#channels.set(stream, channel);
  }

  channelOf(stream: StreamId): CarriedChannel | undefined {
    return this.#channels.get(stream);
  }

  streamOf(session: SessionId, channel: number): StreamId | undefined {
    for (const [stream, one] of this.#channels) if (one.session === session && one.channel === channel) return stream;
    return undefined;
  }

  /** Those that ended with this session. */
  streamsOf(session: SessionId): StreamId[] {
    return [...this.#channels].filter(([, one]) => one.session === session).map(([stream]) => stream);
  }

  /** All there are; may be changed meanwhile. */
  list(): [StreamId, CarriedChannel][] {
    return [...this.#channels];
  }

  delete(stream: StreamId): void {
    this.#channels.delete(stream);
  }
}
