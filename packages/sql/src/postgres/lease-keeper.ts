// The main loop's end of the lease thread: tells it which leases are held, and that the loop is alive.
import { WorkflowError } from '@perdure/core';
import { publish, type LeaseKeeper, type LeaseKeeperOptions } from '@perdure/core/engine';
import type pg from 'pg';
import { Worker } from 'node:worker_threads';
import type { LeaseThreadData, LeaseThreadMessage } from './lease-thread.js';

interface Held {
  readonly runId: string;
  readonly epoch: number;
}

/** Starts a lease thread with a connection of its own. */
export function startLeaseKeeper(
  options: LeaseKeeperOptions, to: { config: pg.ClientConfig; schema: string; names: boolean },
): LeaseKeeper {
  const workerData: LeaseThreadData = { ...options, ...to };
  const thread = startThread(workerData);
  thread.unref();
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  thread.on('error', (error) =>
    publish('perdure:trouble', () => ({ what: 'the lease thread ended', error })));
  const tell = (message: LeaseThreadMessage): void => thread.postMessage(message);
  return {
    hold: (leases) => tell({ kind: 'hold', leases: flat(leases) }),
    beat: (held) => tell({ kind: 'beat', leases: flat(held) }),
    close: async () => {
      thread.ref();
      tell({ kind: 'close' });
      await exited;
    },
  };
}

function startThread(workerData: LeaseThreadData): Worker {
  try {
    return new Worker(new URL('./lease-thread.js', import.meta.url), { workerData });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'DataCloneError')) throw error;
    throw new WorkflowError('WORKER_NEEDS_URL', 'A worker renews its leases from a thread with a ' +
      'connection of its own. The options of this pool hold a function, such as a password function, ' +
      'which no thread can be given. Connect the worker with a URL, or with options that are plain data.');
  }
}

// Pairs in one flat array are cheaper to hand over than objects.
function flat(leases: readonly Held[]): readonly (string | number)[] {
  return leases.flatMap(({ runId, epoch }) => [runId, epoch]);
}
