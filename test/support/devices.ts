/** Device lists for tests: accounts with a key, devices that an authority has certified. */
import { type AccountKey, accountKeyOf, mailKeyOf } from '../../src/net/login/account-key.ts';
import { checkCertificate } from '../../src/net/login/credential.ts';
import {
  type Device,
  type DeviceJudge,
  type DeviceList,
  type OpenedDevices,
  signDevices,
} from '../../src/net/login/device-list.ts';
import { type makeAuthority, WALL_MS } from './identities.ts';
import { seededRandom } from './seeded-random.ts';

type Authority = ReturnType<typeof makeAuthority>;

export function accountKey(label: string): AccountKey {
  return accountKeyOf(seededRandom(`account key ${label}`).bytes(32));
}

/** A device of this account with the key pair of that label. */
export function device(authority: Authority, name: string, label: string, addedAtMs = WALL_MS): Device {
  const { nodeId, certificateDer } = authority.issue({ name }, label);
  const mailKey = mailKeyOf(seededRandom(`mail key ${label}`).bytes(32)).publicBytes;
  return { nodeId, label, addedAtMs, certificate: certificateDer, mailKey };
}

export function list(
  key: AccountKey,
  name: string,
  version: number,
  devices: readonly Device[],
  revoked: DeviceList['revoked'] = [],
): OpenedDevices {
  return signDevices({ name, version, devices, revoked }, key);
}

export function judgeOf(authority: Authority, nowMs = WALL_MS): DeviceJudge {
  return (der) => {
    const { certificateDer: authorityDer } = authority.authority;
    const checked = checkCertificate(der, { authorityDer, nowMs, graceMs: Number.POSITIVE_INFINITY });
    return checked.ok ? checked.identity : undefined;
  };
}
