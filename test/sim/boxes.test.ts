/** The simulated boxes do what the common table says (`../boxes.ts`), as those of the lab do. */
import { expect, it } from 'vitest';
import type { NetInput, NetOutput } from '../../src/net/protocol/traffic.ts';
import { type Address, BINDING_S, BOX_TABLE, type BoxSocket, type BoxStage, expectedOf, type Heard } from '../boxes.ts';
import type { Place } from '../places.ts';
import { tlsHellos } from '../support/tls-hellos.ts';
import { LINUX_LIFETIMES } from './nat-box.ts';
import { place } from './places.ts';
import { World } from './world.ts';

const PATIENCE_MS = 500;
/** As the real sockets give up; none of these servers is further away than a few milliseconds. */
const DIAL_MS = 8_000;
const LIFETIMES = {
  ...LINUX_LIFETIMES,
  udpUnrepliedMs: BINDING_S * 1000,
  udpRepliedMs: BINDING_S * 1000,
};
const hellos = tlsHellos();

class SimStage implements BoxStage {
  readonly stage = 'simulator';
  readonly place: Place;
  readonly #world = new World({ seed: 1 });
  #port = 5_000;

  constructor(where: Place) {
    this.place = where;
    for (const name of ['inside', 'neighbour']) place(this.#world, where, name, { lifetimes: LIFETIMES });
    for (const name of ['one', 'two']) this.#world.host(name);
  }

  async socket(machine: string): Promise<BoxSocket> {
    const world = this.#world;
    const port = ++this.#port;
    const heard: Heard[] = [];
    const sockets = world.host(machine).sockets(port);
    sockets.start((input: NetInput) => {
      if (input.type === 'datagram') heard.push({ ...input.from, text: input.bytes.toString() });
    });
    return {
      here: { host: world.host(machine).address, port },
      async send(to: Address, text: string, ttl?: number) {
        const output: NetOutput = { type: 'send-datagram', to: { carrier: 'udp', ...to }, bytes: Buffer.from(text) };
        sockets.perform(ttl === undefined ? output : { ...output, ttl });
      },
      async hears(count: number) {
        for (const end = world.now + PATIENCE_MS; heard.length < count && world.now < end; ) world.advance(5);
        return [...heard];
      },
    };
  }

  async dial(port: 4001 | 443, first: 'words' | 'classic face' | 'tls') {
    const world = this.#world;
    const { client, server } = await hellos;
    const says = { words: Buffer.from('hello'), 'classic face': Buffer.from('1603010000', 'hex'), tls: client }[first];
    const name = `server ${port} ${first}`;
    const outside = world.host(name).sockets(4001, { alsoTcpPorts: [443] });
    outside.start((input) => {
      const bytes = Buffer.from(first === 'tls' ? server : 'welcome');
      if (input.type === 'stream-bytes') outside.perform({ type: 'write-stream', stream: input.stream, bytes });
    });
    const told: string[] = [];
    const inside = world.host('inside').sockets(++this.#port);
    inside.start((input) => told.push(input.type === 'stream-closed' ? input.why : input.type));
    inside.perform({ type: 'open-stream', stream: 1, to: { carrier: 'tcp', host: world.host(name).address, port } });
    inside.perform({ type: 'write-stream', stream: 1, bytes: Buffer.from(says) });
    world.advance(DIAL_MS);
    if (told.includes('stream-bytes')) return 'answered';
    return told.includes('reset') ? 'reset' : 'silence';
  }

  async pass(ms: number): Promise<void> {
    this.#world.advance(ms);
  }
}

it.each(BOX_TABLE)('$place: $what ... as the table says', async ({ place: where, scene }) => {
  expect(await scene.play(new SimStage(where))).toBe(expectedOf(scene, where, 'simulator'));
});
