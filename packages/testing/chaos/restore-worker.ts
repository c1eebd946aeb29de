// A worker process of the restore scenarios. Tells its parent over IPC when it is ready, what its steps did,
// and when it found its database restored.
//   node restore-worker.js <url> <lease> <'pooler' | 'direct'>
import { subscribe } from 'node:diagnostics_channel';
import type { EngineEvents } from '@perdure/core';
import { connect } from '@perdure/sql';
import { createWorker } from '@perdure/worker';
import { orderFlow } from './restore-orders.js';

/** What a worker process says. */
export type WorkerSaid =
  | { readonly kind: 'ready' }
  | { readonly kind: 'did'; readonly id: string; readonly step: string }
  | { readonly kind: 'restored'; readonly why: string; readonly runs: number };

const say = (said: WorkerSaid): void => void process.send?.(said);
const [url = '', leaseDuration = '', way = ''] = process.argv.slice(2);
subscribe('perdure:database.restored', (event) => {
  say({ kind: 'restored', ...event as EngineEvents['perdure:database.restored'] });
});
const connection = await connect(url, { transactionPooler: way === 'pooler', migrate: false });
const flow = orderFlow((id, step) => say({ kind: 'did', id, step }));
const silent = (): void => undefined;
const worker = createWorker({
  connection, workflows: [flow], leaseDuration: Number(leaseDuration), concurrency: 30,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
});
const running = worker.run();
say({ kind: 'ready' });
await running;
await connection.close();
process.disconnect();
