// Starts. Inserts only, but for those that begin an ended run anew: inside a caller's transaction nothing is
// locked but the new rows themselves.
//
//   W1. Most starts have no attributes and begin nothing anew: what that takes stands in a statement of its
//       own, and costs the others nothing. What only inserts needs no more rights than that.
//   W2. A run that begins anew has its row locked by the update; whoever comes second finds it live, and is
//       given the live one. What it took is known of the end that our snapshot has, so that end has to be the
//       one that is locked. It is claimed as a fresh run that something came for: its owner reads.
import type { NewRun } from '@perdure/core/engine';
import { laneOf, partOf } from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { attributeColumns, attributesInto } from './attribute-columns.js';
import { backIntoInbox, epochAfter, forgetEnd } from './revival-pieces.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements that create runs, for one schema. */
export interface StartStatements {
  /** One run, by scalar parameters: the cheapest that a caller's transaction can carry. */
  readonly one: Statement;
  /** Many runs, by arrays; ids in ascending order, none twice. */
  readonly many: Statement;
  /** The same for runs of which some have attributes, by run: $16 … $21. */
  readonly searchable: Statement;
  /** The same for runs of which some begin an ended run anew. */
  readonly whole: Statement;
  /** Which workflows the runs of these ids and parts are of: read when a start found its id taken. */
  readonly standing: Statement;
}

/**
 * When a new run is due: after a delay, at the caller's instant, now; a run born leased at its lease's end.
 */
export const due = (delay: string, at: string, now: string): string =>
  `coalesce(${now} + ${delay} * interval '1 millisecond',
            greatest('epoch'::timestamptz + ${at} * interval '1 millisecond', ${now}), ${now})`;

/** The columns of a new row, in the order in which starts fill them. */
export const readyColumns = `part, id, lane, home_lane, queue, workflow, version, due_at, epoch, claim, fresh,
      first_claimed_at`;

// Set from inside the statement, so that it also holds where a session is not ours to set.
const impatient = ", set_config('lock_timeout', '50ms', true)";

/**
 * Builds the start statements. `s` is the quoted schema. On connections of the engine a start waits shortly
 * for a stranger's open transaction and then gives up; in a caller's transaction no setting is touched.
 */
export function startStatements(s: string, on: 'own' | 'caller'): StartStatements {
  const instant = `select clock_timestamp() as now${on === 'own' ? impatient : ''}`;
  return {
    one: named('start_one', `
with t as materialized (${instant}),
r as (
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at, timeout_ms, priority, headers)
  select $1::smallint, $2::text, $3::text, $4::text, $5::text, $6::text, t.now, $13::float8, $14::smallint,
         $15::text from t
  on conflict (id) do nothing returning id)
insert into ${s}.ready (${readyColumns})
select $1::smallint, r.id, $7::integer, $7::integer, $4::text, $3::text, $11::text,
       ${due('coalesce($8::float8, $12::float8)', '$9::float8', 't.now')},
       ${micros('t.now')}, $10::uuid, $10::uuid is null, case when $10::uuid is not null then t.now end
  from r, t
returning id, epoch`),
    many: named('start_many', `
with t as materialized (${instant}),
${manyRows(s)}
${manyInLine(s)}`),
    searchable: named('start_searchable', `
with t as materialized (${instant}),
${manyRows(s)},
${attributesInto(s, { runs: 'r', first: columnCount + 1 })}
${manyInLine(s)}`),
    whole: named('start_whole', wholeText(s, instant)),
    standing: named('standing', `
select id, workflow from ${s}.runs where id = any($1::text[]) and part = any($2::smallint[])`),
  };
}

const columnCount = 15;

const newReady = `n.part, n.id, n.lane, n.lane, n.queue, n.workflow, n.version,
       ${due('coalesce(n.delay_ms, n.lease_ms)', 'n.start_at_ms', 't.now')}`;

function manyRows(s: string): string {
  return `
n as materialized (
  select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::integer[], $8::float8[], $9::float8[], $10::uuid[], $11::text[], $12::float8[], $13::float8[],
    $14::smallint[], $15::text[])
    as n(part, id, workflow, queue, codec, input, lane, delay_ms, start_at_ms, claim, version, lease_ms,
         timeout_ms, priority, headers)),
r as (
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at, timeout_ms, priority, headers)
  select part, id, workflow, queue, codec, input, t.now, timeout_ms, priority, headers from n, t
  on conflict (id) do nothing returning id, part)`;
}

