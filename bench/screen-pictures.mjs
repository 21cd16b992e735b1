/**
 * The pictures of the README, made from a real run: a private network, three people who are buddies, a talk, a call with
 * sound from files, and the settings. `npm run build && node bench/screen-pictures.mjs`; takes half a minute.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WREN = join(ROOT, 'bin/wren');
const folder = mkdtempSync(join(tmpdir(), 'wren-pictures-'));
const env = {
  ...process.env,
  WREN_PASSWORD: 'a long password',
  WREN_NO_SECRET_STORE: '1',
  WREN_NO_INSTALL_PING: '1',
  WREN_NO_PORT_MAPPING: '1',
  WREN_NO_WEB_PORTS: '1',
  TZ: 'UTC',
  LANG: 'C.UTF-8',
};
const profileOf = (name) => join(folder, name);
const wren = (name, ...args) =>
  execFileSync(process.execPath, [WREN, ...args, '--profile', profileOf(name)], {
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  });
const started = [];

try {
  const invite = await network();
  const people = [
    ['alice1', 'Alice Doe'],
    ['bobby1', 'Bob Builder'],
    ['carol-w', 'Carol Wright'],
  ];
  for (const [name] of people) {
    wren(name, 'join', invite);
    wren(name, 'signup', name);
  }
  for (const other of ['bobby1', 'carol-w']) {
    wren('alice1', 'buddies', 'add', other, 'it is Alice');
    await until(() => wren(other, 'buddies').includes('alice1'));
    wren(other, 'buddies', 'accept', 'alice1');
  }
  wren('alice1', 'buddies', 'add', 'echo');
  wren('bobby1', 'chat', 'alice1', 'Morning! Is the new build any good?');
  wren('alice1', 'chat', 'bobby1', 'Better: it no longer eats the last word. https://wren.example.org/changes');
  wren('bobby1', 'chat', 'alice1', 'Call me, I want to hear that 🎧');
  wren('carol-w', 'chat', 'alice1', 'Lunch at noon?');
  writeFileSync(join(folder, 'voice.wav'), voice());
  const answer = ['answer', '--profile', profileOf('bobby1'), '--audio', `file:${join(folder, 'voice.wav')},`];
  started.push(spawn(process.execPath, [WREN, ...answer], { env, stdio: 'ignore' }));
  picture('screen.svg', 28, [
    'wait:bobby1 .*online[\\s\\S]*carol-w',
    'type:g',
    'wait:▸ ● bobby1[\\s\\S]*Call me',
    'type:c',
    'wait:sounds good[\\s\\S]*round trip',
    'type:\\r',
    'type:Here I am: ',
    'pause:2500',
    'wait:> Here I am',
  ]);
  wren('alice1', 'hangup');
  picture('settings.svg', 28, [
    'wait:bobby1 .*online',
    'type:,',
    'wait:Settings',
    'type:jjjj',
    'wait:▸ Theme',
    'pause:500',
  ]);
} finally {
  for (const name of ['alice1', 'bobby1', 'carol-w']) {
    try {
      wren(name, 'agent', 'stop');
    } catch {
      // It had not come so far.
    }
  }
  for (const child of started) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** A login server, a supernode and the echo service; resolves with the invite. */
function network() {
  const args = [
    WREN,
    'up',
    '--dir',
    join(folder, 'network'),
    '--host',
    '127.0.0.1',
    '--json',
    '--profile',
    profileOf('up'),
  ];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  started.push(child);
  return new Promise((resolve, reject) => {
    child.on('exit', () => reject(new Error('the network did not start')));
    createInterface(child.stdout).on('line', (line) => {
      const { event, invite } = JSON.parse(line);
      if (event === 'ready') resolve(invite);
    });
  });
}

function picture(name, rows, steps) {
  const script = join(ROOT, 'bench/picture.mjs');
  const flags = ['--columns', '100', '--rows', String(rows), ...steps.flatMap((step) => ['--step', step])];
  const program = [process.execPath, WREN, '--profile', profileOf('alice1')];
  const audio = ['--audio', `file:${join(folder, 'voice.wav')},`];
  execFileSync(process.execPath, [script, join(ROOT, 'src/tui', name), ...flags, '--', ...program, ...audio], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function until(holds) {
  for (let tries = 0; tries < 50; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('waited in vain');
}

/** A minute of a voice-like hum, 16 kHz mono: syllables of changing pitch. */
function voice() {
  const rate = 16_000;
  const samples = Buffer.alloc(rate * 60 * 2);
  for (let at = 0; at < samples.length / 2; at++) {
    const seconds = at / rate;
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 3.1 * seconds)) * (0.6 + 0.4 * Math.sin(seconds));
    const pitch = 140 + 40 * Math.sin(1.7 * seconds);
    const hum = [1, 2, 3, 5].reduce((sum, part) => sum + Math.sin(2 * Math.PI * pitch * part * seconds) / part, 0);
    samples.writeInt16LE(Math.round(5_000 * syllable * hum), at * 2);
  }
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}
