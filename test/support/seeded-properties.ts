/**
 * Read before each test file of the lower floor (`vitest.config.ts`). Properties are tried with the same values in every
 * run, so that an unlucky one fails the change that brings it and no other; `WREN_SEED=n` tries others, as in seeded
 * scenes (`test/sim/seeded.ts`). A property that names its own seed keeps it.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.WREN_SEED ?? 1) });
