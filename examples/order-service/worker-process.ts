// A worker of the order service, seen from the process that started it. None outlives that process: they are
// killed when it exits, and end by themselves when it is killed.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { WorkerEvent } from './worker-event.js';

/** How a worker process is set up; see worker.ts. */
export interface WorkerSetup {
  readonly url: string;
  readonly leaseMs?: number | undefined;
  readonly stepMs?: number | undefined;
  readonly holdAt?: string | undefined;
  /** Hears every event of the worker, after `ready`. */
  hear?(event: WorkerEvent, worker: WorkerProcess): void;
}

const program = fileURLToPath(new URL('./worker.js', import.meta.url));
const alive = new Set<ChildProcess>();

/** Kills every worker process at once. Called when this process exits. */
export function killWorkers(): void {
  for (const child of alive) child.kill('SIGKILL');
}
process.on('exit', killWorkers);

/** One worker process. */
export class WorkerProcess {
  readonly pid: number;
  /** Resolves when the process is gone, and everything it said was heard. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    alive.add(child);
    const left = new Promise<void>((resolve) => {
      child.once('exit', () => {
        alive.delete(child);
        resolve();
      });
    });
    // What it said before it died may still be on its way.
    const heard = new Promise<void>((resolve) => child.once('disconnect', () => resolve()));
    this.gone = Promise.all([left, heard]).then(() => undefined);
  }

  /** Starts a worker process; resolves when it claims runs. Throws if it ends before. */
  static start(setup: WorkerSetup): Promise<WorkerProcess> {
    const { url, leaseMs, stepMs, holdAt, hear } = setup;
    const env: NodeJS.ProcessEnv = { ...process.env, DATABASE_URL: url };
    if (leaseMs !== undefined) env['LEASE_MS'] = String(leaseMs);
    if (stepMs !== undefined) env['STEP_MS'] = String(stepMs);
    if (holdAt !== undefined) env['HOLD_AT'] = holdAt;
    // Its lines go to standard error, so that what a person reads on standard output is this process's alone.
    const child = fork(program, { env, stdio: ['ignore', 2, 2, 'ipc'] });
    const worker = new WorkerProcess(child);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`A worker process ended with ${code ?? signal} before it was ready.`));
      });
      child.on('message', (event: WorkerEvent) => {
        if (event.name === 'ready') resolve(worker);
        else hear?.(event, worker);
      });
    });
  }

  /** SIGKILL: no code of the process runs any more. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.gone;
  }

  /** SIGTERM: the worker finishes the steps that run and hands its runs back. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.gone;
  }

  /** Sends any other signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
