// The ground floor of the memory store: its clock, its epochs, its batches, how runs are created, and what a
// test may do to it from outside as it could to any database.
//
//   M1. Every item of a request has an instant of its own, later than all before it, unless time `stands`.
//       No epoch is given twice, not even to a run that was deleted and started again.
//   M2. A request takes effect in one turn of the event loop, some turn after it was made.
//   M3. Nothing is atomic across runs (P4); `shuffle` makes that felt.
import type { Encoded } from './codec.js';
import { systemEnv, type Env } from './env.js';
import { DatabaseUnavailableError, InvariantError } from './errors.js';
import { cancelId } from './mail.js';
import { messageKey } from './memory-mail-tables.js';
import { MemoryTables, type NewRows, type ReadyRow, type RunRow, type Uncommitted } from './memory-tables.js';
import { micros } from './micros.js';
import { nothing, type Instant, type NewRun, type StartAnswer } from './store.js';

/** How a memory store behaves. */
export interface MemoryStoreOptions {
  /** Where chance and turns of the event loop come from; the real ones by default. */
  readonly env?: Env | undefined;
  /**
   * The clock of this database, in microseconds since 1970. It may stand still or go back: instants of the
   * store do not. By default the wall time of `env`.
   */
  readonly now?: (() => Instant) | undefined;
  /**
   * Requests take no time: instants are the clock's own, and equal while it stands. By default each is later
   * than all before it, as it is in a database, by a microsecond at least.
   */
  readonly stands?: boolean | undefined;
  /**
   * Serves the items of a batch in a random order, and between any two of them breaks off with
   * DatabaseUnavailableError at this chance, from 0 to 1: what was served stays.
   */
  readonly shuffle?: { readonly failures: number } | undefined;
}

/** Characters that a stored text may have: 1 MiB, and slack for the difference of bytes and characters. */
const textLimit = 1_500_000;

/** Starts, and everything that the other verbs stand on. Use it as `MemoryStore`. */
export class MemoryStarts {
  protected readonly tables: MemoryTables = new MemoryTables();
  readonly #env: Env;
  readonly #clock: () => Instant;
  readonly #shuffle: { readonly failures: number } | undefined;
  readonly #tickUs: number;
  #last = 0;
  #lastEpoch = 0;
  #lastStamp = 0;

  constructor({ env = systemEnv, now, shuffle, stands = false }: MemoryStoreOptions = {}) {
    this.#env = env;
    this.#clock = now ?? (() => micros(env.wallTime()));
    this.#shuffle = shuffle;
    this.#tickUs = stands ? 0 : 1;
  }

