// A workflow is a name and an async function. Whatever it does to the world, it does in steps: the result of
// each is recorded, and a step that was recorded is never run again.
//
// Where DATABASE_URL is not set, this program brings a PostgreSQL of its own, in .perdure.
import { connect, createClient, createWorker, workflow } from 'perdure';

const hello = workflow('hello', async (ctx, name: string) => {
  const greeting = await ctx.step('greet', () => `Hello ${name}`);
  await ctx.sleep('1 second');
  return greeting;
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [hello] }).start();
const client = createClient({ connection });

const run = await client.start(hello, 'Ada');
console.log(await run.result());

await worker.stop();
await connection.close();

// Output:
// Hello Ada
