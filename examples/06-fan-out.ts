// A thousand items, fifty at a time, and a summary. Each item is a step that is found by its key: what is
// recorded is not done again, whatever happens to the process or to the order of the list.
import { connect, createClient, createWorker, workflow, type Ctx } from 'perdure';

interface Page { readonly url: string; readonly words: number }

const measure = workflow('measure pages', async (ctx, count: number) => {
  const pages: Page[] = Array.from({ length: count }, (_, n) => ({ url: `/page/${n}`, words: n % 7 }));

  const words = await ctx.map('count the words', pages, { concurrency: 50, key: (page) => page.url },
    async (page) => page.words);

  return ctx.step('sum up', () => ({
    pages: words.length, words: words.reduce((sum, each) => sum + each, 0),
  }));
});

// A piece of work with steps, waits and retries of its own is a child.
const report = workflow('report', async (ctx, sizes: number[]) => {
  const parts = await ctx.all(Object.fromEntries(sizes.map((size) => [
    `of ${size}`, (branch: Ctx) => branch.execute(measure, size),
  ])));
  return Object.entries(parts).map(([name, { words }]) => `${name}: ${words} words`);
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [measure, report] }).start();
const client = createClient({ connection });

console.log(await client.execute(measure, 1_000));
console.log((await client.execute(report, [10, 100])).join('\n'));

await worker.stop();
await connection.close();

// Output:
// { pages: 1000, words: 2997 }
// of 10: 24 words
// of 100: 295 words
