/** The boxes of the lab do what the common table says (`../boxes.ts`), as the simulated ones do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Address, BINDING_S, BOX_TABLE, type BoxSocket, type BoxStage, expectedOf, type Heard } from '../boxes.ts';
import { PLACES, type Place } from '../places.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import { Puppet } from './puppet.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED what the boxes of the network lab do: ${support.why}`);

const PATIENCE_MS = 400;
const DIAL_MS = 700;
/** A handshake takes turns, on a machine that may be busy. */
const DIAL_TLS_MS = 3_000;
const FIRST_HEX = { words: Buffer.from('hello').toString('hex'), 'classic face': '1603010000' } as const;
/** Below the ports that systems give by themselves, and out of the range of the carrier's box. */
const PORTS_FROM = 5_000;

const hostOf = (machine: string, place: Place): string =>
  machine === 'inside' || machine === 'neighbour' ? `${machine}-${place.toLowerCase().replace("'", 't')}` : machine;

class LabStage implements BoxStage {
  readonly stage = 'lab';
  readonly place: Place;
  readonly #puppets: ReadonlyMap<string, Puppet>;
  readonly #nextPort: () => number;

  constructor(place: Place, puppets: ReadonlyMap<string, Puppet>, nextPort: () => number) {
    this.place = place;
    this.#puppets = puppets;
    this.#nextPort = nextPort;
  }

  async socket(machine: string): Promise<BoxSocket> {
    const puppet = this.#puppet(machine);
    const socket = await puppet.udp({ port: this.#nextPort() });
    return {
      here: { host: puppet.address, port: socket.port },
      send: ({ host, port }: Address, text: string, ttl?: number) =>
        puppet.send(socket, { host, port }, { text, ...(ttl === undefined ? {} : { ttl }) }),
      async hears(count: number): Promise<readonly Heard[]> {
        if (count > 0) await puppet.arrival(socket, { after: count - 1, limitMs: PATIENCE_MS });
        return puppet.arrivals(socket);
      },
    };
  }

  async dial(port: 4001 | 443, first: 'words' | 'classic face' | 'tls') {
    const tls = first === 'tls';
    const to = { host: this.#puppet(tls || port === 4001 ? 'one' : 'two').address, port };
    const hex = FIRST_HEX[tls ? 'words' : first];
    const { how } = await this.#puppet('inside').dial(to, { hex, tls, waitMs: tls ? DIAL_TLS_MS : DIAL_MS });
    return how as 'answered' | 'reset' | 'silence';
  }

  pass(ms: number): Promise<void> {
    return sleep(ms);
  }

  #puppet(machine: string): Puppet {
    const puppet = this.#puppets.get(hostOf(machine, this.place));
    if (!puppet) throw new Error(`nobody plays ${machine} of ${this.place}`);
    return puppet;
  }
}

describe.skipIf(!support.ok)('a box of the lab', () => {
  let lab: Lab;
  const puppets = new Map<string, Puppet>();
  let port = PORTS_FROM;
  beforeAll(async () => {
    lab = await Lab.start();
    const hosts: [string, Place][] = [
      ['one', 'PUB'],
      ['two', 'PUB'],
      ...PLACES.map((place): [string, Place] => [hostOf('inside', place), place]),
      ...(['SAME', 'CGN'] as const).map((place): [string, Place] => [hostOf('neighbour', place), place]),
    ];
    for (const [host, place] of hosts) await lab.place(place, host, { bindingS: [BINDING_S, BINDING_S] });
    await Promise.all(hosts.map(async ([host]) => puppets.set(host, await Puppet.on(lab, host))));
    const [one, two] = [puppets.get('one')!, puppets.get('two')!];
    await Promise.all([one.listen(4001), one.listen(443, { tls: true }), two.listen(443)]);
  });
  afterAll(() => lab?.stop());

  it.concurrent.each(BOX_TABLE)('$place: $what ... as the table says', async ({ place, scene }) => {
    const stage = new LabStage(place, puppets, () => ++port);
    expect(await scene.play(stage)).toBe(expectedOf(scene, place, 'lab'));
  });
});
