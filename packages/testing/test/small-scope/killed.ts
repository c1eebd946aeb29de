// A test of one scenario, killed everywhere. Nothing in it depends on real time, so that a busy machine
// reaches the same points.
import { systemEnv, type Timer } from '@perdure/core/engine';
import { beforeEach, expect, test, vi } from 'vitest';
import { exploreKills, type Scenario } from './kill-explorer.js';

/** How many points a scenario has, and how many pairs of points were tried. */
export interface Reach {
  readonly points: number;
  readonly pairs: number;
}

/** After so many turns of the event loop a pause ends at the latest. */
const pauseTurns = 60;

beforeEach(() => {
  vi.spyOn(systemEnv, 'after').mockImplementation((_ms, fire) => inTurns(pauseTurns, fire));
});

/** What a virtual clock takes from the real one, counted in turns instead of milliseconds. */
function inTurns(turns: number, fire: () => void): Timer {
  let left = turns;
  const turn = (): void => {
    if (left-- > 0) setImmediate(turn);
    else if (left === -1) fire();
  };
  setImmediate(turn);
  return { cancel: () => void (left = -1) };
}

/**
 * Kills the worker at each of so many points, and at each pair of them. The numbers are part of the test: an
 * exploration that reaches less would find less.
 */
export function killedEverywhere(scenario: Scenario, { points, pairs }: Reach): void {
  test(`${scenario.name}: ${points} points, ${pairs} pairs of them`, { timeout: 300_000 }, async () => {
    const found = await exploreKills(scenario);
    expect(found.violations).toEqual([]);
    expect({ points: found.points.length, pairs: found.pairs }).toEqual({ points, pairs });
    expect(found.singles).toBe(points);
  });
}
