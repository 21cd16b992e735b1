import { beforeEach, describe, expect, it } from 'vitest';
import type { SignedDevices } from '../../../src/net/login/device-list.ts';
import { DeviceBook, type DeviceBookOutput } from '../../../src/net/node/device-book.ts';
import { DEVICES_TOLD_BURST } from '../../../src/net/protocol/params.ts';
import { type Message, message } from '../../../src/net/wire/messages.ts';
import type { PeerInput } from '../../../src/net/wire/peers.ts';
import { accountKey, device, judgeOf, list } from '../../support/devices.ts';
import { makeAuthority } from '../../support/identities.ts';

const authority = makeAuthority();
const key = accountKey('bobby');
const ours = accountKey('alice');
const [desk, phone] = [device(authority, 'bobby1', 'desk'), device(authority, 'bobby1', 'phone')];
const [home, work] = [device(authority, 'alice1', 'home'), device(authority, 'alice1', 'work')];
const told = (signed: SignedDevices) => message('devicesTold', { list: signed as never });

let book: DeviceBook;
let buddies: string[];
let invisible: boolean;
let now = 0;
beforeEach(() => {
  buddies = ['bobby1'];
  invisible = false;
  book = new DeviceBook({
    ...{ name: 'alice1', nodeId: home.nodeId, judge: judgeOf(authority), people: [] },
    own: list(ours, 'alice1', 1, [home]).signed,
    isBuddy: (name) => buddies.includes(name),
    isInvisible: () => invisible,
  });
});

function tell(input: PeerInput): boolean {
  now += 10_000;
  return book.receive(now, input);
}
const seen = (name: string, node: string) => tell({ type: 'peer-seen', name, node });
const hears = (from: string, node: string, value: Message) => tell({ type: 'message', from, node, message: value });
/** What came out, in short. */
const out = () =>
  book.drain().map((output: DeviceBookOutput) => {
    if (output.type === 'send') return `${output.message.kind} to ${output.to}`;
    if (output.type !== 'news') return `${output.type} ${output.node === phone.nodeId ? 'phone' : 'desk'}`;
    return output.news.type === 'refused' ? `refused ${output.news.why}` : output.news.type;
  });

