// Whether the rows of a memory store are as they always are: the invariants that bugs of the engine break,
// under the codes that every store gives them.
import type { MemoryTables, ReadyRow, RunRow } from './memory-tables.js';
import { micros } from './micros.js';
import type { Broken } from './operations.js';
import type { CallKind, Instant } from './store.js';

const outside: ReadonlySet<CallKind> = new Set(['signal', 'event', 'callback', 'child', 'result']);

// What a worker counted in milliseconds may be a little later than what the database added up.
const slack = micros(1_000);

/** What is broken. */
export function brokenIn(tables: MemoryTables, now: Instant): Broken[] {
  const broken: Broken[] = [];
  for (const run of tables.runs.values()) {
    const tell = (invariant: string, what: string): void => {
      broken.push({ invariant, runId: run.id, what, since: null });
    };
    checkLine(tables, run, tell);
    checkRecord(tables, run, tell);
    const row = tables.ready.get(run.id);
    if (row !== undefined && isAtRest(row, now)) checkRest(tables, { run, row }, tell);
  }
  return broken;
}

type Tell = (invariant: string, what: string) => void;

function isAtRest({ claim, fresh, dueAt }: ReadyRow, now: Instant): boolean {
  return claim === null && !fresh && dueAt > now;
}

function checkLine(tables: MemoryTables, { id, status, generation, settledEpoch }: RunRow, tell: Tell): void {
  const row = tables.ready.get(id);
  if (row === undefined) {
    if (status === 'live') tell('live-without-line', 'It is live and has no row in line.');
  } else if (status !== 'live') {
    tell('ended-in-line', `It is ${status} and still has a row in line.`);
  } else if (row.epoch <= (settledEpoch ?? 0)) {
    tell('epoch-behind', `Its epoch is ${row.epoch}; it ended under ${settledEpoch}.`);
  }
  const hasEnded = status !== 'live' && status !== 'parked';
  if (hasEnded && tables.calls(id, generation).size > 0) {
    tell('wait-after-end', `It is ${status} and has open calls.`);
  }
  if (!hasEnded && tables.mail.endings.has(id)) {
    tell('ending-of-living', `It is ${status}, and others are to hear that it has ended.`);
  }
}

function checkRecord(tables: MemoryTables, { id, generation }: RunRow, tell: Tell): void {
  const positions = new Set<number>();
  const inbox = tables.mail.inbox.get(id);
  for (const { place, position, kind, message } of tables.journal(id, generation).values()) {
    if (kind !== 'patch' && positions.has(position)) {
      tell('position-twice', `Several answers have position ${position}; one is at ${place}.`);
    }
    if (kind !== 'patch') positions.add(position);
    if (message !== null && inbox?.has(message) === true) {
      tell('taken-in-inbox', `Message ${message} was taken at ${place}, and lies in the inbox.`);
    }
  }
}

function checkRest(tables: MemoryTables, { run, row }: { run: RunRow; row: ReadyRow }, tell: Tell): void {
  const { id, generation } = run;
  const calls = [...tables.calls(id, generation).values()];
  if (row.wake) tell('wake-at-rest', 'It rests with its wake flag set.');
  if (row.dueAt === Infinity && !calls.some(({ kind, dueAt }) => outside.has(kind) || dueAt < Infinity)) {
    tell('nothing-to-wait-for', 'It rests and is never due, and no call of it is answered from outside.');
  }
  const first = calls.reduce((least, { dueAt }) => Math.min(least, dueAt), Infinity);
  if (row.dueAt > first + slack) {
    tell('due-after-call', `It rests until ${row.dueAt}, and a call of it is due at ${first}.`);
  }
  for (const { place } of calls) {
    if (!tables.journal(id, generation).has(place)) continue;
    tell('call-answered', `Its call at ${place} is open, and has an answer.`);
  }
}
