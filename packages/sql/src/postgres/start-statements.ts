// Starts. Inserts only: inside a caller's transaction nothing is locked but the new rows themselves.
import type { NewRun } from '@perdure/core/engine';
import { laneOf, partOf } from '@perdure/core/engine';
import { arrayLiteral } from './array-literal.js';
import { micros } from './sql-time.js';
import { named, type Statement } from './statement.js';

/** The statements that create runs, for one schema. */
export interface StartStatements {
  /** One run, by scalar parameters: the cheapest that a caller's transaction can carry. */
  readonly one: Statement;
  /** Many runs, by arrays; ids in ascending order, none twice. */
  readonly many: Statement;
  /** Which workflows the runs of these ids and parts are of: read when a start found its id taken. */
  readonly standing: Statement;
}


/**
 * When a new run is due: after a delay, at the caller's instant, now; a run born leased at its lease's end.
 */
const due = (delay: string, at: string, now: string): string =>
  `coalesce(${now} + ${delay} * interval '1 millisecond',
            greatest('epoch'::timestamptz + ${at} * interval '1 millisecond', ${now}), ${now})`;

const readyColumns = `part, id, lane, home_lane, queue, workflow, version, due_at, epoch, claim, fresh,
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
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at)
  select $1::smallint, $2::text, $3::text, $4::text, $5::text, $6::text, t.now from t
  on conflict (id) do nothing returning id)
insert into ${s}.ready (${readyColumns})
select $1::smallint, r.id, $7::integer, $7::integer, $4::text, $3::text, $11::text,
       ${due('coalesce($8::float8, $12::float8)', '$9::float8', 't.now')},
       ${micros('t.now')}, $10::uuid, $10::uuid is null, case when $10::uuid is not null then t.now end
  from r, t
returning id, epoch`),
    many: named('start_many', `
with t as materialized (${instant}),
n as materialized (
  select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::integer[], $8::float8[], $9::float8[], $10::uuid[], $11::text[], $12::float8[])
    as n(part, id, workflow, queue, codec, input, lane, delay_ms, start_at_ms, claim, version, lease_ms)),
r as (
  insert into ${s}.runs (part, id, workflow, queue, codec, input, created_at)
  select part, id, workflow, queue, codec, input, t.now from n, t
  on conflict (id) do nothing returning id)
insert into ${s}.ready (${readyColumns})
select n.part, n.id, n.lane, n.lane, n.queue, n.workflow, n.version,
       ${due('coalesce(n.delay_ms, n.lease_ms)', 'n.start_at_ms', 't.now')},
       ${micros('t.now')}, n.claim, n.claim is null, case when n.claim is not null then t.now end
  from n join r on r.id = n.id, t
returning id, epoch`),
    standing: named('standing', `
select id, workflow from ${s}.runs where id = any($1::text[]) and part = any($2::smallint[])`),
  };
}

/** The parameters of one run, in the order of `one`. */
export function startValues(run: NewRun): readonly unknown[] {
  const version = run.lease?.version ?? null;
  return [
    partOf(run.id), run.id, run.workflow, run.queue, run.input.codec, run.input.text,
    laneOf(run.queue, run.workflow, version, 'normal'), run.delayMs ?? null, run.startAtMs ?? null,
    run.lease?.claimId ?? null, version, run.lease?.leaseMs ?? null,
  ];
}

/** The parameters of many runs: the same, column by column. */
export function startColumns(runs: readonly NewRun[]): readonly string[] {
  const rows = runs.map(startValues);
  return startValues(emptyRun).map((_, column) => arrayLiteral(rows.map((row) => row[column])));
}

const emptyRun: NewRun = { id: '', workflow: '', queue: '', input: { codec: 'json', text: null } };
