// The two statements of the engine in the transaction of a step, on the application's connection: the fence
// is the first in it, the record of the answer the last. Constant text; no setting outlives the transaction.
//
//   F1. The fence shares the run's row until the transaction ends. Whoever would take, renew or rest the run
//       needs the row alone, and passes it by.
//   F2. The server ends the transaction by itself when this process cannot: while it is idle, while a
//       statement runs, and from version 17 on whatever it does. A shorter limit of the application stays.
//   F3. The record is written in the transaction that holds the fence, or not at all.
//   F4. The row is found by its key: under SERIALIZABLE nothing but its page is remembered as read.
//   F5. The fence tells which server it is on. One that the engine's own sessions do not know is looked at by
//       them first: after a restore the lease may be there, but not what its owner remembers.
import { WorkflowError } from '@perdure/core';
import type {
  StepTransaction, StepTransactions, TransactionHandle, TransactionVerdict,
} from '@perdure/core';
import type { Entry, Instant, Lease } from '@perdure/core/engine';
import { stateBehind } from '../libraries/prisma-errors.js';
import type { Lineage } from './lineage.js';
import { serverStart } from './server-look.js';
import { sqlStateOf } from './sql-error.js';
import { micros } from './sql-time.js';

/** $1 id, $2 part, $3 epoch, $4 longest time in ms. */
function fenceText(s: string, server: string): string {
  const limit = (setting: string): string => `set_config('${setting}', least($4::float8,
         nullif(extract(epoch from current_setting('${setting}')::interval)::float8 * 1000::float8,
                0::float8))::bigint::text, true)`;
  return `
with x as materialized (
  select epoch from ${s}.ready where id = $1::text and part = $2::smallint for share skip locked)
select case when (select epoch from x) = $3::bigint then 'held'
            when exists (select from x) then 'lost'
            when exists (select from ${s}.ready where id = $1::text and part = $2::smallint) then 'busy'
            else 'lost' end as fence,
       pg_current_xact_id()::text as xid, ${server} as server,
       ${limit('idle_in_transaction_session_timeout')} as idle,
       ${limit('statement_timeout')} as statement,
       case when current_setting('server_version_num')::integer >= 170000 then
         ${limit('transaction_timeout')} end as whole`;
}

/**
 * $1 part, $2 run, $3 generation, $4 place, $5 position, $6 name, $7 codec, $8 value, $9 attempt, $10 ms,
 * $11 xid
 */
function recordText(s: string): string {
  return `
with t as materialized (select clock_timestamp() as now),
j as (
  insert into ${s}.journal (part, run_id, generation, place, position, kind, name, codec, value, error,
                            attempt, started_at, ended_at)
  select $1::smallint, $2::text, $3::integer, $4::text, $5::integer, 'transaction', $6::text, $7::text,
         $8::text, null, $9::integer, t.now - $10::float8 * interval '1 millisecond', t.now
    from t where pg_current_xact_id()::text = $11::text
  on conflict (run_id, generation, place) do nothing
  returning ended_at)
select ${micros('ended_at')} as at from j`;
}

interface Texts {
  readonly fence: string;
  /** Where nobody may ask which server it is. */
  readonly plainFence: string;
  readonly record: string;
}

/**
 * Makes the engine's side of transactional steps. `schema` is the quoted name. Without a `lineage` no server
 * is asked which it is.
 */
export function stepTransactions(schema: string, lineage: Lineage | null = null): StepTransactions {
  const texts = {
    fence: fenceText(schema, serverStart), plainFence: fenceText(schema, 'null'), record: recordText(schema),
  };
  return { on: (handle, lease) => new FencedTransaction({ handle, texts, lineage }, lease), judge };
}

interface FencedParts {
  readonly handle: TransactionHandle;
  readonly texts: Texts;
  readonly lineage: Lineage | null;
}

class FencedTransaction implements StepTransaction {
  readonly #handle: TransactionHandle;
  readonly #lease: Lease;
  readonly #texts: Texts;
  readonly #lineage: Lineage | null;
  readonly #era: number;
  #xid = '';

  constructor({ handle, texts, lineage }: FencedParts, lease: Lease) {
    this.#handle = handle;
    this.#lease = lease;
    this.#texts = texts;
    this.#lineage = lineage;
    this.#era = lineage?.era ?? 0;
  }

  async fence(limitMs: number): Promise<'held' | 'busy' | 'lost'> {
    const { runId, part, epoch } = this.#lease;
    const { fence: asking, plainFence } = this.#texts;
    const known = this.#lineage?.server ?? null;
    const text = known === null ? plainFence : asking;
    const [row] = await this.#handle.query(text, [runId, part, epoch, Math.ceil(limitMs)]);
    const fence = row?.['fence'];
    if (fence !== 'held' && fence !== 'busy' && fence !== 'lost') throw noRows();
    this.#xid = String(row?.['xid']);
    return await this.#isKnown(row?.['server']) ? fence : 'busy';
  }

  async #isKnown(server: unknown): Promise<boolean> {
    const lineage = this.#lineage;
    if (lineage === null || typeof server !== 'string') return true;
    if (server !== lineage.server) await lineage.look();
    // The end of an era is the end of the worker's runs, and of this transaction with them.
    return server === lineage.server && this.#era === lineage.era;
  }

  async record(entry: Entry): Promise<Instant | null> {
    const { runId, part, generation } = this.#lease;
    const { place, position, name, value: { codec, text }, attempt, tookMs } = entry;
    const [row] = await this.#handle.query(this.#texts.record,
      [part, runId, generation, place, position, name, codec, text, attempt, tookMs, this.#xid]);
    return row === undefined ? null : Number(row['at']);
  }
}

function noRows(): WorkflowError {
  return new WorkflowError('TRANSACTOR_BROKEN', 'The handle of the transactor did not give the row of its ' +
    'query back. Its `query` resolves to the rows, as objects by column name.');
}

/** How deep a library may have wrapped what its driver threw. */
const deepestCause = 5;

function judge(error: unknown): TransactionVerdict {
  let at: unknown = error;
  for (let depth = 0; depth < deepestCause && at instanceof Error; depth++) {
    const state = stateBehind(at) ?? sqlStateOf(at);
    if (state !== null) return verdictOf(state);
    at = at.cause;
  }
  return 'unknown';
}

function verdictOf(state: string): TransactionVerdict {
  if (state === '40001' || state === '40P01') return 'conflict';
  if (/^(22|23|54)/.test(state)) return 'refused';
  // A connection that failed, a server that goes down, an error of its own: COMMIT may have been done before.
  return /^(08|57P|58|XX|40003)/.test(state) ? 'unknown' : 'undone';
}
