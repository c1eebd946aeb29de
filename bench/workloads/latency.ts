// W3: single starts on an idle system, from the call to the body of the first step and to the result.
import { createClient } from '@perdure/client';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { instant, stamping } from './workflows.js';

/** How many starts, and whether the worker is in this process or in another. */
export interface LatencyRequest {
  readonly url: string;
  readonly starts: number;
  readonly workerHere: boolean;
}

/** Milliseconds from the call of `start`, one for each start. */
export interface LatencyAnswer {
  readonly toStepMs: readonly number[];
  readonly toResultMs: readonly number[];
}

/** Starts before the measured ones, which prepare statements and compile code. */
export const latencyWarmUps = 20;
/** The pause before each start is of random length between these. */
export const latencyPauses = { shortestPauseMs: 20, longestPauseMs: 80 };

/** Measures single starts, with a random pause between one's result and the next. */
export async function latency({ url, starts, workerHere }: LatencyRequest): Promise<LatencyAnswer> {
  await using connection = await connect(url);
  const client = createClient({ connection });
  const worker = workerHere ? await createWorker({ connection, workflows: [stamping] }).start() : null;
  const { shortestPauseMs, longestPauseMs } = latencyPauses;
  const toStepMs: number[] = [];
  const toResultMs: number[] = [];
  for (let index = -latencyWarmUps; index < starts; index++) {
    await systemEnv.sleep(shortestPauseMs + systemEnv.random() * (longestPauseMs - shortestPauseMs));
    const began = instant();
    const handle = await client.start(stamping);
    const stepBegan = await handle.result();
    const ended = instant();
    if (index < 0) continue;
    toStepMs.push(stepBegan - began);
    toResultMs.push(ended - began);
  }
  await worker?.stop();
  return { toStepMs, toResultMs };
}
