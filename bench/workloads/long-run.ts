// W4: one run of many sequential steps on an idle worker. Each step needs a commit of its own.
import { createClient } from '@perdure/client';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { counting } from './workflows.js';

/** How long the run is. */
export interface LongRunRequest {
  readonly url: string;
  readonly steps: number;
}

/** Seconds from start to result, and the most memory this process ever had. */
export interface LongRunAnswer {
  readonly seconds: number;
  readonly rssMb: number;
}

/** Runs a long run twice and measures the second. */
export async function longRun({ url, steps }: LongRunRequest): Promise<LongRunAnswer> {
  await using connection = await connect(url);
  const client = createClient({ connection });
  const worker = await createWorker({ connection, workflows: [counting] }).start();
  // The process of the limit has committed thousands of batches by now; this one has done nothing yet.
  await client.execute(counting, { n: 0, steps });
  const began = systemEnv.monotonic();
  await client.execute(counting, { n: 1, steps });
  const seconds = (systemEnv.monotonic() - began) / 1e3;
  await worker.stop();
  return { seconds, rssMb: process.resourceUsage().maxRSS / 1024 };
}
