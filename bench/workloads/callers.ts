// W1c: client and worker in one process; callers start run after run, each as soon as its last start is
// durable.
import { createClient } from '@perdure/client';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { settledCount } from './settled-count.js';
import { counting } from './workflows.js';

/** How many callers start how many one-step runs. */
export interface CallersRequest {
  readonly url: string;
  readonly runs: number;
  readonly callers: number;
  readonly concurrency: number;
}

/** Seconds from the first start to the last settlement. */
export async function callers({ url, runs, callers: count, concurrency }: CallersRequest): Promise<number> {
  await using connection = await connect(url);
  const client = createClient({ connection });
  const worker = await createWorker({ connection, workflows: [counting], concurrency }).start();
  const settled = settledCount(connection, runs);
  const began = systemEnv.monotonic();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < runs) await client.start(counting, { n: next++, steps: 1 });
  };
  await Promise.all(Array.from({ length: count }, caller));
  await settled;
  const seconds = (systemEnv.monotonic() - began) / 1e3;
  await worker.stop();
  return seconds;
}
