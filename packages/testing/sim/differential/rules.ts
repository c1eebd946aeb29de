// What is not asked of the two stores though it could be, or is not compared: each rule with its reason. What
// no rule names has to be equal.
import type { CheckAnswer, ClaimRequest } from '@perdure/core/engine';
import { runIds } from './looks.js';
import type { LeaseRef, Op } from './op.js';
import type { Standing } from './standing.js';

/** A rule. */
export interface Rule {
  readonly name: string;
  readonly reason: string;
  /** Whether this op is left out now. */
  leavesOut(op: Op, standing: Standing): boolean;
}

const ends = /^tx\.(commit|rollback)$/;
const changesLine = /^(hand\.(makeDue|lockRow)|wake)$/;

/** All of them. */
export const rules: readonly Rule[] = [
  {
    name: 'no-deadlock',
    reason: 'While a transaction waits for another, the other one ends first: PostgreSQL breaks a circle ' +
      'by an error after a second, and the memory store lets both wait.',
    leavesOut: ({ verb, session }, { transactions }) => verb.startsWith('tx.') && !(
      ends.test(verb) && transactions.get(session)?.waiting === null) &&
      [...transactions.values()].some(({ waiting }) => waiting !== null),
  },
  {
    name: 'nothing-under-a-waiter',
    reason: 'A statement of PostgreSQL that waits has looked at its runs before, and answers by what it ' +
      'finds of them afterwards, or busy; the model looks at its end. Its runs are left as they are.',
    leavesOut: ({ verb, args }, { transactions }) => [...transactions.values()].some(({ waiting }) => (
      waiting !== null && !ends.test(verb) && verb !== 'claim' &&
      (verb === 'carry' || runIds.some((id) => names(waiting.op.args, id) && names(args, id))))),
  },
  {
    name: 'begun-once',
    reason: 'A session has one transaction at most; its verbs need one.',
    leavesOut: ({ verb, session }, { transactions }) => verb.startsWith('tx.') &&
      (verb === 'tx.begin') === transactions.has(session),
  },
  {
    name: 'hands-wait',
    reason: 'Hands, and a wake, would wait in PostgreSQL until the row is free. The memory store wakes at ' +
      'once.',
    leavesOut: ({ verb, args }, { heldRuns }) => changesLine.test(verb) &&
      [args[0]].flat().some((id) => heldRuns.has(String(id))),
  },
  {
    name: 'one-lock',
    reason: 'There is one stranger, and he locks one row.',
    leavesOut: ({ verb }, { locks }) => verb === 'hand.lockRow' && locks.size > 0,
  },
  {
    name: 'record-in-fence',
    reason: 'The record of a step is written in the transaction that holds its fence, or not at all (F3).',
    leavesOut: ({ verb, session, args: [lease] }, { transactions }) => verb === 'tx.record' &&
      transactions.get(session)?.fenced.has((lease as LeaseRef).$lease) !== true,
  },
];

function names(args: readonly unknown[], id: string): boolean {
  return JSON.stringify(args).includes(`"${id}"`);
}

/** A fact in which two answers differ, that is not one of the stores. */
export interface Excuse {
  readonly name: string;
  readonly reason: string;
  excuses(verb: string, fact: Fact): boolean;
}

/** Where two answers differ. */
export interface Fact {
  readonly path: string;
  readonly model: unknown;
  readonly real: unknown;
}

/** All of them. */
export const excuses: readonly Excuse[] = [
  {
    name: 'at-of-nothing',
    reason: 'A claim that got nothing and did not sweep, and a recall, have no row that could tell the ' +
      'instant. Nobody reads it.',
    excuses: (verb, { path, real }) => /^(claim|recall)$/.test(verb) && path === '/answer/at' && real === 0,
  },
  {
    name: 'tied-may-be',
    reason: 'Others *may* wait for the end of a run: PostgreSQL says so of every run that began anew, ' +
      'without looking. It may never say less than the model.',
    excuses: (_verb, { path, model, real }) => path.endsWith('/tied') && model === false && real === true,
  },
];

/**
 * What both stores look for. The model knows no rows that could contradict each other as those of tables do;
 * and some invariants hold of what the engine writes, not of what chance does.
 */
const lookedFor: ReadonlySet<string> = new Set([
  'live-without-line', 'ended-in-line', 'epoch-behind', 'ending-of-living', 'position-twice',
  'taken-in-inbox', 'wake-at-rest', 'nothing-to-wait-for', 'due-after-call', 'call-answered',
]);

/** What a check found of that. */
export function comparable({ broken }: CheckAnswer): { readonly broken: readonly unknown[] } {
  const found = broken.filter(({ invariant }) => lookedFor.has(invariant));
  return { broken: found.map(({ invariant, runId }) => ({ invariant, runId })) };
}

/** Whether an op can be asked of this side now. */
export function mayAsk(op: Op, standing: Standing): boolean {
  return !rules.some((rule) => rule.leavesOut(op, standing));
}

/** Whether a difference is excused. */
export function isExcused(verb: string, fact: Fact): boolean {
  return excuses.some((excuse) => excuse.excuses(verb, fact));
}

/**
 * Whether it is open which runs a claim with a limit takes: of those that became due in one instant the port
 * names none, and suspects that are moved may count or not. Such a claim is asked to take all.
 */
export async function isAmbiguous(request: ClaimRequest, { side, clock }: Standing): Promise<boolean> {
  if (request.limit >= runIds.length) return false;
  const details = await side.store('a').readDetails(runIds);
  const due = details.flatMap(({ line, now }) => (line !== null && line.dueAt <= now ? [line] : []));
  const steps = new Set(due.map(({ dueAt }) => clock.describe(dueAt)));
  return steps.size < due.length || due.some(({ leased, quarantined }) => leased || quarantined);
}
