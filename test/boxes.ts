/**
 * What the boxes of the places (`places.ts`) do to packets, as small scenes with bare sockets: played by the simulated
 * boxes (`sim/boxes.test.ts`) and by Linux in the lab (`lab/boxes.test.ts`), with one table of what is to come out. So
 * what was found out in virtual time holds behind real NATs, as far as these scenes go.
 *
 *   inside, neighbour --- box of the place --- one, two (public machines)
 */
import { BEHAVIOUR, type Behaviour, LINUX_HAS_NO_HAIRPIN, type Place, type Stage } from './places.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Heard extends Address {
  readonly text: string;
}

export interface BoxSocket {
  readonly here: Address;
  send(to: Address, text: string, ttl?: number): Promise<void>;
  /** All that came so far, once there are `count` of them or the stage has no patience any more. */
  hears(count: number): Promise<readonly Heard[]>;
}

/** Where a scene plays: one place, its neighbours where it has them, and two machines outside. */
export interface BoxStage {
  readonly stage: Stage;
  readonly place: Place;
  /** A UDP socket of its own. */
  socket(machine: 'inside' | 'neighbour' | 'one' | 'two'): Promise<BoxSocket>;
  /** From inside to a server outside; at 443 there is a plain one and one that speaks TLS. */
  dial(port: 4001 | 443, first: 'words' | 'classic face' | 'tls'): Promise<'answered' | 'reset' | 'silence'>;
  pass(ms: number): Promise<void>;
}

export interface BoxScene {
  readonly what: string;
  readonly places?: readonly Place[];
  readonly play: (stage: BoxStage) => Promise<string>;
  readonly expected: (behaviour: Behaviour, stage: Stage) => string;
}

/** UDP bindings on both stages live so long, in place of Linux's 30 and 120 s. */
export const BINDING_S = 2;

const SILENT = 'nothing gets out';
/** Enough to leave a home and the carrier behind it, not enough to come to another home. */
const OPENER_TTL = 5;

