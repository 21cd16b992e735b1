/**
 * Gateways that give out ports, over real sockets on loopback: one that speaks PCP or only NAT-PMP, one that speaks UPnP
 * (IGD 2: its description and SOAP; a search by SSDP is answered where multicast works). They keep what they gave.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GivenPort {
  readonly protocol: 'udp' | 'tcp';
  readonly inner: number;
  readonly outer: number;
  readonly lifetimeS: number;
  readonly client: string;
}

export interface ControlBehaviour {
  readonly speaks: 'pcp' | 'nat-pmp' | 'nothing';
  readonly outerHost: string;
  /** Added to the inner port. */
  readonly shift: number;
  readonly lifetimeS: number;
  /** Result code of all answers; 0 is success. */
  readonly result: number;
  /** So many packets are not heard. */
  lost: number;
  /** Answers of NAT-PMP have so many bytes at most. */
  readonly cutTo: number;
}

const PROTOCOLS = new Map<number, 'udp' | 'tcp'>([
  [17, 'udp'],
  [6, 'tcp'],
]);

export class FakeControlGateway {
  readonly given = new Map<string, GivenPort>();
  readonly heard: Buffer[] = [];
  readonly behaviour: ControlBehaviour;
  #socket: Socket | undefined;
  #loseFrom = 0;

  constructor(behaviour: Partial<ControlBehaviour> = {}) {
    const usual = {
      speaks: 'pcp',
      outerHost: '203.0.113.9',
      shift: 1000,
      lifetimeS: 7200,
      result: 0,
      lost: 0,
      cutTo: 64,
    } as const;
    this.behaviour = { ...usual, ...behaviour };
  }

  /** Resolves with its port; 0 is any. */
  async start(host = '127.0.0.1', port = 0): Promise<number> {
    const socket = createSocket('udp4');
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      this.heard.push(bytes);
      if (this.behaviour.lost > 0 && this.heard.length > this.#loseFrom) this.behaviour.lost -= 1;
      else for (const answer of this.#answers(bytes, from.address)) socket.send(answer, from.port, from.address);
    });
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket.address().port;
  }

  /** So many packets are not heard, once so many others were. */
  loseAfter(heard: number, lost: number): void {
    this.#loseFrom = heard;
    this.behaviour.lost = lost;
  }

  stop(): void {
    this.#socket?.close();
  }

  #answers(bytes: Buffer, client: string): Buffer[] {
    const { speaks } = this.behaviour;
    if (speaks === 'nothing') return [];
    if (bytes[0] === 2)
      return speaks === 'pcp' ? [this.#pcp(bytes)] : [Buffer.from([0, 0x80 | (bytes[1] ?? 0), 0, 1, 0, 0, 0, 9])];
    if (speaks === 'pcp') return [];
    const answer = bytes[1] === 0 ? this.#address() : this.#natPmp(bytes, client);
    return [answer.subarray(0, this.behaviour.cutTo)];
  }

  #pcp(request: Buffer): Buffer {
    const { outerHost, shift, lifetimeS, result } = this.behaviour;
    const answer = Buffer.from(request);
    const wanted = request.readUInt32BE(4);
    const inner = request.readUInt16BE(40);
    answer[1] = 0x81;
    answer[3] = result;
    answer.writeUInt32BE(wanted === 0 ? 0 : lifetimeS, 4);
    answer.writeUInt32BE(77, 8);
    answer.fill(0, 12, 24);
    answer.writeUInt16BE(inner + shift, 42);
    answer.set(outerHost.split('.').map(Number), 56);
    if (result === 0)
      this.#book(PROTOCOLS.get(request[36] ?? 0) ?? 'udp', inner, wanted, [...request.subarray(20, 24)].join('.'));
    return answer;
  }

  #natPmp(request: Buffer, client: string): Buffer {
    const { shift, lifetimeS, result } = this.behaviour;
    const answer = Buffer.alloc(16);
    const wanted = request.readUInt32BE(8);
    const inner = request.readUInt16BE(4);
    answer[1] = 0x80 | (request[1] ?? 0);
    answer.writeUInt16BE(result, 2);
    answer.writeUInt16BE(inner, 8);
    answer.writeUInt16BE(wanted === 0 ? 0 : inner + shift, 10);
    answer.writeUInt32BE(wanted === 0 ? 0 : lifetimeS, 12);
    if (result === 0) this.#book(request[1] === 2 ? 'tcp' : 'udp', inner, wanted, client);
    return answer;
  }

  #address(): Buffer {
    const answer = Buffer.alloc(12);
    answer[1] = 0x80;
    answer.set(this.behaviour.outerHost.split('.').map(Number), 8);
    return answer;
  }

  #book(protocol: 'udp' | 'tcp', inner: number, lifetimeS: number, client: string): void {
    const key = `${protocol} ${inner}`;
    if (lifetimeS === 0) this.given.delete(key);
    else this.given.set(key, { protocol, inner, outer: inner + this.behaviour.shift, lifetimeS, client });
  }
}

