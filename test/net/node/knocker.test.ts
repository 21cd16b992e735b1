/** Knocking at the servers of a network, in virtual time: who answers, who does not, and that nobody is disturbed. */
import { expect, test } from 'vitest';
import { Knocker, type KnockerCommand, type KnockerEvent } from '../../../src/net/node/knocker.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { KNOCK_TIMEOUT_MS } from '../../../src/net/protocol/params.ts';
import type { Running } from '../../sim/host.ts';
import { PeopleWorld, type Person } from '../../sim/people-world.ts';
import type { Place } from '../../sim/places.ts';
import { World } from '../../sim/world.ts';
import { keyPair, makeAuthority } from '../../support/identities.ts';

const PORT = 4000;

class Scene {
  readonly world = new World({ seed: 1 });
  readonly people = new PeopleWorld(this.world);
  readonly anna: Person;
  readonly login: Endpoint = { carrier: 'tcp', host: this.people.loginAddress, port: PORT };
  readonly #knocker: Running<KnockerCommand, KnockerEvent>;
  #knocks = 0;

  constructor(where: Place = 'PUB', pin = this.people.authority.pin) {
    this.anna = this.people.person('alice1', where);
    this.anna.signUp();
    const core = new Knocker({
      random: this.world.random('knocker'),
      wallClock: this.world.wallClock,
      pin,
      authorityDer: this.anna.authorityDer,
      identity: {
        nodeId: makeAuthority().issue({ name: 'alice1' }, 'alice1').nodeId,
        privateKey: keyPair('alice1').privateKey,
        certificateDer: this.anna.certificate?.der ?? Buffer.alloc(0),
      },
    });
    this.#knocker = this.world.host('alice1').run(core, { onEvent: () => {} });
  }

  get supernode(): Endpoint {
    return this.people.supernodeEndpoints().find(({ carrier }) => carrier === 'udp')!;
  }

  knock(endpoint: Endpoint, kind: KnockerCommand['kind']): KnockerEvent {
    const knock = ++this.#knocks;
    const { events } = this.#knocker;
    this.#knocker.command({ type: 'knock', knock, endpoint, kind });
    this.world.until(() => events.some((event) => event.knock === knock), KNOCK_TIMEOUT_MS + 100);
    return events.find((event) => event.knock === knock)!;
  }
}

test('a login server that is there proves it, by TCP', () => {
  const scene = new Scene();
  expect(scene.knock(scene.login, 'login-server')).toMatchObject({ code: undefined, streamOpened: true });
});

test('a supernode answers a person by UDP, and the link that the person has there stays', () => {
  const scene = new Scene();
  const before = scene.anna.count('link');
  expect(scene.knock(scene.supernode, 'supernode')).toMatchObject({ code: undefined, streamOpened: false });
  scene.world.advance(60_000);
  expect(scene.anna.count('link')).toBe(before);
  expect(scene.anna.online).toBe(true);
});

test('where UDP is dropped nobody answers, and the time is bounded', () => {
  const { code, tookMs } = ((scene) => scene.knock(scene.supernode, 'supernode'))(new Scene('UDPX'));
  expect(code).toBe('unreachable');
  expect(tookMs).toBeLessThanOrEqual(KNOCK_TIMEOUT_MS);
});

test('a port where nobody listens is told from a server that does not answer', () => {
  const scene = new Scene();
  const nobody = scene.knock({ ...scene.login, port: 9 }, 'login-server');
  expect(nobody).toMatchObject({ code: 'unreachable', streamOpened: false });
  const silent = scene.knock({ ...scene.supernode, carrier: 'tcp' }, 'login-server');
  expect(silent.code).not.toBe(undefined);
  expect(silent.streamOpened).toBe(true);
});

test('knocking again and again is answered each time', () => {
  const scene = new Scene();
  for (let i = 0; i < 20; i++) expect(scene.knock(scene.login, 'login-server').code).toBe(undefined);
  expect(scene.knock(scene.supernode, 'supernode').code).toBe(undefined);
});
