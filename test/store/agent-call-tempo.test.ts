/** The flags of V8 in a call, against the V8 that runs here. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { TEMPO_FLAGS, VOICE_TEMPO } from '../../src/store/call-tempo-io.ts';

describe('the flags of a call', () => {
  it('are known to this V8, and without a call they are its own', () => {
    if (VOICE_TEMPO.length === 0) {
      console.log(`SKIPPED: V8 ${process.versions.v8} is left as it is`);
      return;
    }
    const told = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
    for (const { name, usual } of TEMPO_FLAGS) expect(told).toContain(` default: --${name}=${usual}\n`);
    const run = spawnSync(process.execPath, [...VOICE_TEMPO, '-e', '0'], { encoding: 'utf8' });
    expect([run.status, run.stderr]).toEqual([0, '']);
  });
});
