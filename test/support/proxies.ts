/**
 * Two small proxies on real sockets, for tests: HTTP CONNECT with or without a password, and SOCKS5. Both pass on to
 * `reach(host, port)`, so that a test decides what stands at port 443 and what cannot be reached, and both remember who
 * was asked for. `test/lab/proxy.mjs` is the same CONNECT proxy as a program.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Where a connection asked for really leads; undefined: nowhere. */
export type Reach = (host: string, port: number) => { readonly host: string; readonly port: number } | undefined;

export interface TestProxy {
  readonly port: number;
  /** `HOST:PORT` of each connection asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export interface TestProxyOptions {
  readonly reach: Reach;
  /** `user:password`. */
  readonly login?: string;
}

export function connectProxy({ reach, login }: TestProxyOptions): Promise<TestProxy> {
  const asked: string[] = [];
  return listen(asked, (client) => {
    let head = '';
    client.on('data', function take(bytes: Buffer) {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      client.off('data', take);
      client.pause();
      const [, host = '', port = ''] = /^CONNECT (.+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      const proof = /^Proxy-Authorization: Basic (\S+)\r$/m.exec(head)?.[1] ?? '';
      asked.push(`${host}:${port}`);
      if (login !== undefined && Buffer.from(proof, 'base64').toString() !== login) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\nno');
        return;
      }
      const target = reach(host.replace(/^\[|\]$/g, ''), Number(port));
      if (target)
        join(client, target, 'HTTP/1.1 200 Connection established\r\n\r\n', 'HTTP/1.1 502 Bad Gateway\r\n\r\n');
      else client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
  });
}

export function socksProxy({ reach, login }: TestProxyOptions): Promise<TestProxy> {
  const asked: string[] = [];
  return listen(asked, (client) => {
    let held = Buffer.alloc(0);
    const steps: ((bytes: Buffer) => number)[] = [greeting, ...(login === undefined ? [] : [proof]), request];
    client.on('data', function take(bytes: Buffer) {
      held = Buffer.concat([held, bytes]);
      for (let step = steps[0]; step; step = steps[0]) {
        const used = step(held);
        if (used === 0) return;
        held = held.subarray(used);
        steps.shift();
      }
      client.off('data', take);
    });
    function greeting(bytes: Buffer): number {
      const length = 2 + (bytes[1] ?? 0);
      if (bytes.length < length) return 0;
      const wanted = login === undefined ? 0 : 2;
      const offered = bytes.subarray(2, length).includes(wanted);
      if (offered) client.write(Buffer.from([5, wanted]));
      else client.end(Buffer.from([5, 255]));
      return length;
    }
    function proof(bytes: Buffer): number {
      const userLength = bytes[1] ?? 0;
      const passwordLength = bytes[2 + userLength] ?? 0;
      const length = 3 + userLength + passwordLength;
      if (bytes.length < length) return 0;
      const given = `${bytes.subarray(2, 2 + userLength)}:${bytes.subarray(3 + userLength, length)}`;
      if (given === login) client.write(Buffer.from([1, 0]));
      else client.end(Buffer.from([1, 1]));
      return length;
    }
    function request(bytes: Buffer): number {
      const length = { 1: 10, 3: 7 + (bytes[4] ?? 0), 4: 22 }[bytes[3] ?? 0] ?? 0;
      if (length === 0 || bytes.length < length) return 0;
      const host = hostOf(bytes.subarray(3, length - 2));
      const port = bytes.readUInt16BE(length - 2);
      asked.push(`${host}:${port}`);
      client.pause();
      const target = reach(host, port);
      if (target) join(client, target, socksReply(0), socksReply(4));
      else client.end(socksReply(2));
      return length;
    }
  });
}

function hostOf(address: Buffer): string {
  if (address[0] === 3) return address.subarray(2).toString('latin1');
  if (address[0] === 1) return address.subarray(1).join('.');
  return address.subarray(1).toString('hex').match(/.{4}/g)?.join(':') ?? '';
}

function socksReply(code: number): Buffer {
  return Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}

function join(
  client: Socket,
  target: { host: string; port: number },
  good: string | Buffer,
  bad: string | Buffer,
): void {
  const far = connect(target);
  far.once('connect', () => {
    client.write(good);
    client.pipe(far).pipe(client);
  });
  far.on('error', () => (far.bytesRead === 0 ? client.end(bad) : client.end()));
  client.on('close', () => far.destroy());
  far.on('close', () => client.end());
}

/** A listener that answers every connection as it is told to, for proxies that misbehave. */
export async function listen(asked: string[], serve: (client: Socket) => void): Promise<TestProxy> {
  const clients = new Set<Socket>();
  const server: Server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    serve(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: () => {
      for (const client of clients) client.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
