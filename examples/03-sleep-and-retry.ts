// A step that fails is tried again. Between attempts, as during a sleep, the run costs nothing: its wait is a
// row in the database, and the process may end meanwhile.
import { connect, createClient, createWorker, RetryAfterError, workflow } from 'perdure';

const retry = { initialInterval: '100 ms', maximumAttempts: 5, jitter: false } as const;

const forecast = workflow('forecast', async (ctx, city: string) => {
  const weather = await ctx.step('ask the weather service', { retry }, (step) => {
    console.log(`Attempt ${step.attempt}`);
    // The service says when to come back …
    if (step.attempt === 1) throw new RetryAfterError('Too many requests', '300 ms');
    // … or fails without a word: then the policy says when.
    if (step.attempt === 2) throw new Error('Connection reset');
    return 'sunny';
  });

  const asked = ctx.now();
  await ctx.sleep('500 ms');
  // `ctx.now()` is the database's clock, recorded with each answer: the same whenever this code is run again.
  const sleptMs = ctx.now().getTime() - asked.getTime();
  return { text: `${city} is ${weather}`, sleptMs };
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [forecast] }).start();

const { text, sleptMs } = await createClient({ connection }).execute(forecast, 'Lisbon');
console.log(text);
console.log(sleptMs >= 500 ? 'Slept for half a second or more' : `Slept for ${sleptMs} ms only`);

await worker.stop();
await connection.close();

// Output:
// Attempt 1
// Attempt 2
// Attempt 3
// Lisbon is sunny
// Slept for half a second or more
