/**
 * Tests that run a scene in several worlds, one for each seed. A failure names its seed, shows the end of the trace,
 * and gives the one command that runs it again. Seeds are 1, 2, 3, ...: an unlucky one must not fail somebody
 * else's change; `WREN_RUNS=500` hunts for more, `WREN_SEED=n` repeats one.
 */
import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { World } from './world.ts';

export interface SeededOptions {
  /** Worlds by default; 3 if not said. */
  readonly runs?: number;
}

export type Scene = (world: World) => void | Promise<void>;

export function seeded(name: string, scene: Scene, options: SeededOptions = {}): void {
  test(name, async () => {
    const path = expect.getState().testPath ?? '';
    for (const seed of seeds(options.runs ?? 3)) await runScene(scene, seed, replayCommand(seed, path, name));
  });
}

/** Runs the scene in the world of this seed; a failure says how to see it `again`. */
export async function runScene(scene: Scene, seed: number, again: string): Promise<void> {
  const world = new World({ seed });
  try {
    await scene(world);
  } catch (failure) {
    // The same error, so that its stack and its diff stay.
    const error = failure instanceof Error ? failure : new Error(String(failure));
    error.message = `${error.message}\n\nseed ${seed} at ${world.now} ms; again: ${again}\n${world.traceTail()}`;
    throw error;
  }
}

/** Which seeds to run: 1 to `runs`, unless the environment says otherwise. */
export function seeds(runs: number, environment: NodeJS.ProcessEnv = process.env): number[] {
  if (environment.WREN_SEED !== undefined) return [Number(environment.WREN_SEED)];
  const count = environment.WREN_RUNS === undefined ? runs : Number(environment.WREN_RUNS);
  return Array.from({ length: count }, (_, index) => index + 1);
}

export function replayCommand(seed: number, path: string, name: string): string {
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/["`]/g, '.');
  return `WREN_SEED=${seed} npx vitest run ${relative(process.cwd(), path)} -t "${pattern}"`;
}
