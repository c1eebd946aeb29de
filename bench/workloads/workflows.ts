// The workflows under measurement. What they return can be computed from their input, so that SQL can judge
// every row they leave behind.
import { type Workflow, workflow } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';

/** Input of `counting`. */
export interface Count {
  readonly n: number;
  readonly steps: number;
}

/** Step number i returns n + i; the run returns their sum. */
export const counting: Workflow<Count, Count, number> = workflow('counting', async (ctx, count: Count) => {
  const { n, steps } = count;
  let total = 0;
  for (let i = 1; i <= steps; i++) total += await ctx.step('add', () => n + i);
  return total;
});

/** Milliseconds since 1970 with fractions: comparable between processes of one machine. */
export function instant(): number {
  return performance.timeOrigin + systemEnv.monotonic();
}

/** Returns the instant at which its only step began. */
export const stamping: Workflow<void, void, number> = workflow('stamping',
  async (ctx) => ctx.step('stamp', () => instant()));

const gate = {
  inside: 0,
  open: (): void => undefined,
  opened: Promise.resolve(),
};

/** How many steps of `holding` wait at the gate. */
export function waitingAtGate(): number {
  return gate.inside;
}

/** Shuts the gate: steps of `holding` wait from now on. */
export function shutGate(): void {
  gate.opened = new Promise((resolve) => {
    gate.open = resolve;
  });
}

/** Lets every step of `holding` go on. */
export function openGate(): void {
  gate.open();
}

/** Its only step waits at the gate: for counting what a run in flight costs. */
export const holding: Workflow<Count, Count, number> = workflow('holding', async (ctx, { n }: Count) =>
  ctx.step('add', async () => {
    gate.inside++;
    await gate.opened;
    gate.inside--;
    return n + 1;
  }));
