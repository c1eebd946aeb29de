// What is read of a run that begins anew, and what is written: pages of its record, its version, sealed
// values.
import { createClient, type Client, type RetryOptions } from '@perdure/client';
import { workflow, type ValueSeal } from '@perdure/core';
import {
  MemoryStore, nothing, systemEnv, type ClaimedRun, type Entry, type EntryRange, type RecordedEntry,
} from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { expect, test } from 'vitest';
import { failure, silent } from '../../testing/test/engine.js';
import { endsWith } from './world.js';

const flow = workflow('flow', async () => 'done');

/** Tells how much was asked for. */
class Paged extends MemoryStore {
  readonly limits: number[] = [];

  override async readEntries(range: EntryRange): Promise<readonly RecordedEntry[]> {
    this.limits.push(range.limit);
    return super.readEntries(range);
  }
}

function entry(position: number, more: Partial<Entry> = {}): Entry {
  return {
    place: String(position), position, kind: 'step', name: 's', value: nothing, error: null, attempt: 1,
    tookMs: 0, message: null, ...more,
  };
}

async function claim(store: MemoryStore, version: string | null = null): Promise<ClaimedRun> {
  const { runs } = await store.claim({
    claimId: systemEnv.newToken(), limit: 1, suspects: false, leaseMs: 600_000, sweep: true,
    served: [{ queue: 'default', workflow: 'flow', version: null, stamp: version },
      { queue: 'default', workflow: 'flow', version, stamp: version }],
  });
  return runs[0]!;
}

async function failedWith(entries: readonly Entry[], version: string | null = null) {
  const store = new Paged();
  const client = createClient({ connection: memoryConnection({ store }) });
  const run = await client.start(flow);
  const { lease } = await claim(store, version);
  await store.commit([
    { lease, entries, calls: [], closed: [], end: endsWith('failed', '{"message":"no"}'), more: null },
  ]);
  return { store, client, run };
}

test('a record is read page by page, with the marks that stand at the end of one', async () => {
  // The page ends between the answer at 900 and the last of the marks that follow it.
  const steps = Array.from({ length: 1_100 }, (_, at) => entry(at + 1));
  const marks = Array.from({ length: 150 }, (_, at) => (
    entry(900, { place: `901~m${at}`, kind: 'patch', name: `m${at}` })));
  const { store, run } = await failedWith([...steps, ...marks]);
  const history = await run.history();
  expect(history).toHaveLength(1_250);
  expect(new Set(history.map(({ place }) => place)).size).toBe(1_250);
  expect(history.filter(({ kind }) => kind === 'patch')).toHaveLength(150);
  expect(store.limits).toEqual([1_000, 1_000]);
});

test('a record with more marks at one position than a page has is read as well', async () => {
  const marks = Array.from({ length: 2_500 }, (_, at) => (
    entry(1, { place: `2~m${at}`, kind: 'patch', name: `m${at}` })));
  const { run } = await failedWith([entry(1), ...marks, entry(2)]);
  expect(await run.history()).toHaveLength(2_502);
});

test('what keeps something of its record keeps its version; what keeps nothing is stamped anew', async () => {
  const version = async (options?: RetryOptions, entries = [entry(1), entry(2)]): Promise<string | null> => {
    const { run } = await failedWith(entries, 'v1');
    await run.retry(options);
    return (await run.detail()).version;
  };
  expect(await version(undefined)).toBe('v1');
  expect(await version({ from: '2' })).toBe('v1');
  expect(await version({ from: '1' })).toBe(null);
  expect(await version({ from: 'start' })).toBe(null);
  expect(await version(undefined, [])).toBe(null);
  expect(await version({ version: 'v2' })).toBe('v2');
  expect(await version({ version: null })).toBe(null);
  expect(await version({ from: 'start', version: 'v1' })).toBe('v1');
  const { run } = await failedWith([entry(1), entry(2)], 'v1');
  expect((await (await run.fork({ from: '2' })).detail()).version).toBe('v1');
  expect((await (await run.fork({ from: 'start' })).detail()).version).toBe(null);
});

/** Seals for the place where a text stands, and opens it there alone. */
const seal: ValueSeal = {
  strict: true,
  seal: (text, { binding }) => Buffer.from(JSON.stringify({ binding, text })).toString('base64'),
  open: (sealed, { binding }) => {
    const opened = JSON.parse(Buffer.from(sealed, 'base64').toString()) as { binding: string; text: string };
    if (opened.binding !== binding) throw new Error(`it was sealed for ${opened.binding}`);
    return opened.text;
  },
};

test('what is kept is sealed for its new place; what cannot be opened is not moved', async () => {
  const store = new MemoryStore();
  const connection = memoryConnection({ store, values: seal });
  const client: Client = createClient({ connection });
  let broken = true;
  const secret = workflow({ name: 'secret', retry: 1 }, async (ctx, input: string) => {
    const kept = await ctx.step('keep', () => `${input}!`);
    await ctx.step('fail', () => {
      if (broken) throw new Error('no');
    });
    return kept;
  });
  await using worker = createWorker({ connection, workflows: [secret], logger: silent });
  await worker.start();
  const run = await client.start(secret, 'hush');
  await failure(run.result());
  broken = false;
  const fork = await run.fork({ from: 'failure' });
  expect(await fork.result()).toBe('hush!');
  await run.retry();
  expect(await run.result()).toBe('hush!');
  expect((await run.history())[0]).toMatchObject({ name: 'keep', value: 'hush!' });
  const ended = await client.start(secret, 'again', { delay: '1 hour' });
  await ended.terminate('in the clear');
  expect((await failure(ended.result())).cause).toMatchObject({ message: 'It was terminated: in the clear' });

  const stranger = createClient({ connection: memoryConnection({
    store, values: { ...seal, open: () => Promise.reject(new Error('another key')) },
  }) });
  const theirs = stranger.get(secret, run.id);
  const unreadable = { code: 'VALUE_UNREADABLE', runId: run.id };
  expect(await failure(theirs.fork({ from: 'fail' }))).toMatchObject(unreadable);
  expect(await failure(theirs.retry({ from: 'fail', input: 'new' }))).toMatchObject(unreadable);
  expect((await theirs.detail()).input).toMatchObject({ code: 'VALUE_UNREADABLE' });
  expect((await theirs.history())[0]?.value).toMatchObject({ code: 'VALUE_UNREADABLE' });
  expect(await run.detail()).toMatchObject({ status: 'completed', generation: 2 });
});
