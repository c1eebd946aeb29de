// `createClient` and `createWorker` as most applications call them: with a Connection, an address, or
// nothing.
import { createClient as clientOn, type Client, type ClientOptions } from '@perdure/client';
import type { Connection } from '@perdure/core';
import type { ConnectTarget } from '@perdure/sql';
import { checkWorker, createWorker as workerOn, type Worker, type WorkerOptions } from '@perdure/worker';
import { borrow } from './shared-connections.js';

/** Where the runs are: a Connection, or what `connect` takes; left out, DATABASE_URL. */
export interface Addressed {
  connection?: Connection | ConnectTarget | undefined;
  /** Schema of the engine's tables, if `connection` is no Connection. Default 'perdure'. */
  schema?: string | undefined;
}

/** Everything that `createClient` of @perdure/client takes, with any address. */
export type AddressedClientOptions = Omit<ClientOptions, 'connection'> & Addressed;

/** Everything that `createWorker` of @perdure/worker takes, with any address. */
export type AddressedWorkerOptions = Omit<WorkerOptions, 'connection'> & Addressed;

function isConnection(given: Connection | ConnectTarget | undefined): given is Connection {
  return typeof given === 'object' && 'store' in given;
}

/**
 * Makes a client. It connects when it is first used, and shares its Connection with whoever names the same
 * address in this process. Throws what `connect` throws, on first use.
 */
export function createClient(options: AddressedClientOptions = {}): Client {
  const { connection, schema, ...rest } = options;
  const source = isConnection(connection) ? connection : () => borrow(connection, { schema });
  return clientOn({ ...rest, connection: source });
}

/**
 * Makes a worker. It connects on `start`, and shares its Connection with whoever names the same address in
 * this process. Throws what is wrong with its options at once; `start` throws what `connect` throws.
 */
export function createWorker(options: AddressedWorkerOptions): Worker {
  const { connection, schema, ...rest } = options;
  if (isConnection(connection)) return workerOn({ ...rest, connection });
  checkWorker(rest);
  let opened: { borrowed: Connection; worker: Worker } | null = null;
  let opening: Promise<Worker> | null = null;
  const open = (): Promise<Worker> => {
    opening ??= borrow(connection, { schema }).then((borrowed) => {
      opened = { borrowed, worker: workerOn({ ...rest, connection: borrowed }) };
      return opened.worker;
    }, (error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const stop: Worker['stop'] = async (stopOptions) => {
    await opening?.catch(() => undefined);
    await opened?.worker.stop(stopOptions);
    await opened?.borrowed.close();
  };
  return {
    async start() {
      await (await open()).start();
      return this;
    },
    run: async (runOptions) => {
      const worker = await open();
      await worker.run(runOptions).finally(() => opened?.borrowed.close());
    },
    stop,
    health: () => opened?.worker.health() ?? { ok: false, activeRuns: 0, lastPollAt: null },
    [Symbol.asyncDispose]: () => stop(),
  };
}
