// A business lives through what befalls its database as a whole. The same at size, with figures:
// node packages/testing/dist-chaos/restore-main.js
import { expect, test } from 'vitest';
import { noBouncer } from '../chaos/restore-bouncer.js';
import {
  diskFull, failover, noSmallDisk, restore, type ScenarioReport,
} from '../chaos/restore-scenarios.js';

const small = { rounds: 1, orders: 12, workers: 2 };
const patience = { timeout: 180_000 };

function expectKept(report: ScenarioReport): void {
  expect(report.violations).toEqual([]);
  expect(report.recoveredMs.length).toBe(1);
}

test('a synchronous standby takes over: nothing that was answered is lost', patience, async () => {
  const report = await failover('sync', small);
  expectKept(report);
  expect(report.lost).toBe(0);
  expect(report.restored).toEqual(Array(2).fill('it is on timeline 2 and was on 1'));
});

test('a standby without the last commits takes over: orders and runs agree', patience, async () => {
  const report = await failover('async', small);
  expectKept(report);
  expect(report.restored).toEqual(Array(2).fill('it is on timeline 2 and was on 1'));
});

test('a backup is put back to a point in time under living workers', patience, async () => {
  const report = await restore('direct', small);
  expectKept(report);
  expect(report.restored).toEqual(Array(2).fill('it is on timeline 2 and was on 1'));
});

/** Says loudly what this machine cannot do: a skipped test alone is easily passed over. */
function lacking(what: string, why: string | null): boolean {
  if (why !== null) console.warn(`NOT RUN: ${what}: ${why}`);
  return why !== null;
}

const noPooler = lacking('a restore behind a pooler', await noBouncer());
test.skipIf(noPooler)('the same behind a pooler that keeps connections', patience, async () => {
  const report = await restore('pooler', small);
  expectKept(report);
  expect(report.restored.length).toBe(2);
});

const noDisk = lacking('a full disk', await noSmallDisk());
test.skipIf(noDisk)('the disk is full for a while', patience, async () => {
  const report = await diskFull(small);
  expectKept(report);
  expect(report.lost).toBe(0);
  // The server is the same, whether it ended or not.
  expect(report.restored).toEqual([]);
});
