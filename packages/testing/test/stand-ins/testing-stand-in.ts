// What examples import in place of `@perdure/testing`: its worlds are those of the mode.
import type { TestEnv, TestEnvOptions } from '@perdure/testing';
import type { World } from '../../dist/world.js';
import { mode, rules } from '../modes.js';

export * from '@perdure/testing';

// From where this is compiled to.
const module = new URL('../../../../testing/dist/world.js', import.meta.url).href;
const worlds = await import(module) as { readonly World: typeof World };

/** As `createTestEnv` of the package. */
export async function createTestEnv(options: TestEnvOptions): Promise<TestEnv> {
  const world = new worlds.World(options, rules[mode]);
  await world.work(options.workflows);
  return world;
}
