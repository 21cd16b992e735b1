/** The install notice on its stream: what is answered, what is left to the packets, and that a head is bounded. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOGIN_OPENING } from '../../../src/net/protocol/paper.ts';
import { INSTALL_NOTICE_HEAD_BYTES_MAX } from '../../../src/net/protocol/params.ts';
import { InstallNoticeReader } from '../../../src/net/wire/install-notice.ts';

const REQUEST = 'GET /installed?version=0.1.0 HTTP/1.1\r\nHost: login:33033\r\nConnection: close\r\n\r\n';

function reply(text: string): string {
  const read = new InstallNoticeReader('0.2.0').push(Buffer.from(text, 'latin1'));
  return read !== 'more' && 'reply' in read ? read.reply.toString('latin1') : 'none';
}

test('it is answered with the newest version as the whole body', () => {
  expect(reply(REQUEST)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 5\r\n[\s\S]*\r\n\r\n0\.2\.0$/);
});

test('however it is cut, it reads the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: REQUEST.length - 1 }), (cut) => {
      const reader = new InstallNoticeReader('0.2.0');
      expect(reader.push(Buffer.from(REQUEST.slice(0, cut)))).toBe('more');
      expect(reader.push(Buffer.from(REQUEST.slice(cut)))).toHaveProperty('reply');
    }),
  );
});

test.each(['GET / HTTP/1.1\r\n\r\n', 'GET /installed?name=alice1 HTTP/1.1\r\n\r\n', 'GET AWAY\r\n\r\n'])(
  '%j is not found',
  (text) => {
    expect(reply(text)).toMatch(/^HTTP\/1\.1 404/);
  },
);

test('packets and the opening record of the login dialogue are left alone', () => {
  for (const bytes of [Buffer.from(LOGIN_OPENING), Buffer.from('any packet'), Buffer.from('GET\0 back')]) {
    expect(new InstallNoticeReader('0.2.0').push(bytes)).toEqual({ notHttp: bytes });
  }
});

test('what only begins like one is handed on from its first byte', () => {
  const reader = new InstallNoticeReader('0.2.0');
  for (const letter of 'GET') expect(reader.push(Buffer.from(letter))).toBe('more');
  expect(reader.push(Buffer.from('!?'))).toEqual({ notHttp: Buffer.from('GET!?') });
});

test('a head that does not end is refused at its bound', () => {
  const reader = new InstallNoticeReader('0.2.0');
  let read = reader.push(Buffer.from('GET /installed HTTP/1.1\r\n'));
  for (let i = 0; i < INSTALL_NOTICE_HEAD_BYTES_MAX && read === 'more'; i += 100)
    read = reader.push(Buffer.alloc(100, 65));
  expect(read !== 'more' && 'reply' in read && read.reply.toString()).toMatch(/^HTTP\/1\.1 400/);
});

test('no bytes make it throw, and it holds no more than one head', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }), (chunks) => {
      const reader = new InstallNoticeReader('0.2.0');
      let read = reader.push(Buffer.from('GET '));
      let held = 4;
      for (const chunk of chunks) {
        if (read !== 'more') break;
        read = reader.push(Buffer.from(chunk));
        held += chunk.length;
      }
      if (held >= INSTALL_NOTICE_HEAD_BYTES_MAX) expect(read).toHaveProperty('reply');
      else expect(read).not.toHaveProperty('notHttp');
    }),
  );
});
