// W4: one run of many sequential steps on an idle worker. Each step needs a commit of its own.
import { createClient } from '@perdure/client';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { counting } from './workflows.js';

/** How long the run is, and how often it is repeated. */
export interface LongRunRequest {
  readonly url: string;
  readonly steps: number;
  readonly repeats: number;
}

/** Seconds from start to result of each repeat, and the most memory this process ever had. */
export interface LongRunAnswer {
  readonly seconds: readonly number[];
  readonly rssMb: number;
}

/** Runs one long run after the other. */
export async function longRun({ url, steps, repeats }: LongRunRequest): Promise<LongRunAnswer> {
  await using connection = await connect(url);
  const client = createClient({ connection });
  const worker = await createWorker({ connection, workflows: [counting] }).start();
  const seconds: number[] = [];
  for (let n = 0; n < repeats; n++) {
    const began = systemEnv.monotonic();
    await client.execute(counting, { n, steps });
    seconds.push((systemEnv.monotonic() - began) / 1e3);
  }
  await worker.stop();
  return { seconds, rssMb: process.resourceUsage().maxRSS / 1024 };
}
