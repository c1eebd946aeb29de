// Every invariant of the data that can be asked of the database, and the statements that find where one is
// broken. Read-only: nothing is locked, and no statement reads more than a window of ids.
import type { Broken, CheckAnswer, CheckRange } from '@perdure/core/engine';
import type { Invariant } from './invariant.js';
import { lineInvariants } from './line-invariants.js';
import { mailInvariants } from './mail-invariants.js';
import { recordInvariants } from './record-invariants.js';
import type { StatementRunner } from './session.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** Runs of one window. */
const windowOfRuns = 500;

/** Later than any id: an id has 191 characters at most. */
const lastId = '\u{10FFFF}'.repeat(192);

/** All of them. */
export const invariants: readonly Invariant[] = [...lineInvariants, ...recordInvariants, ...mailInvariants];

/** An invariant and its statement. */
export interface Check {
  readonly code: string;
  readonly once: boolean;
  /** $1 and $2 bounds of the window, $3 ms after which mail is late, $4 limit. Columns: run, what, since. */
  readonly statement: Statement;
}

/** The statements, for one schema. */
export interface CheckStatements {
  /** $1 the id after which a window begins, $2 its runs. The last id in it, if runs come after it. */
  readonly window: Statement;
  readonly checks: readonly Check[];
}

/** Builds the statements. `s` is the quoted schema. */
export function checkStatements(s: string): CheckStatements {
  return {
    window: named('check_window', `
select u.id as upto from ${s}.runs u where u.id > $1::text order by u.id offset $2::integer limit 1`),
    checks: invariants.map(({ code, once = false, broken }) => ({
      code, once,
      statement: named(`check_${code.replaceAll('-', '_')}`, `
select f.run_id as run_id, f.what as what, ${micros('f.since')} as since
  from (${broken(s)}) f where $3::float8 is not null limit $4::integer`),
    })),
  };
}

/** Looks at the window that begins after an id. */
export async function checkWindow(
  runner: StatementRunner, { window, checks }: CheckStatements, { after, lateMs, limit }: CheckRange,
): Promise<CheckAnswer> {
  const from = after ?? '';
  const [[upto] = [null]] = await runner.run(window, [from, windowOfRuns]);
  const next = upto === null || upto === undefined ? null : String(upto);
  const broken: Broken[] = [];
  for (const { code, once, statement } of checks) {
    if (once && after !== null) continue;
    const rows = await runner.run(statement, [from, once ? lastId : next ?? lastId, lateMs, limit]);
    for (const [runId, what, since] of rows) {
      broken.push({
        invariant: code, runId: runId as string | null, what: String(what),
        since: since === null ? null : Number(since),
      });
    }
  }
  return { broken, next };
}