const DEVICE_TYPE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2';
const SERVICE_TYPE = 'urn:schemas-upnp-org:service:WANIPConnection:2';

const DESCRIPTION = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion>
<device><deviceType>${DEVICE_TYPE}</deviceType><friendlyName>fake</friendlyName><UDN>uuid:fake-gateway</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:2</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:2</deviceType><serviceList><service>
<serviceType>${SERVICE_TYPE}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<controlURL>/control</controlURL><eventSubURL>/events</eventSubURL><SCPDURL>/scpd.xml</SCPDURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>`;

export class FakeIgd {
  readonly given = new Map<string, GivenPort>();
  readonly actions: string[] = [];
  readonly #outerHost: string;
  #server: Server | undefined;
  #ssdp: Socket | undefined;

  constructor(outerHost = '203.0.113.9') {
    this.#outerHost = outerHost;
  }

  /** Resolves with the address of its description. `searchable`: the address at which searches find it. */
  async start(host = '127.0.0.1', { searchable = false } = {}): Promise<string> {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        response.setHeader('Content-Type', 'text/xml; charset="utf-8"');
        response.end(request.url === '/control' ? this.#act(body) : DESCRIPTION);
      });
    });
    this.#server.listen(0, host);
    await once(this.#server, 'listening');
    const location = `http://${host}:${(this.#server.address() as AddressInfo).port}/desc.xml`;
    if (searchable) await this.#answerSearches(host, location);
    return location;
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#ssdp?.close();
  }

  async #answerSearches(host: string, location: string): Promise<void> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.#ssdp = socket;
    socket.bind(1900);
    await once(socket, 'listening');
    socket.addMembership('239.255.255.250', host);
    socket.on('message', (bytes, from) => {
      if (!bytes.toString().startsWith('M-SEARCH') || !bytes.includes('InternetGatewayDevice')) return;
      const head = ['HTTP/1.1 200 OK', 'CACHE-CONTROL: max-age=1800', 'EXT:', `LOCATION: ${location}`, 'SERVER: fake'];
      const lines = [...head, `ST: ${DEVICE_TYPE}`, `USN: uuid:fake-gateway::${DEVICE_TYPE}`, '', ''];
      socket.send(lines.join('\r\n'), from.port, from.address);
    });
  }

  #act(body: string): string {
    const action = /<u:(\w+)/.exec(body)?.[1] ?? '';
    const field = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '';
    this.actions.push(action);
    const protocol = field('NewProtocol') === 'TCP' ? 'tcp' : 'udp';
    const outer = Number(field('NewExternalPort'));
    let out = '';
    if (action === 'AddAnyPortMapping') {
      const given = {
        protocol,
        inner: Number(field('NewInternalPort')),
        outer,
        client: field('NewInternalClient'),
      } as const;
      this.given.set(`${protocol} ${outer}`, { ...given, lifetimeS: Number(field('NewLeaseDuration')) });
      out = `<NewReservedPort>${outer}</NewReservedPort>`;
    } else if (action === 'DeletePortMapping' && field('NewProtocol') !== '') this.given.delete(`${protocol} ${outer}`);
    else if (action === 'GetExternalIPAddress') out = `<NewExternalIPAddress>${this.#outerHost}</NewExternalIPAddress>`;
    return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action}Response xmlns:u="${SERVICE_TYPE}">${out}</u:${action}Response></s:Body></s:Envelope>`;
  }
}
