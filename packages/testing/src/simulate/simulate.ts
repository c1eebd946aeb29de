// Simulates a workflow under many seeds: crashes, lost answers, delays, processes that stop and go on, what
// is sent twice.
import { createHash } from 'node:crypto';
import { WorkflowError, type RunStatus, type Workflow } from '@perdure/core';
import type { FaultKind } from '../simulation/fault-plan.js';
import { runSeed, type SeedEnd } from './one-seed.js';
import { SimulationError, type SimulateOptions, type SimulationReport } from './simulation.js';

const defaultSeeds = 100;

/**
 * Runs a workflow on a simulated database with two workers and a client, once for each seed. The seed decides
 * everything that happens: who goes first, how long each call takes, and what fails. The real worker, client
 * and engine do the rest. When the run has ended, `expect` must hold, its record must lead its code to the
 * same end, each idempotency key must have belonged to one step, and the database must be as it always is.
 * Throws SimulationError at the first seed under which something does not hold, INVALID_OPTION, and what
 * workers throw for workflows.
 */
export async function simulate<In, World = undefined>(
  workflow: Workflow<In>, options: SimulateOptions<In, World> = {},
): Promise<SimulationReport> {
  const { seeds = defaultSeeds, seed, onProgress } = options;
  demandWhole('seeds', seeds, 1);
  if (seed !== undefined) demandWhole('seed', seed, 0);
  const tally = new Tally();
  const [first, last] = seed === undefined ? [1, seeds] : [seed, seed];
  for (let next = first; next <= last; next++) {
    const end = await runSeed(workflow, options, next);
    if (end.violations.length > 0) throw new SimulationError({ name: workflow.name, seed: next }, end);
    tally.add(end);
    onProgress?.(next - first + 1);
  }
  return tally.report;
}

function demandWhole(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= least) return;
  throw new WorkflowError('INVALID_OPTION', `${name} is ${String(value)}; give a whole number from ` +
    `${least} up.`);
}

/** What came of all seeds together. */
class Tally {
  readonly #ends: Partial<Record<RunStatus, number>> = {};
  readonly #faults: Partial<Record<FaultKind, number>> = {};
  readonly #steps: Record<string, { attempts: number; seedsRepeated: number }> = {};
  readonly #trace = createHash('sha256');
  #seeds = 0;
  #deaths = 0;

  add({ end, plan, deaths, steps, trace }: SeedEnd): void {
    this.#seeds++;
    this.#deaths += deaths;
    if (end !== null) this.#ends[end.status] = (this.#ends[end.status] ?? 0) + 1;
    for (const [kind, count] of plan.counts) this.#faults[kind] = (this.#faults[kind] ?? 0) + count;
    for (const name of steps.names) {
      const calls = steps.calls(name).length;
      const known = this.#steps[name] ??= { attempts: 0, seedsRepeated: 0 };
      known.attempts += calls;
      if (calls > 1) known.seedsRepeated++;
    }
    this.#trace.update(trace);
  }

  get report(): SimulationReport {
    return {
      seeds: this.#seeds, ends: this.#ends, faults: this.#faults, deaths: this.#deaths, steps: this.#steps,
      trace: this.#trace.copy().digest('hex').slice(0, 16),
    };
  }
}
