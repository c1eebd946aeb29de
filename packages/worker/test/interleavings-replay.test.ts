// What a crash and a replay may not change.
import { workflow } from '@perdure/core';
import { expect, test } from 'vitest';
import { freshStage, until } from './stage.js';

const stage = await freshStage();
const { client, sql } = stage;
const swap = workflow<string[][]>('swap', async () => []);
const early = workflow<string>('early', async () => '');
const neverAwaited = workflow('never awaited', async () => undefined);

// Guards R2: recorded answers come in the order they were first delivered in. Taken out (answers by place),
// the left branch is replayed with the right one's second answer, under the same step name.
test('two branches that reuse step names keep their answers through a crash', async () => {
  const lease = '600 ms';
  const first = await stage.child({ lease });
  const run = await client.start(swap);
  await stage.open('right 1');
  await stage.open('right 2');
  await until(async () => (await stage.journal(run.id)).length === 2);
  await stage.open('left 1');
  await until(async () => (await stage.effects(run.id)).some(({ step }) => step === 'left 2'));
  expect((await stage.journal(run.id)).map(({ place }) => place)).toEqual(['2', '3', '1']);
  first.process.kill('SIGKILL');
  await first.ended;
  await stage.child({ lease });
  await stage.open('left 2');
  expect(await run.result()).toEqual([['left 1', 'left 2'], ['right 1', 'right 2']]);
  const ran = (await stage.effects(run.id)).map(({ step }) => step).sort();
  expect(ran).toEqual(['left 1', 'left 2', 'left 2', 'right 1', 'right 2']);
});

// Guards R6: a failure nobody looks at yet is a recorded fact. Taken out, Node ends the process.
test('a promise that rejects before anybody subscribed harms nobody', async () => {
  const child = await stage.child({ lease: '5 s' });
  const run = await client.start(early);
  const other = await client.start(neverAwaited);
  await until(async () => (await sql("select from perdure.journal where name = 'fails'")).length === 2);
  await stage.open(`${run.id} other`);
  await stage.open(`${other.id} other`);
  expect(await run.result()).toBe('as told');
  await expect(other.result()).rejects.toMatchObject({ code: 'UNAWAITED_CALL' });
  expect(child.process.exitCode).toBe(null);
  child.process.kill('SIGKILL');
  expect(await child.ended).toMatchObject({ signal: 'SIGKILL', stderr: '' });
});
