// The door to virtual time.
import type { TestEnv, TestEnvOptions } from './test-env.js';
import { World } from './world.js';

/**
 * Makes a world for one test: `await using env = await createTestEnv({ workflows: [mine] })`. Throws what
 * `createWorker` throws, and INVALID_TIME and INVALID_DURATION for nonsense in its own options.
 */
export async function createTestEnv(options: TestEnvOptions): Promise<TestEnv> {
  // A crash that a test has asked for is no reason to suspect a run for long.
  const world = new World(options, { probationMs: 0 });
  await world.work(options.workflows);
  return world;
}
