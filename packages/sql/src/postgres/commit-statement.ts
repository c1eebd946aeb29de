// The statements that write what turns produced: many runs, one transaction, one round trip.
//
//   G1. Each `ready` row is changed by one CTE at most; `runs` only from the RETURNING of a fenced delete.
//   G2. The fence is in the statement: a row is locked (skipping strangers' locks), and its epoch compared.
//   G3. Items that only add rows share the lock; items that change their row or its calls take it alone.
//   G4. Rows are locked in the order of ids. Lookups go by arrays of ids, so that the primary key is the only
//       sensible plan; batch and locked rows meet by hash, whatever the estimates say.
//   G5. Every item has an answer: done; already (by an earlier sending of the same); busy; lost. What is
//       plainly done has no row of its own, so that most batches are answered by one, which says the instant.
//       What was not to be locked is sent again at once, by the statement that finds out about it.
//   G6. Entries that an earlier sending wrote keep its instant, and the answer says it: `old` looks for them,
//       but only where something was not inserted. What an earlier sending wrote too late for our snapshot is
//       busy, and found by the next sending.
//   G7. A statement is made of the pieces that a batch needs (commit-pieces.ts): idle lines of SQL would cost
//       a lone write more than its own work. Any batch can be sent by the statement of all pieces as well.
//   G8. A run that goes on as new is rare: its batches take the statement of all pieces, and make no other.
import { groups, type ColumnKey, type CommitColumns, type Group } from './commit-columns.js';
import { pieces } from './commit-pieces.js';
import { CommitText } from './commit-text.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** How a batch is sent. */
export type Sending =
  /** What was not sent before: an entry that is there is a unique violation, and nothing is written. */
  | 'first'
  /** What was sent before: looking for it costs too much to be done each time. */
  | 'again';

/** A statement, and the columns that are its parameters. */
export interface CommitStatement extends Statement {
  readonly columns: readonly ColumnKey[];
}

// A prepared statement takes the server 300 kB a session. What comes first is what comes often.
const mostStatements = 24;

/** All but what holds for one row alone. What a batch has nothing of is given as empty columns. */
const all: readonly Group[] = (Object.keys(groups) as Group[]).filter((group) =>
  group !== 'closer' && group !== 'letter');

/** The commit statements of one schema, each made when it is first needed. */
export class CommitStatements {
  readonly #schema: string;
  readonly #made = new Map<string, CommitStatement>();
  readonly #whole: Readonly<Record<Sending, CommitStatement>>;

  /** `schema` is the quoted name. */
  constructor(schema: string) {
    this.#schema = schema;
    this.#whole = { first: this.#make(all, 'first'), again: this.#make(all, 'again') };
  }

  /** The statement for a batch: of its own pieces, or of all where many were made, or few are sent. */
  for(batch: CommitColumns, sending: Sending): CommitStatement {
    if (sending === 'again') return this.#whole.again;
    const { contents } = batch;
    if (batch.has('next')) return this.#whole.first;
    const key = contents.join(' ');
    let statement = this.#made.get(key);
    if (statement === undefined) {
      if (this.#made.size === mostStatements) return this.#whole.first;
      this.#made.set(key, statement = this.#make(contents, 'first'));
    }
    return statement;
  }

  #make(contents: readonly Group[], sending: Sending): CommitStatement {
    const text = new CommitText(this.#schema, sending === 'again', (group) => contents.includes(group));
    const sql = `with${pieces(text).join(',')}${sending === 'first' ? exceptions(text) : answers(text)}`;
    return { ...named(sending === 'first' ? 'commit' : 'commit_again', sql), columns: text.parameters };
  }
}

/** The instant, and what is not plainly done beside it. */
function exceptions(text: CommitText): string {
  const move = text.has('move');
  return `
select ${micros('t.now')}, ok.ord, ok.locked is not null, ok.mine, ok.wake, ok.rested_from = ok.epoch,
       ${move ? 'upd.epoch' : 'null'}
  from t left join ok${move ? '\n  left join upd on upd.ord = ok.ord' : ''}
    on (ok.mine and not ok.wake${move ? " and ok.act is distinct from 'rest'" : ''}) is not true`;
}

/** An answer for every item, with its instant. */
function answers(text: CommitText): string {
  const { s } = text;
  return `
select ok.ord, case
         when ok.mine then case when coalesce(old.whole, true) then 'done' else 'busy' end
         when (ok.act = 'rest' or ok.next_lane is not null) and ok.rested_from = ok.epoch then 'already'
         when ok.locked is not null then 'lost'
         when exists (select from ${s}.ready r
                       where r.id = any(${text.ids()}) and r.id = ok.id and r.part = ok.part) then 'busy'
         when exists (select from ${s}.runs u
                       where u.id = any(${text.ids()}) and u.id = ok.id and u.part = ok.part
                         and u.settled_epoch = ok.epoch) then 'already'
         else 'lost' end,
       upd.epoch, coalesce(ok.mine and ok.wake, false), ${micros('coalesce(old.at, ok.now)')}
  from ok
  left join upd on upd.ord = ok.ord
  left join old on old.ord = ok.ord`;
}
