// Tests of behaviour, each of which holds in every mode; see modes.ts.
import type { Workflow } from '@perdure/core';
import type { TestEnv, TestEnvOptions } from '@perdure/testing';
import { test } from 'vitest';
import { World, type WorldWorkerOptions } from '../dist/world.js';
import { silent } from './engine.js';
import { expectHealthy } from './healthy.js';
import { mode, rules, type Mode } from './modes.js';

export { mode, modes, type Mode } from './modes.js';

/** What a test of behaviour is given: a test environment, whose workflows it brings itself. */
export interface BehaviourEnv extends TestEnv {
  /** Starts a worker for these workflows. Once more, and there are two. */
  serve(...workflows: readonly Workflow[]): Promise<void>;
  /** The same, with options. */
  work(workflows: readonly Workflow[], options?: WorldWorkerOptions): Promise<void>;
  /** Every worker dies with all that it holds, and comes back with nothing. */
  vanish(): void;
  readonly store: World['store'];
}

/** Where the time of all tests of behaviour begins. */
export const startAt: Date = new Date('2030-01-01T00:00:00Z');

class BehaviourWorld extends World implements BehaviourEnv {
  serve(...workflows: readonly Workflow[]): Promise<void> {
    return this.work(workflows);
  }
}

/** What can be chosen for a world. */
export type BehaviourOptions = Omit<TestEnvOptions, 'workflows'>;

/** A world in one of the modes, without workers; dispose of it. */
export function behaviourWorld(how: Mode = mode, options: BehaviourOptions = {}): BehaviourEnv {
  return new BehaviourWorld({ startAt, logger: silent, ...options, workflows: [] }, rules[how]);
}

/** A test that must hold in every mode. */
export function behaviour(
  name: string, body: (env: BehaviourEnv) => Promise<void>, options: BehaviourOptions = {},
): void {
  test(name, async () => {
    await using env = behaviourWorld(mode, options);
    await body(env);
    await expectHealthy(env.client);
  });
}
