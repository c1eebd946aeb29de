// The samples of docs/streams-and-attributes.md, as they stand there; pages.test.ts compares the two.
import { createTestEnv } from '@perdure/testing';
import { workflow, type Client } from 'perdure';
import { expect, test } from 'vitest';

interface Token {
  readonly text: string;
}

async function* model(prompt: string): AsyncGenerator<string> {
  for (const text of `${prompt}: forty-two`.split(' ')) yield text;
}

const answer = workflow('answer', async (ctx, prompt: string) => {
  ctx.publish('progress', 'thinking');
  const text = await ctx.step('ask the model', async (step) => {
    const words: string[] = [];
    for await (const word of model(prompt)) {
      step.publish('tokens', { text: word });
      words.push(word);
    }
    return words.join(' ');
  });
  ctx.publish('progress', 'done');
  return text;
});

test('a stream is read while it is written', async () => {
  await using env = await createTestEnv({ workflows: [answer] });
  const run = await env.start(answer, 'the answer');
  const page = new Set<string>();
  const show = (text: string): void => void page.add(text);
  for await (const { chunk } of run.stream<Token>('tokens')) show(chunk.text);
  expect([...page]).toEqual(['the', 'answer:', 'forty-two']);
  expect(await run.result()).toBe('the answer: forty-two');
});

const sent: Array<[number, string]> = [];

async function reconnect(client: Client, runId: string, lastEventId: string | undefined): Promise<void> {
  const from = lastEventId === undefined ? 0 : Number(lastEventId) + 1;
  for await (const { offset, chunk } of client.get(answer, runId).stream<Token>('tokens', { from })) {
    sent.push([offset, chunk.text]);
  }
}

test('a reader goes on where it stopped', async () => {
  await using env = await createTestEnv({ workflows: [answer] });
  const run = await env.start(answer, 'the answer');
  await run.result();
  await reconnect(env.client, run.id, '1');
  expect(sent).toEqual([[2, 'forty-two']]);
  await reconnect(env.client, run.id, undefined);
  expect(sent.length).toBe(4);
});

const order = workflow('order', async (ctx, input: { customer: string; total: number }) => {
  await ctx.set({ customer: input.customer, total: input.total, state: 'paid' });
  await ctx.sleep('2 days');
  await ctx.set({ state: 'shipped', shippedAt: ctx.now() });
});

test('runs are found by their attributes', async () => {
  await using env = await createTestEnv({ workflows: [order] });
  const { client } = env;
  const run = await env.start(order, { customer: 'Ada', total: 120 });
  await env.start(order, { customer: 'Grace', total: 80 });
  await env.untilIdle();

  const { runs, cursor } = await client.query({
    workflow: order, status: 'waiting', attributes: { customer: 'Ada', state: 'paid' }, limit: 20,
  });

  expect(runs.map(({ id }) => id)).toEqual([run.id]);
  expect(cursor).toBe(null);
  expect(await run.attributes()).toEqual({ customer: 'Ada', total: 120, state: 'paid' });
  const seen: string[] = [];
  for await (const found of client.list({ workflow: order, status: ['waiting', 'parked'] })) {
    seen.push(`${found.id}: ${String(found.attributes['customer'])}`);
  }
  expect(seen.length).toBe(2);
  await env.advance('2 days');
  expect(await run.attributes()).toMatchObject({ state: 'shipped', shippedAt: expect.any(Date) as Date });
});
