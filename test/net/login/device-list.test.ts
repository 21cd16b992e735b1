import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAccountKey, sealAccountKey } from '../../../src/net/login/account-key.ts';
import {
  openDevices,
  standingOf,
  successor,
  withAdded,
  withoutDevice,
  withRevoked,
} from '../../../src/net/login/device-list.ts';
import { DEVICES_MAX } from '../../../src/net/protocol/params.ts';
import { accountKey, device, judgeOf, list } from '../../support/devices.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';

const authority = makeAuthority();
const judge = judgeOf(authority);
const key = accountKey('alice');
const [laptop, desktop] = [device(authority, 'alice1', 'laptop'), device(authority, 'alice1', 'desktop')];
const YEARS_MS = 3 * 365 * 86_400_000;

const open = (signed: Parameters<typeof openDevices>[0], name = 'alice1') => {
  const opened = openDevices(signed, { name, judge });
  return opened.ok ? 'good' : opened.why;
};

describe('a device list', () => {
  it('is read as it was signed, also when its certificates have ended since', () => {
    const made = list(key, 'Alice1', 3, [laptop, desktop], [{ nodeId: 'ab'.repeat(16), atMs: 7 }]);
    const later = judgeOf(authority, WALL_MS + YEARS_MS);
    expect(openDevices(made.signed, { name: 'alice1', judge: later })).toEqual({ ok: true, devices: made });
  });

  it('of another account, with another key, or with a device of somebody else is refused', () => {
    const made = list(key, 'alice1', 1, [laptop]);
    const others = list(accountKey('mallory'), 'alice1', 1, [laptop]);
    expect(open(made.signed)).toBe('good');
    expect(open(made.signed, 'bobby1')).toBe('misplaced');
    expect(open({ list: made.signed.list, signature: others.signed.signature })).toBe('forged');
    expect(open(list(key, 'alice1', 1, [laptop, device(authority, 'mallory', 'mallory')]).signed)).toBe(
      'forged-device',
    );
    expect(open(list(key, 'alice1', 1, [{ ...laptop, nodeId: desktop.nodeId }]).signed)).toBe('forged-device');
    const foreign = makeAuthority('elsewhere');
    expect(open(list(key, 'alice1', 1, [device(foreign, 'alice1', 'laptop')]).signed)).toBe('forged-device');
  });

  it('of which any byte was changed is refused, and nothing of it throws', () => {
    const { signed } = list(key, 'alice1', 1, [laptop]);
    fc.assert(
      fc.property(fc.nat(signed.list.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Buffer.from(signed.list);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        expect(open({ list: bytes, signature: signed.signature })).not.toBe('good');
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes, mark) => {
        expect(open({ list: bytes, signature: mark })).not.toBe('good');
      }),
      { numRuns: 200 },
    );
    for (const nothing of [undefined, null, {}, { list: Buffer.alloc(0) }]) expect(open(nothing)).toBe('malformed');
    expect(open({ list: Buffer.alloc(60_000), signature: Buffer.alloc(64) })).toBe('oversized');
  });

  it('takes the place of an older one only, and brings nobody back who was revoked', () => {
    const first = list(key, 'alice1', 1, [laptop, desktop]);
    const second = list(key, 'alice1', 2, [laptop], [{ nodeId: desktop.nodeId, atMs: 5 }]);
    expect(successor(undefined, first)).toBeUndefined();
    expect(successor(first, second)).toBeUndefined();
    expect(successor(second, first)).toBe('old');
    expect(successor(second, list(key, 'alice1', 2, [laptop, desktop]))).toBe('old');
    expect(successor(second, list(key, 'alice1', 3, [laptop, desktop]))).toBe('revived');
    expect(successor(second, list(key, 'alice1', 3, [laptop]))).toBe('revived');
    const both = { ...second, devices: [laptop, desktop] };
    expect(successor(undefined, both)).toBe('revived');
  });

  it('has room for sixteen: the one added first is revoked for the seventeenth', () => {
    let made = { name: 'alice1', version: 0, devices: [], revoked: [] } as ReturnType<typeof withAdded>;
    const one = (n: number) => ({ ...laptop, nodeId: n.toString(16).padStart(32, '0'), addedAtMs: n });
    for (let n = 0; n <= DEVICES_MAX; n++) made = withAdded(made, one(n));
    expect(made.devices).toHaveLength(DEVICES_MAX);
    expect(made.revoked).toEqual([{ nodeId: one(0).nodeId, atMs: DEVICES_MAX }]);
    expect(made.version).toBe(DEVICES_MAX + 1);
    expect(withAdded(made, one(5)).devices).toHaveLength(DEVICES_MAX);
  });

  it('knows who is in it, who was, and who never was', () => {
    const two = list(key, 'alice1', 1, [laptop, desktop]);
    const after = withRevoked(two, desktop.nodeId, 9);
    expect(
      ['laptop', 'desktop'].map((label) =>
        standingOf(list(key, 'alice1', 2, after.devices, after.revoked), device(authority, 'alice1', label).nodeId),
      ),
    ).toEqual(['listed', 'revoked']);
    const left = withoutDevice(two, desktop.nodeId);
    expect(standingOf({ ...two, ...left }, desktop.nodeId)).toBe('unlisted');
    expect([after.version, left.version]).toEqual([2, 2]);
  });
});

describe('the sealed account key', () => {
  it('opens with the same password and name only, and only unchanged', () => {
    const sealing = Buffer.alloc(32, 1);
    const blob = sealAccountKey(key, 'Alice1', sealing, Buffer.alloc(12, 2));
    expect(openAccountKey(blob, 'alice1', sealing)?.publicBytes).toEqual(key.publicBytes);
    expect(openAccountKey(blob, 'alice1', Buffer.alloc(32, 3))).toBeUndefined();
    expect(openAccountKey(blob, 'bobby1', sealing)).toBeUndefined();
    for (let at = 0; at < blob.length; at++) {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(openAccountKey(changed, 'alice1', sealing)).toBeUndefined();
    }
    expect(openAccountKey(Buffer.alloc(0), 'alice1', sealing)).toBeUndefined();
  });
});
