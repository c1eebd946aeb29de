// A person decides, or a week passes. The wait is a row: no process has to live that long.
import { connect, createClient, createWorker, type, workflow, type Duration } from 'perdure';

const expense = workflow({
  name: 'expense',
  input: type<{ amount: number; patience: Duration }>(),
  signals: { decided: type<{ by: string; approved: boolean }>() },
}, async (ctx, claim) => {
  await ctx.set({ amount: claim.amount, state: 'waiting' });
  await ctx.step('ask the manager', () => console.log(`Please look at ${claim.amount} euros`));

  const decision = await ctx.waitFor('decided', { timeout: claim.patience });
  if (decision === null) {
    await ctx.set({ state: 'expired' });
    return 'nobody decided';
  }
  await ctx.set({ state: decision.approved ? 'approved' : 'rejected' });
  return `${decision.approved ? 'approved' : 'rejected'} by ${decision.by}`;
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [expense] }).start();
const client = createClient({ connection });

// A web handler finds the run by its attributes, and signals it. A signal that comes too early is kept.
const decided = await client.start(expense, { amount: 120, patience: '7 days' });
await decided.signal('decided', { by: 'Ada', approved: true });
console.log(await decided.result());

const forgotten = await client.start(expense, { amount: 80, patience: '200 ms' });
console.log(await forgotten.result());

const { runs } = await client.query({ workflow: expense, attributes: { state: 'expired' } });
console.log(`Expired: ${runs.filter(({ id }) => id === forgotten.id).length}`);

await worker.stop();
await connection.close();

// Output:
// Please look at 120 euros
// approved by Ada
// Please look at 80 euros
// nobody decided
// Expired: 1
