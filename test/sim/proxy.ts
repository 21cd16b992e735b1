/**
 * A proxy in a simulated world: the client's half, which `SimSockets` puts before a stream that is wanted through it,
 * and the server's, a core that runs on a host like any other. They speak two lines, `CONNECT HOST PORT` and `OK` or
 * `NO`: as many round trips as the real dialogues of `src/net/io/proxy-*.ts`, which are tested on real sockets.
 */
import type { Core, Millis } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { NetInput, NetOutput, StreamId } from '../../src/net/protocol/traffic.ts';

const END = '\n';

type Act = Extract<NetOutput, { type: 'write-stream' | 'close-stream' }>;

/** The streams of one node that go through its proxy, until they stand. */
export class SimTunnels {
  readonly #asking = new Map<StreamId, { readonly to: Endpoint; heard: string; readonly early: Buffer[] }>();

  begin(stream: StreamId, to: Endpoint): void {
    this.#asking.set(stream, { to, heard: '', early: [] });
  }

  /** True when the write waits until the tunnel stands. */
  holds(stream: StreamId, bytes: Buffer): boolean {
    return this.#asking.get(stream)?.early.push(bytes) !== undefined;
  }

  forget(stream: StreamId): void {
    this.#asking.delete(stream);
  }

  /** What a core is to hear of an input, and what is to be done on its stream. */
  pass(input: NetInput): { readonly tell: readonly NetInput[]; readonly act: readonly Act[] } {
    const known = 'stream' in input ? this.#asking.get(input.stream) : undefined;
    if (!known || !('stream' in input)) return { tell: [input], act: [] };
    const { stream } = input;
    if (input.type === 'stream-open') {
      const bytes = Buffer.from(`CONNECT ${known.to.host} ${known.to.port}${END}`);
      return { tell: [], act: [{ type: 'write-stream', stream, bytes }] };
    }
    if (input.type === 'stream-closed') {
      this.#asking.delete(stream);
      return { tell: [{ type: 'stream-closed', stream, why: 'proxy-unreachable' }], act: [] };
    }
    if (input.type === 'stream-backlog') return { tell: [], act: [] };
    known.heard += input.bytes.toString('latin1');
    const end = known.heard.indexOf(END);
    if (end < 0) return { tell: [], act: [] };
    this.#asking.delete(stream);
    if (known.heard.slice(0, end) !== 'OK') {
      const closed = { type: 'stream-closed', stream, why: 'proxy-refused' } as const;
      return { tell: [closed], act: [{ type: 'close-stream', stream }] };
    }
    const rest = Buffer.from(known.heard.slice(end + 1), 'latin1');
    const opened = { type: 'stream-open', stream, remote: known.to, incoming: false } as const;
    return {
      tell: rest.length > 0 ? [opened, { type: 'stream-bytes', stream, bytes: rest }] : [opened],
      act: known.early.map((bytes) => ({ type: 'write-stream', stream, bytes })),
    };
  }
}

/** Lets everybody through to these ports, and nowhere else. */
export class SimProxy implements Core<NetInput, never, NetOutput> {
  readonly #ports: readonly number[];
  /** Both ends of what stands, and those who have not said yet where to. */
  readonly #other = new Map<StreamId, StreamId>();
  readonly #asking = new Map<StreamId, string>();
  #next = 1;
  #out: NetOutput[] = [];

  constructor(ports: readonly number[] = [443]) {
    this.#ports = ports;
  }

  receive(_now: Millis, input: NetInput): void {
    if (input.type === 'stream-open') this.#opened(input.stream, input.incoming);
    else if (input.type === 'stream-bytes') this.#heard(input.stream, input.bytes);
    else if (input.type === 'stream-closed') this.#ended(input.stream);
  }

  command(): void {}
  wake(): void {}

  wakeAt(): Millis {
    return Number.POSITIVE_INFINITY;
  }

  drain(): NetOutput[] {
    return this.#out.splice(0);
  }

  #opened(stream: StreamId, incoming: boolean): void {
    const client = this.#other.get(stream);
    if (incoming) this.#asking.set(stream, '');
    else if (client !== undefined) this.#say(client, Buffer.from(`OK${END}`));
  }

  #heard(stream: StreamId, bytes: Buffer): void {
    const asked = this.#asking.get(stream);
    const other = this.#other.get(stream);
    if (other !== undefined) return this.#say(other, bytes);
    if (asked === undefined) return;
    const line = asked + bytes.toString('latin1');
    this.#asking.set(stream, line);
    const [, host = '', port = ''] = /^CONNECT (\S+) (\d+)\n$/.exec(line) ?? [];
    if (host === '') return;
    this.#asking.delete(stream);
    if (!this.#ports.includes(Number(port))) {
      this.#say(stream, Buffer.from(`NO${END}`));
      return;
    }
    const far = this.#next++;
    this.#other.set(stream, far).set(far, stream);
    this.#out.push({ type: 'open-stream', stream: far, to: { carrier: 'tcp', host, port: Number(port) } });
  }

  #ended(stream: StreamId): void {
    const other = this.#other.get(stream);
    this.#asking.delete(stream);
    this.#other.delete(stream);
    if (other === undefined) return;
    this.#other.delete(other);
    this.#out.push({ type: 'close-stream', stream: other });
  }

  #say(stream: StreamId, bytes: Buffer): void {
    this.#out.push({ type: 'write-stream', stream, bytes });
  }
}
