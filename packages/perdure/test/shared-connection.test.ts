// Clients and workers that name one address share one Connection, for as long as one of them uses it.
import { createClient, createWorker, workflow } from 'perdure';
import { expect, test } from 'vitest';
import { freshEngine, silent } from '../../testing/test/engine.js';

const { url } = await freshEngine();
const greet = workflow('greet', async (ctx, name: string) => ctx.step('greet', () => `Hello ${name}`));

test('stopping a worker, even twice, leaves the Connection to the client', async () => {
  const worker = await createWorker({ connection: url, workflows: [greet], logger: silent }).start();
  const client = createClient({ connection: url });
  expect(await client.execute(greet, 'Ada')).toBe('Hello Ada');
  await worker.stop();
  await worker.stop();
  await worker[Symbol.asyncDispose]();
  const run = await client.start(greet, 'Grace');
  expect(await run.status()).toBe('pending');
  await createWorker({ connection: url, workflows: [greet], logger: silent })
    .run({ abortSignal: AbortSignal.abort() });
  expect(await run.status()).toMatch(/pending|completed/);
  await client.close();
});

test('two starts of one worker are one', async () => {
  const worker = createWorker({ connection: url, workflows: [greet], logger: silent });
  await Promise.all([worker.start(), worker.start()]);
  const client = createClient({ connection: url });
  expect(await client.execute(greet, 'Ada')).toBe('Hello Ada');
  await worker.stop();
  await client.close();
  expect(worker.health().ok).toBe(false);
});
