// What was done is undone when a later step fails for good: the last first, durably, and never by half.
import { connect, createClient, createWorker, NonRetryableError, workflow } from 'perdure';

const trip = workflow('trip', async (ctx, budget: number) => {
  // Registered before the step, so that it also undoes a booking whose answer was lost. Undoing what was not
  // done must be harmless: hence the idempotency key.
  ctx.onRollback('cancel the flight', () => console.log('Flight cancelled'));
  await ctx.step('book a flight', () => console.log('Flight booked'));

  ctx.onRollback('cancel the hotel', (step, cause) => {
    if (step.attempt === 1) throw new Error('The hotel does not answer');
    console.log(`Hotel cancelled, because: ${cause.message}`);
  });
  await ctx.step('book a hotel', () => console.log('Hotel booked'));

  await ctx.step('pay', () => {
    if (budget < 500) throw new NonRetryableError('not enough money');
    console.log('Paid');
  });
  return 'have a nice trip';
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [trip] }).start();
const client = createClient({ connection });

console.log(await client.execute(trip, 1_000));
const run = await client.start(trip, 100);
await run.result().catch((error: Error) => console.log(error.message.replace(run.id, 'X')));
console.log(await run.status());

await worker.stop();
await connection.close();

// Output:
// Flight booked
// Hotel booked
// Paid
// have a nice trip
// Flight booked
// Hotel booked
// Hotel cancelled, because: not enough money
// Flight cancelled
// Run 'X' of workflow 'trip' failed: not enough money
// failed
