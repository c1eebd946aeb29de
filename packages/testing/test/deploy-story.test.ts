// What deploys do to runs that are under way, told from beginning to end: releases as worker processes of
// their own, on PostgreSQL. docs/change.md tells the same story to whoever is at the controls.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RunHandle } from '@perdure/client';
import { afterEach, expect, test, vi } from 'vitest';
import { legacy, order, subscription, versioned, type Order } from './deploy/deploy-releases.js';
import { failure, freshEngine, until } from './engine.js';
import { expectHealthy } from './healthy.js';

vi.setConfig({ testTimeout: 60_000 });

const { client, sql, url } = await freshEngine();
await sql(`create table gates (name text primary key);
  create table effects (at bigint generated always as identity, run text, what text, release text)`);

type OrderRun = Awaited<ReturnType<typeof ordered>>;

const program = fileURLToPath(
  new URL('../../dist-test/testing/test/deploy/deploy-worker.js', import.meta.url));
const running = new Set<ChildProcess>();

afterEach(async () => {
  await retire();
  await expectHealthy(client);
  // Those that were killed would count as online for a while, in the next test as well.
  await sql('delete from perdure.workers');
});

/** Ends every worker process, and waits until they are gone. */
async function retire(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  const ending = [...running].map(async (child) => {
    running.delete(child);
    if (child.exitCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  });
  await Promise.all(ending);
}

/** Starts a worker process of a release, beside those that run. Resolves when it serves. */
async function add(release: string): Promise<void> {
  const child = spawn(process.execPath, [program, url, release], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`The worker of release '${release}' ended before it began.`);
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
}

/** The one release in the place of the other, as most deploys are. */
async function deploy(release: string, signal?: 'SIGKILL'): Promise<void> {
  await retire(signal);
  await add(release);
}

function ordered(item: string, more: Partial<Order> = {}, of = order) {
  return client.start(of, { item, ...more });
}

/** Resolves when a run waits in a call of this name, or kind, and nothing of it is driven. */
async function waitsIn(run: RunHandle<unknown, unknown>, what: string): Promise<void> {
  await until(async () => {
    const { status, calls } = await run.detail();
    return status === 'waiting' && calls.some(({ name, kind }) => name === what || kind === what);
  });
}

async function parks(run: RunHandle<unknown, unknown>): Promise<string> {
  await until(async () => await run.status() === 'parked');
  return (await failure(run.result())).message;
}

/** What became of the world for a run: effects in their order. */
async function effects(run: { id: string }): Promise<readonly unknown[]> {
  return (await sql('select what from effects where run = $1 order by at', [run.id])).map(({ what }) => what);
}

async function pack(...runs: readonly OrderRun[]): Promise<void> {
  for (const run of runs) await run.signal('packed', 'Ada');
}

/** Orders of the old release, at every point of their way. */
async function inFlight() {
  const before = await ordered('lamp');
  const within = await ordered('desk', { gated: true });
  const asleep = await ordered('sofa', { nap: '2 s' });
  const after = await ordered('vase');
  for (const run of [within, asleep, after]) await run.signal('approved');
  await waitsIn(before, 'approved');
  await until(async () => (await within.detail()).calls.some(({ name }) => name === 'charge card'));
  await waitsIn(asleep, 'sleep');
  await waitsIn(after, 'packed');
  await retire();
  const unborn = await ordered('rug');
  return { unborn, before, within, asleep, after };
}

const oldWay = (item: string) => [`${item} charged`, `${item} shipped`];
const newWay = (item: string) => [`${item} reserved`, ...oldWay(item)];
const answered = (way: readonly string[], item: string) => [...way.slice(0, -1), `${item} packed by Ada`];

async function expectWay(run: OrderRun, way: (item: string) => string[], item: string): Promise<void> {
  expect(await run.result()).toEqual(answered(way(item), item));
  expect(await effects(run)).toEqual(way(item));
}

test('with ctx.patched old runs go on in the old way, those that were not so far in the new', async () => {
  await add('old');
  const { unborn, before, within, asleep, after } = await inFlight();
  await add('patched');
  for (const run of [unborn, before]) await run.signal('approved');
  await sql('insert into gates values ($1)', [within.id]);
  await pack(unborn, before, within, asleep, after);
  await expectWay(within, oldWay, 'desk');
  await expectWay(asleep, oldWay, 'sofa');
  await expectWay(after, oldWay, 'vase');
  await expectWay(unborn, newWay, 'rug');
  await expectWay(before, newWay, 'lamp');
});

test('without it those that were past park with the difference, and go on when it fits again', async () => {
  await add('old');
  const { unborn, before, within, asleep, after } = await inFlight();
  await add('changed');
  for (const run of [unborn, before]) await run.signal('approved');
  await pack(unborn, before, within, asleep, after);
  await expectWay(unborn, newWay, 'rug');
  await expectWay(before, newWay, 'lamp');
  const past = [within, asleep, after];
  const advice = 'Restore the old calls, choose between old and new with ctx.patched, or give the changed ' +
    'workflow a new version; then resume the run';
  for (const run of past) {
    expect(await parks(run)).toBe(`Run '${run.id}' of workflow 'order' is parked: its code does not fit ` +
      `its record. recorded: step 2 'charge card'; the code now calls step 2 'reserve stock'. ${advice}.`);
    expect(await run.explain()).toMatch(/of workflow 'order' was parked at .* as NONDETERMINISM: its code /);
  }
  // Opened before the code has been mended, they park once more, and nothing is lost.
  await after.resume();
  await parks(after);

  await deploy('patched');
  await sql('insert into gates values ($1)', [within.id]);
  await within.resume();
  const { done } = await client.select({ workflow: order, reason: 'NONDETERMINISM' }).resume();
  expect(done).toBe(2);
  await expectWay(within, oldWay, 'desk');
  await expectWay(asleep, oldWay, 'sofa');
  await expectWay(after, oldWay, 'vase');
});

test('a deploy that is rolled back parks what took the new way; deployed again it goes on', async () => {
  await add('old');
  const run = await ordered('lamp');
  await waitsIn(run, 'approved');
  await deploy('patched', 'SIGKILL');
  await run.signal('approved');
  await waitsIn(run, 'packed');
  await deploy('old', 'SIGKILL');
  await pack(run);
  expect(await parks(run))
    .toContain("recorded: step 2 'reserve stock'; the code now calls step 2 'charge card'.");
  await deploy('patched');
  await run.resume();
  await expectWay(run, newWay, 'lamp');
});

test('a run is forked from a step, with another input; the one it comes from stays as it is', async () => {
  await add('old');
  const source = await ordered('lamb');
  await source.signal('approved');
  await waitsIn(source, 'packed');
  const seen = async () => ({ ...await source.detail(), record: await source.history() });
  const before = await seen();
  const fork = await source.fork({ from: 'charge card', input: { item: 'lamp' } });
  await pack(fork);
  await expectWay(fork, oldWay, 'lamp');
  expect(await seen()).toEqual(before);
  await pack(source);
  await expectWay(source, oldWay, 'lamb');
});

test('a run is terminated although its code is nowhere, and so is its child', async () => {
  await add('legacy');
  const run = await client.start(legacy);
  await waitsIn(run, 'legacy part');
  const { runs: [child] } = await client.query({ parent: run.id });
  await waitsIn(client.get(child!), 'go');
  await deploy('old');
  const nobody = "; no worker that serves workflow 'legacy part', in queue 'default' is online";
  expect(await run.explain()).toContain(nobody);
  await run.terminate('the import is gone');
  expect(await failure(run.result())).toMatchObject({
    code: 'RUN_FAILED',
    cause: { code: 'RUN_TERMINATED', message: 'It was terminated: the import is gone' },
  });
  // A child that is not closed otherwise is asked to stop; without its code it cannot hear of that.
  const part = client.get(child!);
  await until(async () => (await part.detail()).inbox.some(({ kind }) => kind === 'cancel'));
  expect(await part.explain()).toMatch(/ was asked to stop, and has yet to hear of it: it .+; no worker /);
  const { done } = await client.select({ parent: run.id }).terminate('the import is gone');
  expect([done, await part.status()]).toEqual([1, 'failed']);
});

test('a run stays with its version; beside it in one worker the next one takes what is new', async () => {
  await add('version 1');
  const old = await ordered('lamp', {}, versioned);
  await waitsIn(old, 'approved');
  await deploy('versions 2 and 1');
  const young = await ordered('desk', {}, versioned);
  for (const run of [old, young]) {
    await run.signal('approved');
    await pack(run);
  }
  await expectWay(old, oldWay, 'lamp');
  await expectWay(young, newWay, 'desk');
  expect([(await old.detail()).version, (await young.detail()).version]).toEqual(['1', '2']);
});

test('a run of a version that nobody serves says so, and is moved to another one', async () => {
  await add('version 1');
  const past = await ordered('lamp', {}, versioned);
  await past.signal('approved');
  await waitsIn(past, 'packed');
  const young = await ordered('desk', {}, versioned);
  await waitsIn(young, 'approved');
  await deploy('version 2, patched');
  await pack(past, young);
  await young.signal('approved');
  const nobody = "no worker that serves workflow 'versioned order', version '1', in queue 'default' is " +
    "online (none is known; the 1 that is online serves 'versioned order' version '2').";
  for (const run of [past, young]) {
    const told = /is due since .*: it has yet to hear that signal '\w+' has come; (no .*)$/;
    await until(async () => told.exec(await run.explain())?.[1] === nobody);
    expect(await failure(run.resume({ version: '2' }))).toMatchObject({ code: 'RUN_LIVE' });
    await run.terminate('moved to version 2');
    await run.retry({ version: '2' });
  }
  await expectWay(past, oldWay, 'lamp');
  await expectWay(young, newWay, 'desk');
});

test('a run that was parked by its version goes on in the next one', async () => {
  await add('version 1');
  const run = await ordered('lamp', {}, versioned);
  await run.signal('approved');
  await waitsIn(run, 'packed');
  await deploy('version 1, changed');
  await pack(run);
  expect(await parks(run)).toContain("the code now calls step 2 'reserve stock'");
  await deploy('version 2, patched');
  await run.resume({ version: '2' });
  await expectWay(run, oldWay, 'lamp');
});

test('a run that goes on as new moves to the next version then, with what it was sent', async () => {
  await add('subscription 1');
  const run = await client.start(subscription, 1);
  await waitsIn(run, 'over');
  await retire();
  // Sent while nobody is there: one for each month.
  for (let month = 1; month <= 3; month++) await run.signal('over');
  await add('subscriptions 2 and 1');
  expect(await run.result()).toBe(3);
  expect(await effects(run)).toEqual(['month 1, version 1', 'month 2, version 2', 'month 3, version 2']);
  const { version, generation } = await run.detail();
  expect([version, generation]).toEqual(['2', 3]);
});

test('a run that is terminated and begun anew while its step runs takes nothing from that step', async () => {
  await add('old');
  const run = await ordered('lamp', { gated: true });
  await run.signal('approved');
  await until(async () => (await run.detail()).calls.some(({ name }) => name === 'charge card'));
  await run.terminate('the card is stolen');
  await run.retry({ input: { item: 'rug' } });
  await pack(run);
  await expectWay(run, oldWay, 'rug');
});
