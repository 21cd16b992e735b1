/**
 * Makes the one request of the install notice (`net/wire/install-notice.ts` answers it): HTTP/1.1 GET
 * /installed?version=V to a login server's TCP port. Nothing else goes along but what HTTP demands (Host). Bounded in
 * time and in what is read; a server that is not there costs nobody anything.
 */
import { get } from 'node:http';
import type { Endpoint } from '../net/protocol/endpoint.ts';
import { INSTALL_NOTICE_MS } from '../net/protocol/params.ts';

const VERSION = /^[A-Za-z0-9.+-]{1,32}$/;
/** A version and no more. */
const BODY_BYTES_MAX = 64;

/** The newest version that the server knows; undefined when it did not say within INSTALL_NOTICE_MS. Never rejects. */
export function tellInstalled({ host, port }: Endpoint, version: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const nothing = (): void => resolve(undefined);
    const path = `/installed?version=${encodeURIComponent(version)}`;
    const signal = AbortSignal.timeout(INSTALL_NOTICE_MS);
    const request = get({ host, port, path, agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_BYTES_MAX) request.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 && VERSION.test(body) ? body : undefined));
      response.on('error', nothing);
      response.on('close', nothing);
    });
    request.on('error', nothing);
    request.on('close', nothing);
  });
}
