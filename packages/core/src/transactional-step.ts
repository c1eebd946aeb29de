// A transactional step: the application's writes and the answer of the step commit together, exactly once,
// on the application's own connection. How one transaction goes is transaction-trial.ts.
//
//   Z2. What was undone for no fault of the code, as a serialization failure is, is tried again whole, up to
//       a bound, and is no attempt. Waiting for a stranger's lock on the row is not bounded, nor is waiting
//       for a database that is away.
//   Z3. A COMMIT without an answer is decided by reading. A renewal takes the row alone, so when it is done
//       that transaction has ended; then the journal has the answer, or it never will.
import type { Env } from './env.js';
import { WorkflowError } from './errors.js';
import { publish } from './events.js';
import type { History, Lease } from './store.js';
import {
  failed, type TransactionAttempt, type TransactionOutcome, type Transactions,
} from './transaction-attempt.js';
import { TransactionLeases, type ExtendLease } from './transaction-leases.js';
import { Trial, type TrialEnd, type TrialParts } from './transaction-trial.js';
import type { StepTransactions, Transactor } from './transactor.js';

/** How often a transaction is tried whole before its undoing counts as a failed attempt. */
export const transactionTries = 10;

const firstPauseMs = 10;
const longestPauseMs = 1_000;
const firstBusyPauseMs = 5;
const longestBusyPauseMs = 200;

/** What transactional steps need of a worker and its database. */
export interface TransactionalStepsOptions {
  readonly env: Env;
  readonly leaseMs: number;
  readonly transactor: Transactor<unknown> | null;
  readonly sql: StepTransactions;
  readonly extend: ExtendLease;
  /** What a run has recorded; answers however long that takes. */
  read(lease: Lease): Promise<History>;
}

type Parts = TrialParts & Pick<TransactionalStepsOptions, 'read'>;

/** What leaves the answer open: another transaction may go well. */
type Again = Extract<TrialEnd, { kind: 'busy' | 'conflict' | 'undecided' | 'unopened' }>;

/** The transactional steps of one worker. */
export class TransactionalSteps implements Transactions {
  readonly #env: Env;
  readonly #parts: Parts | null;

  constructor({ env, leaseMs, extend, transactor, sql, read }: TransactionalStepsOptions) {
    const leases = new TransactionLeases(env, leaseMs, extend);
    this.#env = env;
    this.#parts = transactor === null ? null : { env, transactor, sql, leases, read };
  }

  async perform(attempt: TransactionAttempt): Promise<TransactionOutcome> {
    const { lease: { runId }, step: { name, attempt: number } } = attempt;
    const began = this.#env.monotonic();
    publish('perdure:step.started', () => ({ runId, step: name, attempt: number }));
    const outcome = this.#parts === null
      ? failed(noTransactor(name), true) : await untilDecided(this.#parts, attempt);
    const tookMs = this.#env.monotonic() - began;
    const error = outcome.kind === 'failed' ? outcome.error : undefined;
    if (outcome.kind === 'committed' || outcome.kind === 'failed') {
      publish('perdure:step.ended', () => ({ runId, step: name, attempt: number, tookMs, error }));
    }
    return outcome;
  }
}

async function untilDecided(parts: Parts, attempt: TransactionAttempt): Promise<TransactionOutcome> {
  const { env, leases } = parts;
  const leave = leases.enter(attempt.lease);
  let undone = 0;
  let busy = 0;
  try {
    for (;;) {
      const end = await transact(parts, attempt);
      // Whose run has left this worker renews nothing any more.
      if (end.kind === 'committed' && !attempt.abandoned.aborted && attempt.absolves()) {
        return await absolve(leases, attempt, end);
      }
      if (!isOpen(end)) return end;
      if (end.kind === 'busy') {
        await env.sleep(Math.min(firstBusyPauseMs * 2 ** busy++, longestBusyPauseMs), attempt.abandoned);
      } else {
        if (++undone === transactionTries) return failed(end.error, false);
        const longest = Math.min(firstPauseMs * 2 ** undone, longestPauseMs);
        await env.sleep(longest * env.random(), attempt.abandoned);
      }
      if (attempt.abandoned.aborted) return { kind: 'abandoned' };
    }
  } finally {
    leave();
  }
}

// A run that makes one transaction after the other writes nothing else by which it would be absolved, and
// while one is open nobody can write that (Z5).
async function absolve(
  leases: TransactionLeases, { lease }: TransactionAttempt, end: TransactionOutcome,
): Promise<TransactionOutcome> {
  return await leases.renew(lease, 'absolve') === 'lost' ? { kind: 'lost' } : end;
}

function isOpen(end: TrialEnd): end is Again {
  const { kind } = end;
  return kind === 'busy' || kind === 'conflict' || kind === 'undecided' || kind === 'unopened';
}

async function transact(parts: Parts, attempt: TransactionAttempt): Promise<TrialEnd> {
  const trial = new Trial(parts, attempt);
  const end = await trial.run();
  const decided = end.kind === 'undecided' || end.kind === 'unopened'
    ? await decide(parts, attempt) ?? end : end;
  if (trial.positioned && decided.kind !== 'committed') attempt.undone();
  return decided;
}

/**
 * What became of a COMMIT without an answer (Z3); null when its transaction was rolled back. The renewal is
 * answered when the database is there again, however long that takes: so who could not begin asks as well.
 */
async function decide(
  { leases, read }: Parts, { lease, place, abandoned }: TransactionAttempt,
): Promise<TransactionOutcome | null> {
  const left = new Promise<TransactionOutcome>((resolve) => {
    abandoned.addEventListener('abort', () => resolve({ kind: 'abandoned' }), { once: true });
    if (abandoned.aborted) resolve({ kind: 'abandoned' });
  });
  const look = async (): Promise<TransactionOutcome | null> => {
    if (await leases.renew(lease) === 'lost') return { kind: 'lost' };
    const entry = (await read(lease)).entries.find((recorded) => recorded.place === place);
    return entry === undefined ? null : { kind: 'committed', entry, at: entry.at };
  };
  return Promise.race([look(), left]);
}

function noTransactor(step: string): WorkflowError {
  return new WorkflowError('NO_TRANSACTOR', `Step '${step}' needs a transaction, and this worker has no ` +
    'way to open one. Pass createWorker({ transactor }): pgTransactor(pool), kyselyTransactor(db), or ' +
    'your own.');
}