describe('lists of buddies', () => {
  it('are exchanged once, and what was acknowledged is not said again', () => {
    seen('bobby1', desk.nodeId);
    expect(out()).toEqual(['devicesTold to bobby1']);
    hears('bobby1', desk.nodeId, told(list(key, 'bobby1', 1, [desk]).signed));
    expect(out()).toEqual(['list-changed', 'devicesKnown to bobby1']);
    hears('bobby1', desk.nodeId, message('devicesKnown', { yours: 1, mine: 1 }));
    expect(out()).toEqual(['holds-changed']);
    seen('bobby1', desk.nodeId);
    expect(out()).toEqual([]);
  });

  it('are kept over a restart, with what was acknowledged', () => {
    seen('bobby1', desk.nodeId);
    hears('bobby1', desk.nodeId, told(list(key, 'bobby1', 1, [desk]).signed));
    hears('bobby1', desk.nodeId, message('devicesKnown', { yours: 1, mine: 1 }));
    const people = book.stored();
    book = new DeviceBook({
      ...{ name: 'alice1', nodeId: home.nodeId, judge: judgeOf(authority), people },
      own: list(ours, 'alice1', 1, [home]).signed,
      isBuddy: () => true,
      isInvisible: () => false,
    });
    expect(book.listOf('Bobby1')?.devices).toEqual([desk]);
    seen('bobby1', desk.nodeId);
    expect(out()).toEqual(['devicesKnown to bobby1']);
  });

  it('are told to nobody else, and to nobody while invisible', () => {
    seen('mallory', desk.nodeId);
    hears('mallory', desk.nodeId, message('devicesKnown', { yours: 0, mine: 9 }));
    hears('mallory', desk.nodeId, told(list(key, 'mallory', 1, [device(authority, 'mallory', 'desk')]).signed));
    invisible = true;
    seen('bobby1', desk.nodeId);
    expect(out()).toEqual([]);
    expect(book.listOf('mallory')).toBeUndefined();
    buddies.push('mallory');
    invisible = false;
    book.befriended('mallory');
    book.appeared();
    expect(out().sort()).toEqual(['devicesTold to bobby1', 'devicesTold to mallory']);
  });

  it('name who may speak: an unlisted node is withheld until a list names it, a revoked one for ever', () => {
    hears('bobby1', desk.nodeId, told(list(key, 'bobby1', 1, [desk]).signed));
    out();
    const word = message('chatMessage', { text: 'hi' });
    expect(seen('bobby1', phone.nodeId)).toBe(true);
    expect([hears('bobby1', desk.nodeId, word), hears('bobby1', phone.nodeId, word)]).toEqual([false, true]);
    expect(book.dropped).toBe(1);
    out();
    hears('bobby1', phone.nodeId, told(list(key, 'bobby1', 2, [desk, phone]).signed));
    expect(out()).toContain('admitted phone');
    expect(hears('bobby1', phone.nodeId, word)).toBe(false);
    hears('bobby1', desk.nodeId, told(list(key, 'bobby1', 3, [desk], [{ nodeId: phone.nodeId, atMs: 1 }]).signed));
    expect(out()).toContain('dismissed phone');
    expect(seen('bobby1', phone.nodeId)).toBe(true);
    expect(out()).toEqual(['dismissed phone']);
    const revived = list(key, 'bobby1', 4, [desk, phone]);
    hears('bobby1', desk.nodeId, told(revived.signed));
    expect(out()).toEqual(['refused revived']);
  });

  it('that are forged, replayed, or of somebody else are dropped, counted and told once', () => {
    const second = list(key, 'bobby1', 2, [desk]);
    hears('bobby1', desk.nodeId, told(second.signed));
    out();
    const mallory = device(authority, 'mallory', 'mallory');
    const bad = [
      list(key, 'bobby1', 3, [desk, mallory]),
      list(key, 'bobby1', 3, [desk, { ...phone, certificate: mallory.certificate }]),
      list(accountKey('mallory'), 'mallory', 9, [mallory]),
      { signed: { list: list(key, 'bobby1', 3, [desk]).signed.list, signature: Buffer.alloc(64) } },
      list(key, 'bobby1', 1, [desk]),
    ];
    for (const { signed } of bad) hears('bobby1', desk.nodeId, told(signed));
    const said = out();
    expect(said.filter((line) => line.startsWith('refused'))).toEqual([
      'refused forged-device',
      'refused misplaced',
      'refused forged',
      'refused old',
    ]);
    // Whoever told an older one is told the newer.
    expect(said).toContain('devicesTold to bobby1');
    expect(book.dropped).toBe(bad.length);
    expect(book.listOf('bobby1')).toEqual(second);
  });

  it('under another account key count from a node that is in them, loudly', () => {
    hears('bobby1', desk.nodeId, told(list(key, 'bobby1', 1, [desk]).signed));
    book.drain();
    const next = list(accountKey('bobby again'), 'bobby1', 2, [phone]);
    hears('bobby1', desk.nodeId, told(next.signed));
    expect(out()).toContain('refused forged');
    hears('bobby1', phone.nodeId, told(next.signed));
    const [news] = book.drain().flatMap((output) => (output.type === 'news' ? [output.news] : []));
    expect(news).toMatchObject({ type: 'list-changed', keyChanged: true });
  });

  it('may not flood us', () => {
    const at = now;
    for (let n = 1; n <= DEVICES_TOLD_BURST + 5; n++)
      book.receive(at, {
        ...{ type: 'message', from: 'bobby1', node: desk.nodeId },
        message: told(list(key, 'bobby1', n, [desk]).signed),
      });
    expect(book.listOf('bobby1')?.version).toBe(DEVICES_TOLD_BURST);
    expect(book.dropped).toBe(5);
  });
});

describe('our own list', () => {
  it('is taken newer from any device or buddy, under our key only', () => {
    hears('bobby1', desk.nodeId, told(list(ours, 'alice1', 2, [home, work]).signed));
    expect(out()).toContain('own-changed');
    expect(book.listOf('alice1')?.version).toBe(2);
    hears('alice1', work.nodeId, told(list(accountKey('other'), 'alice1', 3, [work]).signed));
    expect(out()).toContain('refused forged');
    hears('mallory', desk.nodeId, told(list(ours, 'alice1', 3, [home]).signed));
    expect(book.listOf('alice1')?.version).toBe(2);
  });

  it('says when we are revoked ourselves', () => {
    const list3 = list(ours, 'alice1', 3, [work], [{ nodeId: home.nodeId, atMs: 1 }]);
    hears('bobby1', desk.nodeId, told(list3.signed));
    const news = book.drain().flatMap((output) => (output.type === 'news' ? [output.news] : []));
    expect(news).toContainEqual(expect.objectContaining({ type: 'own-changed', standing: 'revoked' }));
  });

  it('opens the account to the nodes in it alone', () => {
    expect(book.standing('alice1', work.nodeId)).toBe('unlisted');
    book.setOwn(list(ours, 'alice1', 2, [home, work]).signed);
    seen('alice1', work.nodeId);
    expect(out()).toEqual(['own-here-changed', 'devicesTold to alice1']);
    expect(book.ownNodes()).toEqual([work.nodeId]);
    book.setOwn(list(ours, 'alice1', 1, [home]).signed);
    expect(book.listOf('alice1')?.version).toBe(2);
  });
});
