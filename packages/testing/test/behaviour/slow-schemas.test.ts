// Schemas that take their time: what happens while an input is parsed happens once.
import { workflow } from '@perdure/core';
import { expect } from 'vitest';
import { behaviour } from '../behaviour-world.js';
import { failure, Gate } from '../engine.js';

const gates: Gate[] = [];
let takesTime = false;
/** Where it takes time, each parse waits until the test goes on. */
const patient = {
  '~standard': {
    version: 1, vendor: 'test',
    validate: async (value: unknown) => {
      const gate = new Gate();
      gates.push(gate);
      if (takesTime) await gate.passed;
      return { value: value as number };
    },
  },
} as const;
const patientRun = workflow({ name: 'patient', input: patient, timeout: '1 minute' }, async (ctx) => {
  await ctx.sleep('1 hour');
});

behaviour('a run whose input takes its time passes its timeout once', async (world) => {
  await world.serve(patientRun);
  const run = await world.client.start(patientRun, 1);
  takesTime = true;
  for (let round = 0; round < 30; round++) {
    await world.advance(round === 5 ? '2 minutes' : 1);
    for (const gate of gates.splice(0)) gate.open();
  }
  takesTime = false;
  expect(await run.status()).toBe('failed');
  expect(await failure(run.result())).toMatchObject({ code: 'RUN_FAILED', cause: { code: 'RUN_TIMEOUT' } });
}, { patience: 0 });
