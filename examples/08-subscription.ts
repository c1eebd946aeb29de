// A subscription bills every thirty days until it is cancelled: one run that lives for a year. The test
// environment has a clock of its own, so that the year takes milliseconds here.
import { createTestEnv } from '@perdure/testing';
import { type, workflow } from 'perdure';

const subscription = workflow({
  name: 'subscription',
  input: type<number>(),
  signals: { ended: type<{ reason: string }>() },
}, async (ctx, price) => {
  let paid = 0;
  for (let month = 1; ; month++) {
    const receipt = await ctx.step('charge the card', async () => price);
    paid += receipt;
    await ctx.set({ month, paid });
    const next = await ctx.race({
      due: (branch) => branch.sleep('30 days'),
      ended: (branch) => branch.waitFor('ended'),
    });
    if (next.winner === 'ended') return { months: month, paid, reason: next.value.reason };
  }
});

const startAt = new Date('2026-01-01T00:00:00Z');
await using env = await createTestEnv({ workflows: [subscription], startAt });

// The card is refused in the third month, twice, and accepted then.
let charges = 0;
env.mockStep(subscription, 'charge the card', ({ attempt }) => {
  charges++;
  if (charges >= 3 && attempt <= 2) {
    if (charges <= 4) throw new Error('The bank says no');
  }
  return 9;
});

const run = await env.start(subscription, 9);
await env.advance('365 days');
console.log(`${env.now.toISOString().slice(0, 10)}: ${JSON.stringify(await run.attributes())}`);

await run.signal('ended', { reason: 'moved away' });
console.log(await run.result());

const failures = env.calls(subscription, 'charge the card').filter(({ error }) => error !== undefined);
console.log(`${failures.length} refusals: ${failures.map(({ error }) => error?.message).join(', ')}`);

// Output:
// 2027-01-01: {"month":13,"paid":117}
// { months: 13, paid: 117, reason: 'moved away' }
// 2 refusals: The bank says no, The bank says no
