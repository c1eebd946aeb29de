// What every statement does that begins an ended run anew, whoever asked for it. The CTE that is named has
// the columns id, part and ended: the generation that has ended.
//
//   U1. What the record took lies in the inbox again, if it is a signal and is not kept. It is noticed
//       already: the new row in line is made so that its owner reads.
//   U2. The message that cancels is forgotten with its row: the run can be cancelled again.
//   U3. An ending that nobody was told of yet goes: who waits for the run hears of its next end, and its row
//       in line is tied. A carrier that has the ending already tells of the end that was.
import { micros } from './sql-time.js';

/** Runs that begin anew: a CTE, and the array with their ids, by which rows are looked up. */
export interface Revived {
  readonly runs: string;
  readonly ids: string;
  /** A CTE with run_id and message: what is taken by what the new record keeps. */
  readonly kept?: string | undefined;
}

/** CTEs that put signals back, and forget what cancelled (U1, U2). */
export function backIntoInbox(s: string, { runs, ids, kept }: Revived): string {
  const isKept = kept === undefined ? ''
    : `\n     and (j.run_id, j.message) not in (select run_id, message from ${kept})`;
  return `
back as (
  insert into ${s}.inbox (part, run_id, kind, name, sent_at, id, noticed)
  select m.part, m.run_id, m.kind, m.name, m.sent_at, m.id, true
    from ${runs} cross join lateral (
      select j.run_id, j.message from ${s}.journal j
       where j.run_id = ${runs}.id and j.part = ${runs}.part and j.generation = ${runs}.ended
         and j.message is not null offset 0) j
   cross join lateral (
      select m.* from ${s}.messages m
       where m.run_id = j.run_id and m.part = ${runs}.part and m.id = j.message and m.kind = 'signal'
       limit 1) m
   where true${isKept}
  on conflict (run_id, kind, name, sent_at, id) do nothing),
uncancelled as (
  delete from ${s}.messages k using ${runs}
   where k.run_id = any(${ids}) and k.run_id = ${runs}.id and k.part = ${runs}.part and k.id = 'cancel'),
unasked as (
  delete from ${s}.inbox b using ${runs}
   where b.run_id = any(${ids}) and b.run_id = ${runs}.id and b.part = ${runs}.part and b.kind = 'cancel')`;
}

/** A CTE that forgets an end of which nobody was told (U3). */
export function forgetEnd(s: string, { runs, ids }: Revived): string {
  return `
unended as (
  delete from ${s}.endings e using ${runs}
   where e.run_id = any(${ids}) and e.run_id = ${runs}.id and e.part = ${runs}.part)`;
}

/** The epoch of a row that is made anew: later than the one under which the run ended, and than now. */
export function epochAfter(epoch: string, now: string): string {
  return `greatest(${epoch} + 1, ${micros(now)})`;
}
