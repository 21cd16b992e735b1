import { defineConfig } from 'vitest/config';

// `forks`: native modules (libsql, Opus) and real processes are used in tests. Two workers fit two cores.
export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
