// How often a worker looks for work, and what it leaves behind when it stops.
import { createClient } from '@perdure/client';
import { workflow } from '@perdure/core';
import { systemEnv, type Env, type TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { expect, test } from 'vitest';
import { Gate, silent, until } from '../../testing/test/engine.js';

const nothing = workflow('nothing', async () => undefined);

/** Surroundings that remember every sleep. */
function watched(): { env: Env; sleeps: Promise<void>[] } {
  const sleeps: Promise<void>[] = [];
  const sleep: Env['sleep'] = (ms, abortSignal) => {
    const sleeping = systemEnv.sleep(ms, abortSignal);
    sleeps.push(sleeping);
    return sleeping;
  };
  return { env: { ...systemEnv, sleep, idle: sleep }, sleeps };
}

test('an idle worker looks once a second, and no more', async () => {
  const connection = memoryConnection();
  const sweeps: boolean[] = [];
  const claim = connection.store.claim.bind(connection.store);
  connection.store.claim = async (request) => {
    sweeps.push(request.sweep);
    return claim(request);
  };
  await using worker = createWorker({ connection, workflows: [nothing], logger: silent });
  await worker.start();
  const found = (): number => sweeps.filter((sweep) => sweep).length;
  // In the first second and a little more the pauses still grow.
  await until(() => found() === 4);
  const before = sweeps.length;
  await until(() => found() === 6);
  expect(sweeps.length - before).toBe(2);
});

test('a worker without a free slot waits for one', async () => {
  const connection = memoryConnection();
  const { env, sleeps } = watched();
  let renewals = 0;
  const commit = connection.store.commit.bind(connection.store);
  connection.store.commit = async (writes: readonly TurnWrite[]) => {
    renewals += writes.filter((write) => write.end?.kind === 'renew').length;
    return commit(writes);
  };
  const gate = new Gate();
  const slow = workflow('slow', async (ctx) => ctx.step('slow', () => gate.passed));
  await using worker = createWorker({
    connection, env, workflows: [slow], concurrency: 1, leaseDuration: 6_000, logger: silent,
  });
  await worker.start();
  const run = await createClient({ connection }).start(slow);
  // The first renewal comes after 1.8 s, when the sweep is long overdue.
  await until(() => renewals === 1);
  expect(sleeps.length).toBeLessThan(15);
  gate.open();
  await run.result();
});

test('a worker that stops without an answer of its database sends nothing more', async () => {
  const connection = memoryConnection();
  const { env, sleeps } = watched();
  const worker = createWorker({ connection, env, workflows: [nothing], logger: silent });
  await worker.start();
  let tries = 0;
  connection.store.commit = async () => {
    tries++;
    throw new Error('no answer');
  };
  await createClient({ connection }).start(nothing);
  await until(() => tries > 0);
  await worker.stop({ timeout: 0 });
  const known = sleeps.length;
  await Promise.all(sleeps);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sleeps.length).toBe(known);
});

test('a run that is born while its worker stops is handed back', async () => {
  const connection = memoryConnection();
  const client = createClient({ connection });
  await using worker = createWorker({ connection, workflows: [nothing], logger: silent });
  await worker.start();
  await client.execute(nothing);
  const gate = new Gate();
  const startRuns = connection.store.startRuns.bind(connection.store);
  let born = false;
  connection.store.startRuns = async (runs) => {
    const answers = await startRuns(runs);
    born = runs[0]?.lease !== undefined;
    await gate.passed;
    return answers;
  };
  await until(async () => worker.health().activeRuns === 0);
  const starting = client.start(nothing);
  await until(() => born);
  let stopped = false;
  const stopping = worker.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(stopped).toBe(false);
  gate.open();
  await stopping;
  expect(await (await starting).status()).not.toBe('running');
});

test('whoever stops a worker ends its run() as well', async () => {
  const before = process.listenerCount('SIGTERM');
  const worker = createWorker({ connection: memoryConnection(), workflows: [nothing], logger: silent });
  const running = worker.run();
  await until(() => worker.health().ok);
  await worker.stop();
  await running;
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
