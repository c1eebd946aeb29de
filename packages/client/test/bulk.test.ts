// A hundred thousand runs on a real database: started in one call and half of them cancelled by a filter, in
// bounded memory, with progress, while other runs keep going.
import type { BulkProgress, StartItem, StartProgress } from '@perdure/client';
import { workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshEngine } from '../../testing/test/engine.js';
import { expectHealthy } from '../../testing/test/healthy.js';

const { client, sql, work } = await freshEngine();

const all = 100_000;
const idle = workflow({ name: 'idle', queue: 'nobody serves it' }, async () => 'never');
const steady = workflow('steady', async (ctx, n: number) => ctx.step('count', () => n));

const thousands = (n: number): number[] => Array.from({ length: n }, (_, at) => (at + 1) * 1_000);

/** Executes one run after the other until it is told to end; gives how many there were. */
function keepGoing(): { readonly done: number; end(): Promise<number> } {
  let over = false;
  const beside = { done: 0, end: async (): Promise<number> => 0 };
  const going = (async () => {
    while (!over) {
      expect(await client.execute(steady, beside.done)).toBe(beside.done);
      beside.done++;
    }
  })();
  beside.end = async () => {
    over = true;
    await going;
    return beside.done;
  };
  return beside;
}

async function count(rows: string): Promise<unknown> {
  return (await sql(`select count(*)::integer as n from ${rows}`))[0]?.['n'];
}

test('are started in one call, and half of them cancelled by a filter', { timeout: 300_000 }, async () => {
  await work([steady]);
  const beside = keepGoing();

  let given = 0;
  async function* source(): AsyncGenerator<StartItem<void>> {
    for (; given < all; given++) {
      yield { id: `run-${given}`, attributes: { half: given % 2 === 0 ? 'even' : 'odd' } };
    }
  }
  const started: Array<{ created: number; ahead: number; besides: number }> = [];
  const onStart = ({ created, refs }: StartProgress): void => {
    expect(refs).toHaveLength(1_000);
    started.push({ created, ahead: given - created, besides: beside.done });
  };
  expect(await client.startMany(idle, source(), { onProgress: onStart }))
    .toEqual({ created: all, existing: 0 });
  expect(started.map(({ created }) => created)).toEqual(thousands(100));
  // Never more than a chunk was asked for and not written.
  expect(Math.max(...started.map(({ ahead }) => ahead))).toBeLessThanOrEqual(1_000);
  expect(await count("perdure.runs where workflow = 'idle'")).toBe(all);
  expect(await count("perdure.ready where workflow = 'idle'")).toBe(all);

  const half = client.select({ workflow: idle, attributes: { half: 'even' } });
  const cancelled: Array<BulkProgress & { besides: number }> = [];
  const onCancel = (progress: BulkProgress): void => (
    void cancelled.push({ ...progress, besides: beside.done }));
  const before = beside.done;
  expect(await half.cancel('too many', { onProgress: onCancel }))
    .toEqual({ done: all / 2, skipped: 0, failures: 0, failed: [] });
  expect(cancelled.map(({ done }) => done)).toEqual(thousands(50));
  expect(await count("perdure.messages where kind = 'cancel'")).toBe(all / 2);
  expect(await count("perdure.messages m where kind = 'cancel' and run_id ~ '[13579]$'")).toBe(0);

  // Others went on all the while.
  expect(started.at(-1)!.besides - started[0]!.besides).toBeGreaterThan(50);
  expect(cancelled.at(-1)!.besides - before).toBeGreaterThan(10);
  expect(await beside.end()).toBeGreaterThan(60);

  // Asked for again, everything is there.
  expect(await client.select({ ids: ['run-2', 'run-3'] }).cancel('again')).toMatchObject({ done: 2 });
  expect(await count("perdure.messages where kind = 'cancel'")).toBe(all / 2 + 1);
  const again = Array.from({ length: 3_000 }, (_, at) => ({ id: `run-${at + all - 2_000}` }));
  expect(await client.startMany(idle, again)).toEqual({ created: 1_000, existing: 2_000 });
  await expectHealthy(client);
});
