import { defineConfig } from 'vitest/config';

/**
 * Two floors, which `npm test` runs at once (`test/run.mjs`). `cores` runs in virtual time or on pure functions, two files at
 * once. `real` has real sockets, sound, terminals and processes in real time: one file at a time, and a scene that a busy
 * machine spoilt is tried again, twice at most.
 */
const REAL = [
  'test/flows/check.test.ts',
  'test/flows/two-people.test.ts',
  'test/flows/three-people.test.ts',
  'test/flows/two-supernodes.test.ts',
  'test/flows/six-supernodes.test.ts',
  'test/flows/kills.test.ts',
  'test/flows/serving.test.ts',
  'test/audio/voice-child.test.ts',
  'test/audio/device-cards.test.ts',
  'test/audio/device-pulse-silence.test.ts',
  'test/audio/endpoint-child.test.ts',
  'test/audio/endpoint-flood.test.ts',
  'test/audio/endpoint-owner.test.ts',
  'test/audio/device-moves.test.ts',
  'test/audio/stream-watch.test.ts',
  'test/tui/screen.test.ts',
  'test/tui/stories.test.ts',
  'test/tui/lines.test.ts',
  'test/tui/tmux-alerts.test.ts',
  'test/tui/build.test.ts',
  'test/bin/**/*.test.ts',
  'test/net/io/**/*.test.ts',
  'test/store/agent-*.test.ts',
  'test/store/profile-lock-db.test.ts',
  'test/store/account-postgres-db.test.ts',
  'test/store/install-notice-io.test.ts',
  'test/lab/**/*.test.ts',
];

// `forks`: native modules (libsql, Opus) and real processes are used in tests. Two workers fit two cores.
// Agents of tests ask no keyring of whoever runs them.
const env = { WREN_NO_SECRET_STORE: '1' };
const shared = { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000, env } as const;
// Virtual time asks nothing of the clock: how long such a scene takes tells of the machine, and ten minutes, that it hangs.
const unhurried = { testTimeout: 600_000, hookTimeout: 600_000 } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          ...unhurried,
          name: 'cores',
          setupFiles: ['test/support/seeded-properties.ts'],
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: REAL,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'real',
          include: REAL,
          maxWorkers: 1,
          fileParallelism: false,
          retry: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
