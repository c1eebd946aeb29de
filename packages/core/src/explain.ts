// Why a run does not go on, or how it went: one English sentence from what the database says. Pure: without a
// clock, and nothing in it is guessed.
//
//   Z3. A sentence says only what the facts say; where they say nothing, it says less.
//   Z4. It is one sentence for any facts, also for those that fit no state: it ends with a full stop, and
//       holds no text of others that is longer than a line.
import { reasonIn } from './answers.js';
import { decodeError } from './codec.js';
import type { ExplainedRun, Surroundings } from './explain-facts.js';
import { inLine, takeover, unserved } from './explain-service.js';
import { together, Waits } from './explain-waits.js';
import { counted, endOf, errorWords, quoted, shortened, when } from './explain-words.js';
import { fittingAdvice } from './faults.js';
import type { LineFacts, RunDetail } from './operations.js';
import type { RecordedEntry } from './store.js';

/** What to do about a parked run, by its reason code. */
const cures: ReadonlyMap<string | null, string> = new Map([
  ['NONDETERMINISM',
    'deploy code that fits its record and resume it, or retry it from its start, or terminate it'],
  ['VALUE_UNREADABLE', 'give its worker the class, serializer or key that is missing, and resume it'],
  ['VALUE_REFUSED', 'change the name that the database refuses, and retry it'],
  ['POISONED', 'mend the step that ends its process and resume it, or terminate it'],
  ['ROLLBACK_FAILED', 'put right what keeps its rollback from working, and resume it'],
]);
const anyCure = 'deploy corrected code and resume it, or retry it, or terminate it';

/** Explains a run: the one sentence of `handle.explain()`. */
export function explain(facts: ExplainedRun): string {
  const { id, run } = facts;
  if (run === null) {
    return `There is no run ${quoted(id)} in this database; the transaction that starts it may not have ` +
      'committed yet.';
  }
  const { workflow, version, generation, priority } = run;
  const marks = [
    ...version === null ? [] : [`version ${quoted(version)}`],
    ...generation > 1 ? [`generation ${generation}`] : [],
    ...priority === 0 ? [] : [`priority ${priority}`],
  ];
  const which = marks.length === 0 ? '' : ` (${marks.join(', ')})`;
  return `Run ${quoted(id)} of workflow ${quoted(workflow)}${which} ${stateOf(facts, run)}.`;
}

/** What a run does, or what became of it: a phrase whose subject is the run. */
function stateOf(facts: ExplainedRun, run: RunDetail): string {
  const { status, error, now } = run;
  const at = (instant: number | null): string => instant === null ? '' : ` at ${when(instant, now)}`;
  switch (status) {
    case 'completed':
      return `completed${at(run.settledAt)}`;
    case 'failed':
      return `failed${at(run.settledAt)} with ${errorWords(error)}`;
    case 'cancelled':
      return `was cancelled${at(run.settledAt)}: ${reasonOf(error)}`;
    case 'parked':
      return `was parked${at(run.parkedAt)} as ${shortened(run.reason ?? 'PARKED')}: ${parkedWords(run)}`;
    default:
      return run.line === null ? `is ${status}` : liveWords(facts, run, run.line);
  }
}

function reasonOf(error: string | null): string {
  if (error === null) return 'no reason was recorded';
  const cause = decodeError(error);
  const reason = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : cause.message;
  return shortened(reason) || 'no reason was given';
}

function parkedWords({ error, reason, inbox }: RunDetail): string {
  const message = error === null ? '' : decodeError(error).message;
  // What to do follows here; said twice, it would leave no room for the difference.
  const cause = message.replace(/^Run '[^]*?' is parked: /, '').replace(fittingAdvice, '');
  const why = shortened(cause) || 'why was not recorded';
  const asked = inbox.some(({ kind }) => kind === 'cancel')
    ? '; it was asked to stop, and hears of that when it is resumed' : '';
  return `${why}; ${cures.get(reason) ?? anyCure}${asked}`;
}

// ---- live runs -------------------------------------------------------------------------------------------

function liveWords(facts: ExplainedRun, run: RunDetail, line: LineFacts): string {
  const words = lineWords(facts, run, line);
  const befell = befellWords(facts, run);
  return befell === null ? `${words}${limitWords(run)}` : `${befell}: it ${words}`;
}

/** Where it stands in line; follows "it". */
function lineWords(facts: ExplainedRun, run: RunDetail, line: LineFacts): string {
  const waits = new Waits(run, facts.child, (child) => child.run === null ? '' : stateOf(child, child.run));
  const { now } = run;
  const isDue = line.dueAt <= now;
  if (line.leased) return isDue ? lostWords(facts, run, line) : runningWords(facts, { run, line, waits });
  if (isDue) return dueWords(facts, { run, line, waits });
  if (!line.fresh) return restWords(facts, { run, line, waits });
  const start = line.dueAt === Infinity ? 'has no start time' : `is to start at ${when(line.dueAt, now)}`;
  return withService(start, facts, run);
}

