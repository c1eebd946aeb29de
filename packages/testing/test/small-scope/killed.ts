// A test of one scenario, killed everywhere.
import { expect, test } from 'vitest';
import { exploreKills, type Scenario } from './kill-explorer.js';

/** How many points a scenario has, and how many pairs of points were tried. */
export interface Reach {
  readonly points: number;
  readonly pairs: number;
}

/**
 * Kills the worker at each of so many points, and at each pair of them. The numbers are part of the test: an
 * exploration that reaches less would find less.
 */
export function killedEverywhere(scenario: Scenario, { points, pairs }: Reach): void {
  test(`${scenario.name}: ${points} points, ${pairs} pairs of them`, { timeout: 120_000 }, async () => {
    const found = await exploreKills(scenario);
    expect(found.violations).toEqual([]);
    expect({ points: found.points.length, pairs: found.pairs }).toEqual({ points, pairs });
    expect(found.singles).toBe(points);
  });
}
