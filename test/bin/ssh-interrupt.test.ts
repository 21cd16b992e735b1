/** `wren ssh` that is ended before its ssh has begun. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/private-network.ts';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

let wren: BuiltWren;
beforeAll(() => {
  wren = buildWren();
});
afterAll(() => wren.remove());

test('ended while ssh is still asked for its settings, it begins no connection', async () => {
  const profile = wren.profile();
  const bin = join(profile, 'bin');
  mkdirSync(bin);
  const fake = `#!/bin/sh\nif [ "$1" = -G ]; then touch "${bin}/asked"; sleep 1; exit 0; fi\ntouch "${bin}/begun"; exec sleep 4\n`;
  writeFileSync(join(bin, 'ssh'), fake, { mode: 0o755 });
  const running = wren.start(['--profile', profile, 'ssh', 'host'], { env: { PATH: `${bin}:${process.env.PATH}` } });
  await until(() => existsSync(join(bin, 'asked')), 10_000, running.stderr);
  running.signal('SIGTERM');
  const { code } = await running.ended;
  expect(existsSync(join(bin, 'begun'))).toBe(false);
  expect(code).not.toBe(0);
});
