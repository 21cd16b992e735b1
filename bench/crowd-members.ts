/**
 * People of a crowd (`relay-crowd.ts`, `client-crowd.ts`): each with a key of its own that the authority of a login server which
 * runs here has certified, and with an address of its own under 127.0.0.1/8, so that no cap for one address concerns it.
 */
import { generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { nodeIdOf, spkiOf } from '../src/net/index.ts';
import { Issuer } from '../src/net/login/credential-issuer.ts';
import { readAuthority } from '../src/store/authority-file.ts';

const RSA_BITS = 2048;
const DAY_MS = 86_400_000;

export interface Member {
  readonly name: string;
  readonly address: string;
  readonly nodeId: string;
  readonly privateKey: KeyObject;
  readonly certificateDer: Buffer;
  readonly expiresAtMs: number;
}

/** `person0000` and so on, certified by the authority in this file. Keys for so many take some seconds. */
export async function crowdMembers(size: number, authorityFile: string) {
  const authority = readAuthority(authorityFile);
  if (!authority) throw new Error(`no authority in ${authorityFile}`);
  const issuer = new Issuer(authority.certificateDer, authority.privateKeyPem);
  const make = promisify(generateKeyPair);
  const keys = await Promise.all(Array.from({ length: size }, () => make('rsa', { modulusLength: RSA_BITS })));
  const members = keys.map(({ privateKey, publicKey }, number): Member => {
    const [name, publicKeySpki] = [memberName(number), spkiOf(publicKey)];
    const { der: certificateDer, expiresAtMs } = issuer.issue({
      ...{ subject: { kind: 'person', name }, publicKeySpki },
      ...{ nowMs: Date.now(), lifetimeMs: DAY_MS, serial: randomBytes(16) },
    });
    const address = `127.1.${number >> 7}.${2 + (number & 127)}`;
    return { name, address, nodeId: nodeIdOf(publicKeySpki), privateKey, certificateDer, expiresAtMs };
  });
  return { issuer, members };
}

export function memberName(number: number): string {
  return `person${String(number).padStart(4, '0')}`;
}
