// W1 and W2: runs are started while no worker is there; then one begins, and the clock with it.
import { createClient } from '@perdure/client';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { settledCount } from './settled-count.js';
import { counting } from './workflows.js';

/** How a backlog is made and drained. */
export interface DrainRequest {
  readonly url: string;
  readonly runs: number;
  readonly steps: number;
  readonly concurrency: number;
}

/** What it took. */
export interface DrainAnswer {
  readonly startSeconds: number;
  readonly drainSeconds: number;
  /** Processor time of this process while draining. */
  readonly cpuSeconds: number;
}

/** Callers that start runs at the same time while the backlog is made. */
export const startCallers = 1_000;

/** Starts the runs, then drains them. */
export async function drain({ url, runs, steps, concurrency }: DrainRequest): Promise<DrainAnswer> {
  await using connection = await connect(url);
  const client = createClient({ connection });
  const began = systemEnv.monotonic();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < runs) await client.start(counting, { n: next++, steps });
  };
  await Promise.all(Array.from({ length: startCallers }, caller));
  const started = systemEnv.monotonic();
  const settled = settledCount(connection, runs);
  const worker = createWorker({ connection, workflows: [counting], concurrency });
  const cpu = process.cpuUsage();
  const from = systemEnv.monotonic();
  await worker.start();
  await settled;
  const until = systemEnv.monotonic();
  const { user, system } = process.cpuUsage(cpu);
  await worker.stop();
  return {
    startSeconds: (started - began) / 1e3,
    drainSeconds: (until - from) / 1e3,
    cpuSeconds: (user + system) / 1e6,
  };
}
