// Chaos, small: orders survive twenty kills. `pnpm chaos` is the same at size.
import { createClient } from '@perdure/client';
import { connect } from '@perdure/sql';
import { expect, test } from 'vitest';
import { killOrders } from '../chaos/kill-orders.js';
import { freshDatabase } from './database.js';
import { expectHealthy } from './healthy.js';

const url = await freshDatabase();

test('40 orders live through 20 kills of their workers', { timeout: 180_000 }, async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const report = await killOrders({ url, orders: 40, kills: 20, workers: 2, seed });
  expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
  expect(report.kills).toBe(20);
  expect(report.killsThatHit).toBeGreaterThan(0);
  expect(report.bodies).toBeGreaterThanOrEqual(160);
  await using connection = await connect(url);
  await expectHealthy(createClient({ connection }));
});
