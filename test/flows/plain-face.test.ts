/**
 * What somebody sees of us who filters packets by their bytes and has no invite (figure S9).
 *
 * The statistics: 1000 sign-ins of a person in the simulated network, every third with UDP blocked, and none let through
 * by the classic face. Of the first datagram and of each plain stream, each way, the first 64 bytes are kept. No
 * position may hold one value in all of them, and each must be compatible with uniform bytes by Pearson's chi-square
 * (255 degrees of freedom; 1000 captures or more, so that each of 256 values is expected about four times). There are
 * 4 x 64 positions; so that all together fail by chance in one of a thousand runs, each is allowed 0.001 / 256 = 3.9e-6,
 * z = 4.47 (Bonferroni), which is a chi-square of 369. Chance is seeded, so the result is the same every time. The
 * opening record of the classic face, in the same captures, shows that the test finds what is constant.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { Firewall } from '../sim/firewall.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { World } from '../sim/world.ts';
import { chiSquareLimit, chiSquares, commonStrings, constantPositions } from '../support/uniformity.ts';

const SIGN_INS = 1000;
const HEAD_BYTES = 64;
const Z = 4.47;
const PERSON = 'alice1';
const OPENING = Buffer.from('1603010000', 'hex');

type Direction = 'out' | 'in';

/** One carrier's beginning, each way: a stream, or the datagrams between two endpoints. */
interface Flow {
  readonly carrier: 'udp' | 'tcp';
  readonly out: Buffer[];
  readonly in: Buffer[];
}

/** A person who signs in again and again, each time as if newly installed but for the account. */
class Again {
  readonly world: World;
  readonly person: Person;
  readonly #flows = new Map<string, Flow>();
  #round = 0;

  constructor(seed: number, makeHost?: (world: World) => void) {
    this.world = new World({ seed });
    const people = new PeopleWorld(this.world);
    makeHost?.(this.world);
    this.person = people.person(PERSON);
    this.person.signUp();
    this.world.watch({
      packet: ({ carrier, kind, from, to, bytes }, sender) => {
        if (kind !== 'datagram' && kind !== 'data') return;
        if (sender === PERSON) this.#note(`${carrier} ${this.#round} ${from.port} ${to.host} ${to.port}`, 'out', bytes);
        else this.#note(`${carrier} ${this.#round} ${to.port} ${from.host} ${from.port}`, 'in', bytes);
      },
    });
  }

  signsIn(): void {
    const { person, world } = this;
    this.#round += 1;
    person.kill();
    person.certificate = undefined;
    person.remembered = undefined;
    person.authorityDer = undefined;
    person.start();
    person.signIn();
    // So that neither the supernode nor the login server has had enough of us.
    world.advance(2_000);
  }

  /** What was seen so far; packets of one direction put together. */
  get flows(): { readonly carrier: 'udp' | 'tcp'; readonly out: Buffer; readonly in: Buffer }[] {
    return [...this.#flows.values()].map((flow) => ({
      carrier: flow.carrier,
      ...(flow.carrier === 'udp'
        ? { out: flow.out[0] ?? Buffer.alloc(0), in: flow.in[0] ?? Buffer.alloc(0) }
        : { out: Buffer.concat(flow.out), in: Buffer.concat(flow.in) }),
    }));
  }

  /** Everything, packet by packet. */
  get packets(): Buffer[] {
    return [...this.#flows.values()].flatMap((flow) => [...flow.out, ...flow.in]);
  }

  #note(key: string, direction: Direction, bytes: Buffer): void {
    const carrier = key.startsWith('udp') ? 'udp' : 'tcp';
    const flow = this.#flows.get(key) ?? { carrier, out: [], in: [] };
    this.#flows.set(key, flow);
    flow[direction].push(Buffer.from(bytes));
  }
}

describe('over a thousand sign-ins', () => {
  let flows: Again['flows'];
  const isClassic = (out: Buffer): boolean => out.subarray(0, OPENING.length).equals(OPENING);
  /**
   * The TLS face, which is tried at last; a plain stream never begins so. Its first segments are short; of longer ones a
   * ClientHello, for one in 65,536 masked packets begins with these two bytes, and a stream would lose its middle.
   */
  const isTls = (out: Buffer): boolean =>
    out[0] === 0x16 && out[1] === 0x03 && !isClassic(out) && (out.length < 6 || (out[2] === 0x01 && out[5] === 0x01));
  const heads = (carrier: 'udp' | 'tcp', direction: Direction): Buffer[] =>
    flows
      // What the supernode says to the login server is in there too, and is no stream of this person's.
      .filter((flow) => flow.carrier === carrier && flow.out.length > 0)
      .filter((flow) => !isClassic(flow.out) && !isTls(flow.out))
      .map((flow) => flow[direction])
      .filter((bytes) => bytes.length >= HEAD_BYTES);

  beforeAll(() => {
    const again = new Again(1);
    let udpBlocked = false;
    again.world.block(({ carrier, bytes }, sender) => {
      if (sender !== PERSON) return false;
      return bytes.includes(OPENING) || isTls(bytes) || (udpBlocked && carrier === 'udp');
    });
    for (let round = 0; round < SIGN_INS; round++) {
      udpBlocked = round % 3 === 0;
      again.signsIn();
    }
    flows = again.flows;
  });

  it.each([
    ['first datagrams to the supernode', 'udp', 'out'],
    ['first datagrams from it', 'udp', 'in'],
    ['streams to servers', 'tcp', 'out'],
    ['streams from them', 'tcp', 'in'],
  ] as const)('%s: no position is constant, and each is like chance', (_what, carrier, direction) => {
    const captures = heads(carrier, direction);
    expect(captures.length).toBeGreaterThanOrEqual(600);
    expect(constantPositions(captures, HEAD_BYTES)).toEqual([]);
    expect(Math.max(...chiSquares(captures, HEAD_BYTES))).toBeLessThan(chiSquareLimit(Z));
  });

  it('the classic face, by the same measure, is found out', () => {
    const classic = flows.map(({ out }) => out).filter(isClassic);
    expect(classic.length).toBeGreaterThanOrEqual(SIGN_INS);
    expect(constantPositions(classic, HEAD_BYTES)).toEqual([0, 1, 2, 3, 4]);
    expect(chiSquares(classic, HEAD_BYTES).filter((value) => value > chiSquareLimit(Z))).toHaveLength(5);
  });
});

describe('a firewall that drops the most common strings of a hundred captures', () => {
  it('of four and of eight bytes stops none of a hundred sign-ins (S9)', () => {
    const captured = new Again(2);
    for (let round = 0; round < 100; round++) captured.signsIn();
    const forbidden = [4, 8].flatMap((bytes) => commonStrings(captured.packets, bytes, 10));
    // The classic face is what most sign-ins have in common.
    expect(forbidden.some((one) => OPENING.includes(one))).toBe(true);
    const behind = new Again(3, (world) => {
      const middlebox = new Firewall({ udp: 'passes', tcpPorts: 'all', tlsOnly: false, forbidden });
      world.box('wall', { middlebox });
      world.host(PERSON, { behind: 'wall' });
    });
    for (let round = 0; round < 100; round++) behind.signsIn();
    expect(behind.person.online).toBe(true);
  });
});
