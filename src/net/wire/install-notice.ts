/**
 * The one message of the network that is not sealed: after its first join an installation makes one HTTP/1.1 GET with
 * the word `installed` to its network's login server (BS04 section 3.1, where it went to the maker's web site). It says
 * the version and nothing else; the answer names the newest version that the server knows, and the stream is closed.
 *
 *   incoming stream --begins with "GET "--> InstallNoticeReader --whole head--> reply
 *
 * No stream of packets and no opening record begins so, so one port serves all three. At most one head is held.
 */
import { INSTALL_NOTICE_HEAD_BYTES_MAX } from '../protocol/params.ts';

/** By these bytes a stream is an install notice, right or wrong. */
export const INSTALL_NOTICE_WORD: Uint8Array = Buffer.from('GET ', 'latin1');
const HEAD_END = '\r\n\r\n';
const REQUEST = /^GET \/installed(\?version=[A-Za-z0-9.+-]{1,32})? HTTP\/1\.[01]\r\n/;

/** `notHttp`: read the stream as packets, from these bytes on. `more`: not whole yet. A reply: write it, then close. */
export type NoticeRead = 'more' | { readonly notHttp: Buffer } | { readonly reply: Buffer };

export class InstallNoticeReader {
  readonly #newestVersion: string;
  #head = '';

  constructor(newestVersion: string) {
    this.#newestVersion = newestVersion;
  }

  /** What arrived on the stream, from its first byte on. Never throws. */
  push(bytes: Buffer): NoticeRead {
    const word = INSTALL_NOTICE_WORD;
    if (this.#head.length < word.length) {
      const begun = Buffer.concat([Buffer.from(this.#head, 'latin1'), bytes]);
      const both = Math.min(begun.length, word.length);
      if (!begun.subarray(0, both).equals(word.subarray(0, both))) return { notHttp: begun };
    }
    this.#head += bytes.subarray(0, INSTALL_NOTICE_HEAD_BYTES_MAX).toString('latin1');
    if (this.#head.includes(HEAD_END)) {
      return REQUEST.test(this.#head) ? answer('200 OK', this.#newestVersion) : answer('404 Not Found', '');
    }
    return this.#head.length < INSTALL_NOTICE_HEAD_BYTES_MAX ? 'more' : answer('400 Bad Request', '');
  }
}

function answer(status: string, body: string): { readonly reply: Buffer } {
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: text/plain',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return { reply: Buffer.from(`${head.join('\r\n')}${HEAD_END}${body}`, 'latin1') };
}
