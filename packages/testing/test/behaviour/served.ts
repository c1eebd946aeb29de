// Tests of behaviour whose workflows are served from the beginning.
import type { Workflow } from '@perdure/core';
import { behaviour as inWorld, type BehaviourEnv } from '../behaviour-world.js';

/** A test that must hold in every mode, in a world where a worker serves `workflows`. */
export function behaviour(
  name: string, workflows: readonly Workflow[], body: (world: BehaviourEnv) => Promise<void>,
): void {
  inWorld(name, async (world) => {
    await world.serve(...workflows);
    await body(world);
  });
}
