// Chaos, small: a business lives through the kills of its workers and its clients. `pnpm chaos` is the same
// at size, and chaos.test.ts has the other faults.
import { expect, test } from 'vitest';
import { chaosRound } from '../chaos/chaos-round.js';
import { givenServer } from '../chaos/chaos-server.js';
import { kindsNamed } from '../chaos/fault-catalogue.js';

const kinds = kindsNamed(['kill', 'kill-in-transaction', 'kill-client', 'kill-client-at-commit']);
const server = givenServer(process.env['PERDURE_TEST_URL'] ?? '');

test('no body runs again unless its worker died or lost the run, and nothing is lost', { timeout: 300_000 },
  async () => {
    const report = await chaosRound({ server, kinds, seed: 4, seconds: 120, enough: 25, leaseMs: 600 });
    expect(report.violations).toEqual([]);
    for (const { name } of kinds) {
      expect([name, report.faults.get(name)?.hits]).toEqual([name, expect.any(Number)]);
      expect(report.faults.get(name)?.hits, name).toBeGreaterThan(0);
    }
    expect(report.effects).toBeGreaterThan(report.again);
  });
