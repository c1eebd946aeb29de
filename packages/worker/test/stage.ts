// A stage for interleavings on PostgreSQL: workers of this process behind a proxy each, workers in processes
// of their own, gates and effects in the database, and what the engine publishes.
import { spawn, type ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Connection, EngineEvents } from '@perdure/core';
import { connect, type ConnectOptions } from '@perdure/sql';
import { afterAll, afterEach } from 'vitest';
import { startPgProxy, type PgProxy, type StatementMatcher } from '../../testing/dist/pg-proxy.js';
import { freshEngine, until, type Engine } from '../../testing/test/engine.js';

export { Gate, silent, until } from '../../testing/test/engine.js';

/** A worker in a process of its own. */
export interface Child {
  readonly process: ChildProcess;
  /** What its engine published, in order. */
  readonly events: readonly ChildEvent[];
  /** Resolves when it has ended, with what ended it. */
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
}

/** One line of a child: the name of a channel without its prefix, and what was published. */
export interface ChildEvent {
  readonly event: string;
  readonly runId?: string;
  readonly [fact: string]: unknown;
}

/** A stage. */
export interface Stage extends Engine {
  /** A Connection that leads through a proxy of its own. */
  behindProxy(options?: ConnectOptions): Promise<{ proxy: PgProxy; connection: Connection }>;
  /** Starts a worker of child-worker.ts; it is killed when the test has ended. Resolves when it polls. */
  child(options: { lease: string; concurrency?: number; url?: string }): Promise<Child>;
  /** Lets through whoever waits at this gate in any process, now and later. */
  open(gate: string): Promise<void>;
  /** Effects of steps in child processes, in order: `run step attempt`, and the process. */
  effects(runId: string): Promise<readonly { step: string; attempt: number; pid: number }[]>;
  /** Ends the lease of a run, as if its time were over. */
  endLease(runId: string): Promise<void>;
  /** What is recorded of a run, by position. */
  journal(runId: string): Promise<readonly { place: string; name: string; value: string | null }[]>;
}

/** Statements by the name they are prepared under, such as `perdure_commit`, without the hash of its text. */
export function named(
  name: string, more: (values: readonly (string | null)[]) => boolean = () => true,
): StatementMatcher {
  return (statement) => statement.name.startsWith(`${name}_`) && more(statement.values);
}

/** Commits in which some run does this: settle, rest, or only record entries. */
export function committing(act: 'settle' | 'rest' | 'entries'): StatementMatcher {
  const has = (values: readonly (string | null)[], word: string): boolean =>
    values.some((value) => new RegExp(`[{,"]${word}[,"}]`).test(value ?? ''));
  return named('perdure_commit', (values) => {
    if (act === 'settle') return has(values, 'completed');
    if (act === 'rest') return has(values, 'rest');
    return has(values, 'step') && !has(values, 'completed') && !has(values, 'rest');
  });
}

/** Collects what is published on a channel until the test has ended. */
export function collect<K extends keyof EngineEvents>(name: K): EngineEvents[K][] {
  const seen: EngineEvents[K][] = [];
  const listener = (event: unknown): void => void seen.push(event as EngineEvents[K]);
  subscribe(name, listener);
  undo.push(() => unsubscribe(name, listener));
  return seen;
}

const undo: Array<() => void> = [];
const program = fileURLToPath(new URL('../../dist-test/worker/test/child-worker.js', import.meta.url));

function startChild(url: string, options: Parameters<Stage['child']>[0]): Child {
  const child = spawn(process.execPath, [program, url, options.lease, String(options.concurrency ?? 100)],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  undo.push(() => void child.kill('SIGKILL'));
  const events: ChildEvent[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  createInterface({ input: child.stdout })
    .on('line', (line) => void events.push(JSON.parse(line) as ChildEvent));
  const ended = once(child, 'close').then(([code, signal]) => (
    { code: code as number | null, signal: signal as string | null, stderr }));
  return { process: child, events, ended };
}

/** Sets a stage on an empty database. Call it at the top level of a test file. */
export async function freshStage(): Promise<Stage> {
  const engine = await freshEngine();
  const { sql, url } = engine;
  await sql(`create table gates (name text primary key);
    create table effects (
      at bigint generated always as identity, run text, step text, attempt int, pid int)`);
  const closing: Array<() => Promise<void>> = [];
  afterEach(() => {
    for (const each of undo.splice(0)) each();
  });
  afterAll(() => Promise.all(closing.map((close) => close())));
  return {
    ...engine,
    behindProxy: async (options) => {
      const { hostname, port } = new URL(url);
      const proxy = await startPgProxy({ target: { host: hostname, port: Number(port) } });
      const connection = await connect(proxy.url(url), options);
      closing.push(async () => {
        await connection.close();
        await proxy.close();
      });
      return { proxy, connection };
    },
    child: async (options) => {
      const child = startChild(options.url ?? url, options);
      await Promise.race([until(() => child.events.length > 0), child.ended.then(({ stderr }) => {
        throw new Error(`The child ended before it was ready: ${stderr}`);
      })]);
      return child;
    },
    open: async (gate) => void await sql('insert into gates values ($1) on conflict do nothing', [gate]),
    effects: async (runId) => (
      await sql('select step, attempt, pid from effects where run = $1 order by at', [runId])) as never,
    endLease: async (runId) => void await sql(`update perdure.ready
      set due_at = clock_timestamp() - interval '1 ms' where id = $1 and claim is not null`, [runId]),
    journal: async (runId) => (await sql(`select place, name, value from perdure.journal
      where run_id = $1 order by position`, [runId])) as never,
  };
}
