// Workers on a memory store that learn something they did not expect: that another one has driven a run
// meanwhile, that one write of a batch was lost, that a claim had taken effect.
import { createClient, type Client } from '@perdure/client';
import { DatabaseUnavailableError, type, workflow, type Connection } from '@perdure/core';
import { MemoryStore, type ClaimRequest, type TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker, type Worker, type WorkerOptions } from '@perdure/worker';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { Gate, silent, until } from '../../testing/test/engine.js';

type Flows = WorkerOptions['workflows'];

function work(connection: Connection, workflows: Flows, concurrency = 10): Promise<Worker> {
  return createWorker({ connection, workflows, concurrency, leaseDuration: '60 s', logger: silent }).start();
}

function world(store = new MemoryStore()): { connection: Connection; client: Client } {
  const connection = memoryConnection({ store });
  return { connection, client: createClient({ connection }) };
}

// Guards U1. Taken out, the first worker gives the second signal to the wait that has had the first.
test('memory is not continued where another worker has driven the run since', async () => {
  const { connection, client } = world();
  const gate = new Gate();
  const busy = workflow('busy', async (ctx) => ctx.step('hold', () => gate.passed));
  const talk = workflow({ name: 'talk', signals: { word: type<string>() } }, async (ctx) => (
    [await ctx.waitFor('word'), await ctx.waitFor('word')]));
  const first = await work(connection, [busy, talk], 1);
  const run = await client.start(talk);
  await until(async () => await run.status() === 'waiting');
  const holding = await client.start(busy);
  await until(async () => await holding.status() === 'running');
  const second = await work(connection, [talk]);
  await run.signal('word', 'one');
  await until(async () => {
    const { status, calls } = await run.detail();
    return status === 'waiting' && calls.some(({ place }) => place === '2');
  });
  await second.stop();
  gate.open();
  await holding.result();
  await run.signal('word', 'two');
  expect(await run.result()).toEqual(['one', 'two']);
  await first.stop();
});

/** A store that says of one run that its lease is lost, once. */
class Robbed extends MemoryStore {
  robs: string | null = null;

  override async commit(writes: readonly TurnWrite[]) {
    const robbed = writes.length > 1 ? writes.findIndex(({ lease }) => lease.runId === this.robs) : -1;
    if (robbed < 0) return super.commit(writes);
    this.robs = null;
    const answers = [...await super.commit(writes.toSpliced(robbed, 1))];
    return answers.toSpliced(robbed, 0, { kind: 'lost' as const });
  }
}

// Guards C1: an answer is that of its own write. Taken out, another run than the one that lost its lease
// goes.
test('of a batch that run alone is lost that has lost its lease', async () => {
  const store = new Robbed();
  const { connection, client } = world(store);
  const gate = new Gate();
  const flow = workflow('robbed', async (ctx) => ctx.step('hold', () => gate.passed));
  const lost: string[] = [];
  const listener = (event: unknown): void => void lost.push((event as { runId: string }).runId);
  subscribe('perdure:run.lost', listener);
  const worker = await work(connection, [flow]);
  const runs = await Promise.all(['a', 'b', 'c', 'd'].map((id) => client.start(flow, undefined, { id })));
  await until(() => worker.health().activeRuns === 4);
  store.robs = 'a';
  gate.open();
  await Promise.all(runs.slice(1).map((run) => run.result()));
  expect(lost).toEqual(['a']);
  unsubscribe('perdure:run.lost', listener);
  await worker.stop({ timeout: 0 });
});

/** A store that loses the reply to one claim, and counts what it is asked. */
class Forgetful extends MemoryStore {
  loses = false;
  claims = 0;
  recalls = 0;

  override async claim(request: ClaimRequest) {
    this.claims++;
    const answer = await super.claim(request);
    if (!this.loses || answer.runs.length === 0) return answer;
    this.loses = false;
    throw new DatabaseUnavailableError('no answer');
  }

  override async recall(request: ClaimRequest) {
    this.recalls++;
    return super.recall(request);
  }
}

// Guards L3. Taken out, each recall begins the run anew, and its step with it.
test('a recall leaves alone what is driven already', async () => {
  const store = new Forgetful();
  const { client } = world(store);
  const gate = new Gate();
  let bodies = 0;
  const flow = workflow('recalled', async (ctx) => ctx.step('hold', () => {
    bodies++;
    return gate.passed;
  }));
  store.loses = true;
  const worker = await work(memoryConnection({ store }), [flow]);
  const run = await client.start(flow);
  await until(() => bodies > 0);
  const { recalls } = store;
  await until(() => store.recalls > recalls + 1);
  gate.open();
  await run.result();
  expect(bodies).toBe(1);
  await worker.stop();
});

/** A store that can be away for commits. */
class Away extends Forgetful {
  away = false;
  tries = 0;

  override async commit(writes: readonly TurnWrite[]) {
    if (!this.away) return super.commit(writes);
    this.tries++;
    throw new DatabaseUnavailableError('away');
  }
}

// Guards L2. Taken out, a worker takes runs for abandoned whose leases end because it cannot renew them.
test('a worker that cannot write claims nothing', async () => {
  const store = new Away();
  const { client } = world(store);
  const flow = workflow('away', async (ctx) => ctx.step('once', () => 'done'));
  store.away = true;
  const worker = await work(memoryConnection({ store }), [flow]);
  const run = await client.start(flow);
  await until(() => store.tries > 1);
  const { claims, tries } = store;
  const another = await client.start(flow);
  await until(() => store.tries > tries + 2);
  expect(store.claims).toBe(claims);
  store.away = false;
  expect(await Promise.all([run.result(), another.result()])).toEqual(['done', 'done']);
  await worker.stop();
});

/** What a worker sees of a store whose mail others carry. */
class Carried extends MemoryStore {
  override async carry(request: Parameters<MemoryStore['carry']>[0]) {
    void request;
    return { told: [], more: false };
  }

  async carryForOthers(): Promise<void> {
    await super.carry({ limit: 10, terminated: '' });
  }
}

// Guards L7. Taken out, a run that never rests hears of nothing that another worker has carried.
test('a run that never rests hears by its commits what another worker carried', async () => {
  const store = new Carried();
  const { connection, client } = world(store);
  let steps = 0;
  const flow = workflow('restless', async (ctx) => {
    for (let at = 0; at < 100_000; at++) await ctx.step('on', () => void steps++);
  });
  const worker = await work(connection, [flow]);
  const run = await client.start(flow);
  await until(() => steps > 0);
  await run.cancel('enough');
  await store.carryForOthers();
  await expect(run.result()).rejects.toMatchObject({ code: 'RUN_CANCELLED' });
  expect(steps).toBeLessThan(100_000);
  await worker.stop({ timeout: 0 });
});