export const BOX_SCENES: readonly BoxScene[] = [
  {
    what: 'one socket towards three endpoints leaves by',
    play: async (stage) => {
      const inside = await stage.socket('inside');
      const ports: number[] = [];
      for (const machine of ['one', 'one', 'two'] as const) {
        const outer = await mapping(inside, await stage.socket(machine));
        if (!outer) return SILENT;
        ports.push(outer.port);
      }
      if (new Set(ports).size === 3) return 'three ports';
      if (new Set(ports).size === 2) return 'two ports';
      return ports[0] === inside.here.port ? 'its own port' : 'one port that is not its own';
    },
    expected: ({ udp, mapping: how, ports }) => {
      if (!udp) return SILENT;
      if (how === 'address-and-port-dependent') return 'three ports';
      return ports === 'preserve' ? 'its own port' : 'one port that is not its own';
    },
  },
  {
    what: 'to a socket that has written to one endpoint come words from',
    play: async (stage) => {
      const inside = await stage.socket('inside');
      const [known, samePlace, other] = [
        await stage.socket('one'),
        await stage.socket('one'),
        await stage.socket('two'),
      ];
      const outer = await mapping(inside, known);
      if (!outer) return SILENT;
      await known.send(outer, 'the endpoint');
      await samePlace.send(outer, 'its neighbour port');
      await other.send(outer, 'another machine');
      const texts = (await inside.hears(3)).map(({ text }) => text);
      return texts.sort().join(', ');
    },
    expected: ({ udp, filtering }) => {
      if (!udp) return SILENT;
      return filtering === 'open' ? 'another machine, its neighbour port, the endpoint' : 'the endpoint';
    },
  },
  {
    what: 'after an early packet of a peer the port towards it is',
    play: (stage) => portAfter(stage, undefined),
    expected: ({ udp, poisonable, mapping: how }) => {
      if (!udp) return SILENT;
      return poisonable || how === 'address-and-port-dependent' ? 'another' : 'the same';
    },
  },
  {
    what: 'after an early packet of little time to live the port towards its sender is',
    play: (stage) => portAfter(stage, OPENER_TTL),
    expected: ({ udp, mapping: how }) => {
      if (!udp) return SILENT;
      return how === 'address-and-port-dependent' ? 'another' : 'the same';
    },
  },
  {
    what: 'a binding is good',
    play: async (stage) => {
      const inside = await stage.socket('inside');
      const known = await stage.socket('one');
      const outer = await mapping(inside, known);
      if (!outer) return SILENT;
      await stage.pass((BINDING_S * 1000) / 2);
      await known.send(outer, 'in time');
      const inTime = (await inside.hears(1)).length === 1;
      await stage.pass(BINDING_S * 1000 + 500);
      await known.send(outer, 'too late');
      const tooLate = (await inside.hears(2)).length === 2;
      return `${inTime ? 'in time' : 'not even in time'}${tooLate ? ', and later' : ''}`;
    },
    expected: ({ udp, filtering }) => {
      if (!udp) return SILENT;
      return filtering === 'open' ? 'in time, and later' : 'in time';
    },
  },
  {
    what: 'a connection to any port, to 443 with words, with the classic face, with TLS is',
    play: async (stage) => {
      const dialled = [
        stage.dial(4001, 'words'),
        stage.dial(443, 'words'),
        stage.dial(443, 'classic face'),
        stage.dial(443, 'tls'),
      ];
      return (await Promise.all(dialled)).join(', ');
    },
    expected: ({ tcp }) =>
      ({
        all: 'answered, answered, answered, answered',
        '443': 'silence, answered, answered, answered',
        'tls-on-443': 'silence, reset, reset, answered',
      })[tcp],
  },
  {
    what: 'neighbours who write to the outer endpoint of one another',
    places: ['SAME', 'CGN'],
    play: async (stage) => {
      const [mine, theirs] = [await stage.socket('inside'), await stage.socket('neighbour')];
      const outside = await stage.socket('one');
      const atMine = await mapping(mine, outside);
      const atTheirs = await mapping(theirs, outside);
      if (!atMine || !atTheirs) return SILENT;
      await mine.send(atTheirs, 'hello neighbour');
      await theirs.send(atMine, 'hello neighbour');
      await mine.send(atTheirs, 'hello again');
      return (await theirs.hears(1)).length > 0 ? 'meet' : 'do not meet';
    },
    // The lab has an exception here, for the reason that LINUX_HAS_NO_HAIRPIN tells.
    expected: ({ hairpin }, stage) => (hairpin && !(stage === 'lab' && LINUX_HAS_NO_HAIRPIN) ? 'meet' : 'do not meet'),
  },
];

/** Each scene in each of its places. */
export const BOX_TABLE = BOX_SCENES.flatMap((scene) =>
  (scene.places ?? (Object.keys(BEHAVIOUR) as Place[])).map((place) => ({ place, what: scene.what, scene })),
);

export function expectedOf({ expected }: BoxScene, place: Place, stage: Stage): string {
  return expected(BEHAVIOUR[place], stage);
}

/** Where `outside` sees `inside`, who writes to it once; undefined when nothing arrives. */
async function mapping(inside: BoxSocket, outside: BoxSocket): Promise<Address | undefined> {
  const before = (await outside.hears(0)).length;
  await inside.send(outside.here, 'where am I');
  return (await outside.hears(before + 1))[before];
}

async function portAfter(stage: BoxStage, ttl: number | undefined): Promise<string> {
  const inside = await stage.socket('inside');
  const outer = await mapping(inside, await stage.socket('one'));
  if (!outer) return SILENT;
  const peer = await stage.socket('two');
  await peer.send(outer, 'too early', ttl);
  await stage.pass(50);
  return (await mapping(inside, peer))?.port === outer.port ? 'the same' : 'another';
}