interface Standing {
  readonly run: RunDetail;
  readonly line: LineFacts;
  readonly waits: Waits;
}

function lostWords(facts: ExplainedRun, run: RunDetail, line: LineFacts): string {
  return `lost its worker, which stopped answering: its lease ended at ${when(line.dueAt, run.now)}; ` +
    takeover(run, facts.around);
}

function runningWords({ last, around }: ExplainedRun, { run, line, waits }: Standing): string {
  const { now, startedAt } = run;
  const suspect = line.quarantined ? ` in quarantine, since ${vanished(line)}` : '';
  const begun = startedAt === null ? '' : `; it began at ${when(startedAt, now)}`;
  const entry = last.findLast(({ kind }) => kind !== 'patch');
  const answer = entry === undefined
    ? '' : `; its last answer, ${entryWords(entry)}, is of ${when(entry.at, now)}`;
  const open = waits.open.length === 0 ? '' : `; beside that it ${together(waits.open)}`;
  const lease = `; its lease ends at ${when(line.dueAt, now)} unless it is renewed`;
  const nobody = unserved(run, around);
  return `is running${suspect}${begun}${answer}${open}${lease}${nobody === null ? '' : `; ${nobody}`}`;
}

function dueWords({ around }: ExplainedRun, { run, line, waits }: Standing): string {
  const { now } = run;
  const { over } = waits;
  const since = `is due since ${when(line.dueAt, now)}`;
  const why = line.fresh ? ' and was never claimed' : over.length === 0 ? '' : `: it ${together(over)}`;
  const next = line.quarantined
    ? suspectWords(run, line, around) : inLine(run, around, (now - line.dueAt) / 1_000);
  return `${since}${why}; ${next}`;
}

function suspectWords(run: RunDetail, line: LineFacts, around: Surroundings): string {
  const next = unserved(run, around) ?? 'each worker that serves it tries one such run at a time';
  return `it stands in quarantine, since ${vanished(line)}: ${next}`;
}

function vanished({ strikes }: LineFacts): string {
  return strikes < 2 ? 'its worker vanished' : `its workers vanished ${strikes} times in a row`;
}

function restWords(facts: ExplainedRun, { run, line, waits }: Standing): string {
  const { open } = waits;
  const many = open.length > 1 ? `has ${open.length} waits open: it ` : '';
  const until = line.dueAt === Infinity ? 'rests' : `rests until ${when(line.dueAt, run.now)}`;
  return withService(open.length === 0 ? until : `${many}${together(open)}`, facts, run);
}

function withService(words: string, { around }: ExplainedRun, run: RunDetail): string {
  const nobody = unserved(run, around);
  return nobody === null ? words : `${words}; ${nobody}`;
}

/** Its cancel, its time limit, or its own failure, while it cleans up; null if nothing befell it. */
function befellWords({ last }: ExplainedRun, { now, inbox, calls }: RunDetail): string | null {
  const cancel = last.find(({ kind }) => kind === 'cancel');
  const late = last.find(({ kind }) => kind === 'timeout');
  const undone = Math.max(0, ...last.map(({ place }) => rollbackNumber(place)));
  const undoing = undone > 0 || calls.some(({ place }) => rollbackNumber(place) > 0);
  const rollbacks = undoing ? `, ${counted(undone, 'rollback')} done` : '';
  if (cancel !== undefined) {
    const reason = shortened(reasonIn(cancel.value)) || 'no reason was given';
    return `was cancelled at ${when(cancel.at, now)} (${reason}) and cleans up${rollbacks}`;
  }
  if (late !== undefined) return `passed its time limit at ${when(late.at, now)} and cleans up${rollbacks}`;
  if (undoing) return `has failed and undoes what it did${rollbacks}`;
  if (!inbox.some(({ kind }) => kind === 'cancel')) return null;
  return 'was asked to stop, and has yet to hear of it';
}

function rollbackNumber(place: string): number {
  return Number(/^rollback\/(\d{1,9})$/.exec(place)?.[1] ?? 0);
}

function limitWords({ timeoutMs, startedAt, now }: RunDetail): string {
  if (timeoutMs === null || startedAt === null) return '';
  const end = endOf(startedAt, timeoutMs);
  return `; its time limit ${end > now ? 'ends' : 'ended'} at ${when(end, now)}`;
}

function entryWords({ kind, name }: RecordedEntry): string {
  if (kind === 'sleep') return 'the end of a sleep';
  if (kind === 'callback' || kind === 'token') return 'of a callback';
  if (kind === 'set') return 'attributes that it set';
  return `${kind} ${quoted(name)}`;
}
