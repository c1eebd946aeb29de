// Runs that lose their worker again and again while they record by transactions alone.
import { workflow } from '@perdure/core';
import type { Harness, HeldRuns } from '@perdure/core/engine';
import { poisonStrikes } from '../dist/defaults.js';
import { expect, test } from 'vitest';
import { freshStage } from './stage.js';

const stage = await freshStage();
const rows = poisonStrikes + 4;

// Guards Q1: recorded progress absolves a suspect. Taken out (a transaction does not), the run is parked as
// POISONED though it came further each time.
test('a transaction that committed absolves its run', async () => {
  let held: HeldRuns | undefined;
  const reached = new Set<number>();
  const flow = workflow('rows', async (ctx) => {
    for (let row = 0; row < rows; row++) {
      await ctx.transaction(`row ${row}`, async () => {
        if (reached.has(row)) return;
        reached.add(row);
        held?.vanish();
        void stage.endLease(ctx.runId);
        await new Promise(() => undefined);
      });
    }
    return 'all rows';
  });
  const run = await stage.client.start(flow);
  const harness: Harness = { attach: (runs) => void (held = runs), probationMs: 5_000 };
  await stage.work([flow], { harness });
  expect(await run.result()).toBe('all rows');
  expect(reached.size).toBe(rows);
});