const manyInLine = (s: string): string => `
insert into ${s}.ready (${readyColumns})
select ${newReady},
       ${micros('t.now')}, n.claim, n.claim is null, case when n.claim is not null then t.now end
  from n join r on r.id = n.id, t
returning id, epoch`;

/** As of `many`; $16 which runs begin ended ones anew; attributes by run: $17 … $22. */
function wholeText(s: string, instant: string): string {
  return `
with t as materialized (${instant}),
${manyRows(s)},
w as materialized (
  select n.*, (select u.settled_epoch from ${s}.runs u where u.id = n.id and u.part = n.part) as seen_epoch
    from n where n.id = any($16::text[])),
g as (
  update ${s}.runs u
     set generation = u.generation + 1, queue = w.queue, codec = w.codec, input = w.input,
         timeout_ms = w.timeout_ms, priority = w.priority, headers = w.headers, status = 'live',
         version = null, output_codec = null, output = null, error = null, reason = null, started_at = null,
         settled_at = null
    from w
   where u.id = any($16::text[]) and u.id = w.id and u.part = w.part and u.workflow = w.workflow
     and u.status in ('failed', 'cancelled') and u.settled_epoch = w.seen_epoch
  returning u.id, u.part, u.generation - 1 as ended, u.settled_epoch),
${backIntoInbox(s, { runs: 'g', ids: '$16::text[]' })},
${forgetEnd(s, { runs: 'g', ids: '$16::text[]' })},
o as materialized (
  select id, part, null::bigint as settled_epoch, false as anew from r
   union all
  select id, part, settled_epoch, true from g),
${attributesInto(s, { runs: 'o', first: 17, stale: 'g' })}
insert into ${s}.ready (${readyColumns}, wake, tied)
select ${newReady},
       ${epochAfter('o.settled_epoch', 't.now')}, n.claim, n.claim is null,
       case when n.claim is not null then t.now end, o.anew, o.anew
  from n join o on o.id = n.id, t
returning id, epoch`;
}

/** The parameters of one run, in the order of `one`. */
export function startValues(run: NewRun): readonly unknown[] {
  const { lease, priority = 0, headers } = run;
  const version = lease?.version ?? null;
  return [
    partOf(run.id), run.id, run.workflow, run.queue, run.input.codec, run.input.text,
    laneOf(run.queue, run.workflow, version, 'normal', priority), run.delayMs ?? null, run.startAtMs ?? null,
    lease?.claimId ?? null, version, lease?.leaseMs ?? null,
    run.timeoutMs ?? null, priority, headersText(headers),
  ];
}

function headersText(headers: NewRun['headers']): string | null {
  return headers === undefined || Object.keys(headers).length === 0 ? null : JSON.stringify(headers);
}

/** Headers from their column. */
export function readHeaders(text: unknown): Readonly<Record<string, string>> {
  return text === null || text === undefined ? {} : JSON.parse(String(text)) as Record<string, string>;
}

/** The parameters of many runs: the same, column by column. */
export function startColumns(runs: readonly NewRun[]): readonly string[] {
  return columnLiterals(columnCount, runs.map(startValues));
}

/** A statement with its parameters. */
export interface StartCall {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/** The statement that creates these runs, whose ids are in ascending order. */
export function startCall(statements: StartStatements, runs: readonly NewRun[]): StartCall {
  if (runs.some(({ restart }) => restart === true)) {
    const anew = runs.filter(({ restart }) => restart === true).map(({ id }) => [id]);
    const values = [...startColumns(runs), ...columnLiterals(1, anew), ...attributeColumns(runs)];
    return { statement: statements.whole, values };
  }
  if (runs.some(({ attributes }) => attributes !== undefined)) {
    return { statement: statements.searchable, values: [...startColumns(runs), ...attributeColumns(runs)] };
  }
  const [only] = runs;
  if (runs.length === 1 && only !== undefined) {
    return { statement: statements.one, values: startValues(only) };
  }
  return { statement: statements.many, values: startColumns(runs) };
}
