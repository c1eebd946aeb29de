// `createClient` and `createWorker` as most applications call them: with a Connection, an address, or
// nothing.
import {
  createClient as clientOn, type Client, type ClientOptions, type RunHandle, type RunRef,
} from '@perdure/client';
import type { Connection, Workflow } from '@perdure/core';
import type { ConnectTarget } from '@perdure/sql';
import { checkWorker, createWorker as workerOn, type Worker, type WorkerOptions } from '@perdure/worker';
import { borrow, type Borrowed } from './shared-connections.js';

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
  if (isConnection(connection)) return clientOn({ ...rest, connection });
  let opening: Promise<{ borrowed: Borrowed; client: Client }> | null = null;
  const open = async (): Promise<Client> => {
    opening ??= borrow(connection, { schema }).then((borrowed) =>
      ({ borrowed, client: clientOn({ ...rest, connection: borrowed.connection }) }));
    try {
      return (await opening).client;
    } catch (error) {
      // The next use tries again: the database may only have been late.
      opening = null;
      throw error;
    }
  };
  const close = async (): Promise<void> => {
    const opened = await opening?.catch(() => null);
    opening = null;
    await opened?.client.close();
    await opened?.borrowed.release();
  };
  return {
    start: async (...args: readonly unknown[]) => (await open() as unknown as AnyClient).start(...args),
    execute: async (...args: readonly unknown[]) => (await open() as unknown as AnyClient).execute(...args),
    get: (refOrWorkflow: RunRef | Workflow, id?: string) => lateHandle(refOrWorkflow, id, open),
    close,
    [Symbol.asyncDispose]: close,
  };
}

// The overloads of Client, as the one call that they are at run time.
interface AnyClient {
  start(...args: readonly unknown[]): Promise<never>;
  execute(...args: readonly unknown[]): Promise<never>;
}

function lateHandle(
  given: RunRef | Workflow, id: string | undefined, open: () => Promise<Client>,
): RunHandle<never> {
  const named = given as Workflow;
  const ref: RunRef<never> = id === undefined ? given as RunRef<never> : { id, workflow: named.name };
  return {
    id: ref.id,
    workflow: ref.workflow,
    result: async (options) => (await open()).get(ref).result(options),
    status: async () => (await open()).get(ref).status(),
  };
}

/**
 * Makes a worker. It connects on `start`, and shares its Connection with whoever names the same address in
 * this process. Throws what is wrong with its options at once; `start` throws what `connect` throws.
 */
export function createWorker(options: AddressedWorkerOptions): Worker {
  const { connection, schema, ...rest } = options;
  if (isConnection(connection)) return workerOn({ ...rest, connection });
  checkWorker(rest);
  let opened: { borrowed: Borrowed; worker: Worker } | null = null;
  let opening: Promise<Worker> | null = null;
  const open = (): Promise<Worker> => {
    opening ??= borrow(connection, { schema }).then((borrowed) => {
      opened = { borrowed, worker: workerOn({ ...rest, connection: borrowed.connection }) };
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
    await opened?.borrowed.release();
  };
  return {
    async start() {
      await (await open()).start();
      return this;
    },
    run: async (runOptions) => {
      const worker = await open();
      await worker.run(runOptions).finally(() => opened?.borrowed.release());
    },
    stop,
    health: () => opened?.worker.health() ?? { ok: false, activeRuns: 0, lastPollAt: null },
    [Symbol.asyncDispose]: () => stop(),
  };
}
