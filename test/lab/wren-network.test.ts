/**
 * Real wren processes in the lab: servers on the core, people in different places, one call for each line of the table.
 * These are the pairs that must never fall back; the whole grid is `npm run lab -- --grid`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparePieces } from '../support/likeness.ts';
import { readWav, speech, writeWav } from '../support/speech.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import type { Place } from './places.ts';
import { type SignUp, WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED all calls in the network lab: ${support.why}`);

const PEOPLE: readonly {
  readonly host: string;
  readonly name: string;
  readonly place: Place;
  readonly carrier: 'udp' | 'tcp';
}[] = [
  { host: 'alice', name: 'alice1', place: 'PUB', carrier: 'udp' },
  { host: 'bobby', name: 'bobby1', place: 'PUB', carrier: 'udp' },
  { host: 'carol', name: 'carol1', place: 'PR', carrier: 'udp' },
  { host: 'david', name: 'david1', place: '443X', carrier: 'tcp' },
  { host: 'erika', name: 'erika1', place: 'SYM', carrier: 'udp' },
  { host: 'frida', name: 'frida1', place: '443D', carrier: 'tcp' },
];

const ROUTES: readonly {
  readonly caller: string;
  readonly callee: string;
  readonly pair: string;
  readonly route: string;
}[] = [
  { caller: 'alice', callee: 'bobby', pair: 'PUB to PUB', route: 'direct' },
  { caller: 'carol', callee: 'bobby', pair: 'PR to PUB', route: 'direct' },
];

describe.skipIf(!support.ok)('wren in the lab, 20 ms from the core each way', () => {
  let lab: Lab;
  let network: WrenNetwork;
  const signUps = new Map<string, SignUp>();
  const person = (host: string) => PEOPLE.find((one) => one.host === host)!;
  beforeAll(async () => {
    lab = await Lab.start();
    network = await WrenNetwork.start(lab);
    for (const { host, place } of PEOPLE) {
      await lab.place(place, host);
      await lab.link(host, { delayMs: 20 });
    }
    await Promise.all(PEOPLE.map(async ({ host, name }) => signUps.set(host, await network.signUp(host, name))));
    for (const { caller, callee } of ROUTES) await network.befriend(person(caller), person(callee));
    writeWav(join(lab.folder, 'speech.wav'), speech().samples);
  });
  afterAll(() => lab?.stop());

  it.each(PEOPLE)('$host signs up at $place and is reachable by $carrier', ({ host, carrier }) => {
    expect(signUps.get(host)).toMatchObject({ ok: true, why: '', supernode: { carrier } });
  });

  it.each(ROUTES)(
    'a call from $pair goes $route, and is heard',
    { timeout: 60_000 },
    async ({ caller, callee, route }) => {
      const heard = join(lab.folder, `${caller}-heard.wav`);
      const facts = await network.call(person(caller), person(callee), {
        forS: 6,
        callerAudio: `file:${join(lab.folder, 'speech.wav')}`,
        calleeAudio: `file:,${heard}`,
      });
      expect(facts).toMatchObject({ code: 0, reason: 'hangup', route });
      // On a machine that does nothing else: 0.3 s. Starting the sound is most of it.
      expect(facts.firstSoundMs).toBeLessThan(3_000);
      expect(facts.directMs).toBeLessThan(3_000);
      // Piece by piece, for a busy machine makes the jitter buffer change its delay on the way.
      const { correlation, pieces } = comparePieces(speech().samples.subarray(0, 16_000 * 5), readWav(heard));
      expect(pieces).toBeGreaterThan(5);
      expect(correlation).toBeGreaterThan(0.8);
    },
  );
});
