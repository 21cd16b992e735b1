import { beforeEach, describe, expect, test } from 'vitest';
import { printOf, RecordReader } from '../../../src/net/overlay/index-record.ts';
import { Publisher } from '../../../src/net/overlay/publisher.ts';
import { PUBLISH_CALM_MS } from '../../../src/net/protocol/overlay-params.ts';
import { decodeMessage, encodeMessage, message } from '../../../src/net/wire/messages.ts';
import { keyPair } from '../../support/identities.ts';
import { HOUR_MS, judge, nodeIdFor, WALL_MS } from './index-scenes.ts';

const IDENTITY = {
  nodeId: nodeIdFor(3),
  certificateDer: Buffer.from(`bobby1 ${nodeIdFor(3)} 3`),
  privateKey: keyPair('index 0').privateKey,
};
const ONE = { homes: [nodeIdFor(1_001)], displayName: 'Bob', listed: true };
const TWO = { ...ONE, homes: [nodeIdFor(1_001), nodeIdFor(1_002)] };

let publisher: Publisher;
let wallMs: number;

/** What is said at this time, as a supernode reads it. */
function said(now: number) {
  publisher.wake(now);
  return publisher.drain().map((one) => {
    const value = decodeMessage(encodeMessage(one));
    if (value?.kind !== 'publish') throw new Error(`${value?.kind} is no record`);
    const { entry, requestId } = value.body;
    const whole = (entry?.certificate?.length ?? 0) > 0;
    // A supernode adds the certificate of the handshake.
    const read = whole ? entry : { ...entry, certificate: IDENTITY.certificateDer };
    const record = new RecordReader(judge).read(wallMs, read ?? {}, () => undefined);
    return { record, requestId, whole };
  });
}

beforeEach(() => {
  wallMs = WALL_MS;
  publisher = new Publisher(() => wallMs);
  publisher.setIdentity(IDENTITY);
});

describe('a node tells the index of itself', () => {
  test('once it has attached, and again when its homes change, with a higher sequence', () => {
    publisher.say(0, ONE);
    publisher.say(100, ONE);
    expect(publisher.wakeAt()).toBe(200);
    const [first] = said(200);
    expect(first?.record).toMatchObject({ name: 'bobby1', ...ONE, signedInAtMs: WALL_MS, sequence: 1 });
    publisher.say(5_000, TWO);
    const [second] = said(5_200);
    expect(second?.record).toMatchObject({ homes: TWO.homes, signedInAtMs: WALL_MS, sequence: 2 });
  });

  test('until it is answered', () => {
    publisher.say(0, ONE);
    const [first] = said(200);
    const [again] = said(10_200);
    expect(again?.record?.sequence).toBe(2);
    expect(publisher.receive(10_300, message('published', { requestId: first?.requestId ?? 0 }))).toBe(true);
    expect(publisher.wakeAt()).toBe(20_200);
    publisher.receive(10_400, message('published', { requestId: again?.requestId ?? 0 }));
    expect(publisher.wakeAt()).toBe(10_400 + 12 * HOUR_MS);
  });

  test('and soon again when too few supernodes have taken it', () => {
    publisher.say(0, ONE);
    const [first] = said(200);
    const busy = message('failure', { requestId: first?.requestId ?? 0, code: 'busy', retryAfterMs: 15_000 });
    publisher.receive(300, busy);
    expect(publisher.wakeAt()).toBe(15_300);
    expect(said(15_300)[0]?.record?.sequence).toBe(2);
  });

  test('every twelve hours as a new sign-in, and an hour after a refusal', () => {
    publisher.say(0, ONE);
    const [first] = said(200);
    publisher.receive(300, message('published', { requestId: first?.requestId ?? 0 }));
    wallMs += 12 * HOUR_MS;
    const [later] = said(300 + 12 * HOUR_MS);
    expect(later?.record).toMatchObject({ signedInAtMs: WALL_MS + 12 * HOUR_MS, sequence: 1 });
    publisher.receive(400, message('failure', { requestId: later?.requestId ?? 0, code: 'not-allowed' }));
    expect(publisher.wakeAt()).toBe(400 + HOUR_MS);
  });

  test('without its certificate, and with it at once when that was refused', () => {
    publisher.say(0, ONE);
    const [short] = said(200);
    expect(short?.whole).toBe(false);
    const code = 'request-malformed';
    publisher.receive(300, message('failure', { requestId: short?.requestId ?? 0, code }));
    const [whole] = said(300);
    expect(whole).toMatchObject({ whole: true, record: { sequence: 2 } });
    publisher.receive(400, message('failure', { requestId: whole?.requestId ?? 0, code }));
    expect(publisher.wakeAt()).toBe(400 + HOUR_MS);
    expect(said(400 + HOUR_MS)[0]?.whole).toBe(true);
    // At the next supernode it is tried again.
    publisher.detached();
    publisher.say(500 + HOUR_MS, ONE);
    expect(said(700 + HOUR_MS)[0]?.whole).toBe(false);
  });

  test('with its certificate when that is newer than the one it attached with', () => {
    publisher.say(0, ONE);
    const [first] = said(200);
    publisher.receive(300, message('published', { requestId: first?.requestId ?? 0 }));
    publisher.setIdentity({ ...IDENTITY });
    publisher.say(5_000, TWO);
    expect(said(5_200)[0]?.whole).toBe(false);
    publisher.setIdentity({ ...IDENTITY, certificateDer: Buffer.from(`bobby1 ${nodeIdFor(3)} 4`) });
    publisher.say(9_000, ONE);
    expect(said(9_200)[0]?.whole).toBe(true);
  });

  test('anew after it was away, and not at all while nobody is there or it is nobody', () => {
    publisher.say(0, ONE);
    said(200);
    publisher.detached();
    expect(publisher.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    wallMs += 1_000;
    publisher.say(1_000, ONE);
    expect(said(1_200)[0]?.record).toMatchObject({ signedInAtMs: WALL_MS + 1_000, sequence: 1 });
    publisher.setIdentity(undefined);
    expect(publisher.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    expect(said(99_999)).toEqual([]);
  });

  test('and leaves answers to others alone', () => {
    publisher.say(0, ONE);
    said(200);
    expect(publisher.receive(300, message('failure', { requestId: 5, code: 'busy' }))).toBe(false);
    expect(publisher.receive(300, message('keepAliveReply', { id: 5 }))).toBe(false);
  });

  test('not after a short absence, when the supernode has what would be said, before it has stayed for a while', () => {
    publisher.held(printOf(TWO));
    // The standby supernode is still being looked for.
    publisher.say(0, ONE);
    publisher.say(5_000, TWO);
    expect(publisher.wakeAt()).toBe(PUBLISH_CALM_MS);
    wallMs += PUBLISH_CALM_MS;
    expect(said(PUBLISH_CALM_MS)[0]?.record).toMatchObject({ homes: TWO.homes, signedInAtMs: wallMs, sequence: 1 });
  });

  test.each([
    ['another display name', { ...TWO, displayName: 'Robert' }],
    ['another home', { ...TWO, homes: [nodeIdFor(1_003)] }],
    ['another second home', { ...TWO, homes: [nodeIdFor(1_001), nodeIdFor(1_003)] }],
    ['not to be listed', { ...TWO, listed: false }],
  ])('at once when it has something else: %s', (_what, now) => {
    publisher.held(printOf(TWO));
    publisher.say(0, now);
    expect(said(200)[0]?.record).toMatchObject(now);
  });
});
