// A worker in a process of its own, for as long as the bench wants it: W3 across processes, and the memory
// of runs in flight.
import type { Connection } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import { createWorker, type Worker } from '@perdure/worker';
import { holding, openGate, shutGate, stamping, waitingAtGate } from './workflows.js';

/** What the worker is to serve with. */
export interface ServeRequest {
  readonly url: string;
  readonly concurrency: number;
}

let serving: { readonly connection: Connection; readonly worker: Worker } | null = null;

/** Starts the worker of this process. */
export async function serve({ url, concurrency }: ServeRequest): Promise<void> {
  shutGate();
  const connection = await connect(url);
  const worker = createWorker({ connection, workflows: [stamping, holding], concurrency });
  serving = { connection, worker: await worker.start() };
}

/** Resident megabytes once `runs` steps wait at the gate. */
export async function rssInFlight({ runs }: { readonly runs: number }): Promise<number> {
  const patienceMs = 30_000;
  const until = systemEnv.monotonic() + patienceMs;
  while (waitingAtGate() < runs) {
    const inFlight = waitingAtGate();
    if (systemEnv.monotonic() > until) throw new Error(`only ${inFlight} of ${runs} runs came into flight`);
    await systemEnv.sleep(20);
  }
  return process.memoryUsage.rss() / 1024 ** 2;
}

/** Lets runs in flight go on, and stops the worker once nothing of them is left. */
export async function stopServing(): Promise<void> {
  openGate();
  while (serving !== null && serving.worker.health().activeRuns > 0) await systemEnv.sleep(10);
  await serving?.worker.stop();
  await serving?.connection.close();
  serving = null;
}