  async startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    await this.roundTrip();
    return this.inBatch(runs, (run) => this.start(run, null));
  }

  // ---- what a test may do from outside -------------------------------------------------------------------

  /** A stranger's lock on a run: writes to it are answered `busy`, claims pass it by. Returns the release. */
  lockRow(runId: string): () => void {
    return hold(this.tables.locked, runId);
  }

  /** A stranger's uncommitted start: starts of this id are answered `busy`. Returns its rollback. */
  holdId(runId: string): () => void {
    return hold(this.tables.held, runId);
  }

  /** Makes a run due now, as a hand on the database could; ends the lease of a leased one. */
  makeDue(runId: string): void {
    const row = this.tables.ready.get(runId);
    if (row !== undefined) row.dueAt = Math.min(row.dueAt, this.now());
  }

  /** When the next run is due that is neither due now nor leased; null when no clock will make one due. */
  nextDueAt(): Instant | null {
    const now = this.#clock();
    let earliest = Infinity;
    for (const { claim, dueAt } of this.tables.ready.values()) {
      if (claim === null && dueAt > now) earliest = Math.min(earliest, dueAt);
    }
    return earliest === Infinity ? null : earliest;
  }

  /** Ends the lease of a run, as if its time were over; one that nobody holds is left as it is. */
  endLease(runId: string): void {
    const row = this.tables.ready.get(runId);
    if (row !== undefined && row.claim !== null) this.makeDue(runId);
  }

  /** Deletes a run and all it recorded, as retention does. */
  forget(runId: string): void {
    this.tables.forget(runId);
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** The instant of a request, or of an item of a batch (M1). What is kept in order needs a `stamp`. */
  protected now(): Instant {
    this.#last = Math.max(this.#clock(), this.#last + this.#tickUs);
    return this.#last;
  }

  /** An instant for rows that are read in the order in which they were written: later than all before it. */
  protected stamp(): Instant {
    this.#lastStamp = Math.max(this.now(), this.#lastStamp + 1);
    return this.#lastStamp;
  }

  /** The way to a database and back (M2). */
  protected async roundTrip(): Promise<void> {
    await new Promise<void>((resolve) => this.#env.nextTurn(resolve));
  }

  /** Items with their instants, in their order: however a batch is served, its messages keep theirs. */
  protected stamped<Item>(items: readonly Item[]): { readonly item: Item; readonly at: Instant }[] {
    return items.map((item) => ({ item, at: this.stamp() }));
  }

  /** Serves each item by itself; answers are in the order of the items, however these were served. */
  protected inBatch<Item, Answer>(items: readonly Item[], serve: (item: Item) => Answer): Answer[] {
    const answers = new Array<Answer>(items.length);
    let served = 0;
    for (const [index, item] of this.#inOrder(items)) {
      if (served++ > 0 && this.#breaksOff()) {
        throw new DatabaseUnavailableError('The memory store broke off between two items of a batch, as ' +
          'its option shuffle asks it to. Send the batch again.');
      }
      answers[index] = serve(item);
    }
    return answers;
  }

  #inOrder<Item>(items: readonly Item[]): (readonly [number, Item])[] {
    const order = [...items.entries()];
    if (this.#shuffle === undefined) return order;
    return order.map((item) => ({ item, rank: this.#env.random() }))
      .sort((one, other) => one.rank - other.rank).map(({ item }) => item);
  }

  #breaksOff(): boolean {
    return this.#shuffle !== undefined && this.#env.random() < this.#shuffle.failures;
  }

  /** The epoch after `previous`; 0 stands for none (P2). */
  protected nextEpoch(previous: number, now: Instant): number {
    this.#lastEpoch = Math.max(previous + 1, now, this.#lastEpoch + 1);
    return this.#lastEpoch;
  }

  /** The run of this id that a start would meet. */
  protected existing(id: string, pending: Uncommitted | null): RunRow | undefined {
    return pending?.runs.get(id)?.run ?? this.tables.runs.get(id);
  }

  /** Whether a stranger holds this id: he starts a run under it, or begins the one that is there anew. */
  protected isHeld(id: string, pending: Uncommitted | null = null): boolean {
    return this.tables.held.has(id) && pending?.runs.has(id) !== true;
  }

  /**
   * Whether a stranger holds this run. Transactions of steps do as well, against those who need it alone and
   * not only see that it stays where it is.
   */
  protected isLocked(id: string, alone = true): boolean {
    return this.tables.locked.has(id) || (alone && this.tables.shared.has(id));
  }

  /** One start, in a transaction if `pending` is given. */
  protected start(run: NewRun, pending: Uncommitted | null, now: Instant = this.now()): StartAnswer {
    const why = this.refusal(this.textsOf(run));
    if (why !== null) return { kind: 'refused', why };
    if (this.isHeld(run.id, pending)) return { kind: 'busy' };
    const existing = this.existing(run.id, pending);
    if (existing !== undefined && !this.isRestarted(existing, run)) {
      return { kind: 'exists', workflow: existing.workflow };
    }
    const rows = this.newRows(run, now);
    if (existing !== undefined) this.succeed(rows, existing);
    if (pending === null) {
      this.enter(rows);
    } else {
      // A cancel that the same transaction sent to the generation that has ended is forgotten with it.
      const cancel = messageKey({ runId: run.id, id: cancelId });
      if (existing !== undefined && pending.messages.delete(cancel)) {
        this.tables.mail.heldMessages.delete(cancel);
      }
      pending.runs.set(run.id, rows);
      this.tables.held.add(run.id);
    }
    return { kind: 'created', epoch: rows.ready.epoch, at: now };
  }

  /** Whether a start makes an existing run begin anew. */
  protected isRestarted({ workflow, status }: RunRow, run: NewRun): boolean {
    const hasFailed = status === 'failed' || status === 'cancelled';
    return run.restart === true && run.workflow === workflow && hasFailed;
  }

  /** Makes a new run the next generation of one that exists. */
  protected succeed({ run, ready }: NewRows, { generation, createdAt, parent }: RunRow): void {
    Object.assign(run, { generation: generation + 1, createdAt, parent });
    // It may find mail: what is fresh and was woken is looked at closely.
    ready.wake = true;
  }

  /** The rows of a start are there. */
  protected enter(rows: NewRows): void {
    this.tables.insert(rows);
  }

  /** The rows of a new run. */
  protected newRows(run: NewRun, now: Instant): NewRows {
    const { id, workflow, queue, lease, priority = 0, attributes = {} } = run;
    const version = lease?.version ?? null;
    const ready: ReadyRow = {
      id, queue, workflow, priority, version, lane: 'normal', dueAt: this.firstDue(run, now),
      epoch: this.nextEpoch(0, now), restedFrom: null, claim: lease?.claimId ?? null,
      fresh: lease === undefined, wake: false, tied: false, strikes: 0, soloStrikes: 0,
      firstClaimedAt: lease === undefined ? null : now,
    };
    return { run: newRun(run, now), ready, attributes };
  }

  /** When a new run is due; for one that is born leased, when its lease ends. */
  protected firstDue({ delayMs = 0, startAtMs = 0, lease }: NewRun, now: Instant): Instant {
    if (lease !== undefined) return now + micros(lease.leaseMs);
    // Never before now: an instant long past would put the run before all others.
    return Math.max(now, now + micros(delayMs), micros(startAtMs));
  }

  /** What a database may refuse of a start. */
  protected textsOf({ input, attributes = {} }: NewRun): (string | null)[] {
    const values = Object.values(attributes).filter((value) => typeof value === 'string');
    return [input.text, ...Object.keys(attributes), ...values];
  }

  /** Why the database will not store these texts, or null. */
  protected refusal(texts: Iterable<string | null>): string | null {
    for (const text of texts) {
      if (text === null) continue;
      if (text.length > textLimit) return `a text of ${text.length} characters is over ${textLimit}`;
      if (text.includes('\0')) return 'a text holds a NUL character';
    }
    return null;
  }
}

function newRun(run: NewRun, now: Instant): RunRow {
  const { id, workflow, queue, input, timeoutMs = null, priority = 0, headers = {} } = run;
  const output: Encoded = nothing;
  return {
    id, workflow, queue, input, createdAt: now, generation: 1, timeoutMs, priority, headers, parent: null,
    version: null, status: 'live', output, error: null, reason: null, settledAt: null, parkedAt: null,
    startedAt: null, settledEpoch: null,
  };
}

function hold(locks: Set<string>, id: string): () => void {
  if (locks.has(id)) throw new InvariantError(`'${id}' is held already`);
  locks.add(id);
  return () => void locks.delete(id);
}
