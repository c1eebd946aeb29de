// What a replay says of a run: its record fits the code, does not, or nobody can tell.
import { checkWorker } from '@perdure/worker';
import type { RunStatus, Workflow } from '@perdure/core';
import {
  decodeError, describeCall, type Encoded, type Fault, type TurnEnd, type WorkflowDefinition,
} from '@perdure/core/engine';
import { Rehearsals, type Recorded, type RecordedRun, type Rehearsal } from './rehearsal.js';

/** With what code records are compared. */
export interface Candidate {
  /** As a worker is given them: of several of one name, the first takes runs without a version. */
  readonly workflows: readonly Workflow[];
  /** As a worker is given it: the version of workflows that declare none. */
  readonly version?: string | undefined;
}

/** Where a record does not fit. */
export interface Difference {
  /** The reason code with which the run would be parked, NONDETERMINISM most times. */
  readonly code: string;
  /** Where in the code, as in a history: '2', or '3/a/1' in a branch. Null if the trouble is no call. */
  readonly place: string | null;
  /** What is recorded there: "step 2 'charge card'". Null if the trouble is no call. */
  readonly expected: string | null;
  /** What the code makes of it: "step 2 'check stock'", 'no such call', or what the trouble is. */
  readonly got: string;
  /** All of it in words. */
  readonly message: string;
}

/** How code comes to its end; `continued`: it goes on as new. */
export type CodeEnd = 'completed' | 'failed' | 'cancelled' | 'continued';

/** What became of one run. */
export type Verdict =
  /** `end`: its code comes to its end without another call. */
  | { readonly kind: 'fits'; readonly end: CodeEnd | null; readonly error: Error | null;
      readonly output: Encoded | null }
  | { readonly kind: 'diverges'; readonly difference: Difference }
  | { readonly kind: 'unjudged'; readonly code: string; readonly message: string };

/** Real time for one replay: all that takes any is a schema. */
const limitMs = 2_000;

/** Compares records with the code of a candidate. Throws what is wrong with its workflows. */
export class Judge {
  readonly #serving: ReturnType<typeof checkWorker>['serving'];
  readonly #rehearsals: Rehearsals = new Rehearsals(limitMs);

  constructor(candidate: Candidate) {
    this.#serving = checkWorker({ workflows: candidate.workflows, version: candidate.version }).serving;
  }

  /** Judges one run; never throws for what its code does. */
  async judge(recorded: Recorded): Promise<Verdict> {
    const { detail } = recorded;
    const definition = this.#definitionOf(detail);
    if (definition === undefined) return unserved(detail);
    const sealed = unopenedIn(recorded);
    if (sealed !== null) {
      return unjudged('VALUE_UNREADABLE', `a stored value cannot be opened here: ${sealed}`);
    }
    if (!endsByCode(recorded)) return fits(null);
    return verdictOf(detail, await this.#rehearsals.replay(recorded, definition));
  }

  // A run without a version is stamped by whoever claims it next.
  #definitionOf({ workflow, version }: RecordedRun): WorkflowDefinition | undefined {
    const { served, definitionFor } = this.#serving;
    const taker = served.find((kind) => kind.workflow === workflow && kind.version === null);
    return definitionFor({ workflow, version: version ?? taker?.stamp ?? null });
  }
}

// ---- what a replay says -----------------------------------------------------------------------------------

function verdictOf(detail: RecordedRun, rehearsal: Rehearsal): Verdict {
  if (rehearsal.kind === 'stalls') {
    return unjudged('REPLAY_STALLED', `its replay did not come to an end within ${limitMs} ms: a schema ` +
      'of its workflow does not answer');
  }
  if (rehearsal.kind === 'parks') {
    return diverges(differenceOf(rehearsal.fault));
  }
  const settled = settledAs(detail);
  if (rehearsal.kind === 'goes-on') {
    const [next] = rehearsal.asks;
    if (settled === null || next === undefined) return fits(null);
    return diverges(otherEnd(settled, describeCall(next), next.place));
  }
  const { end } = rehearsal;
  const now = endOf(end);
  if (settled === null || settled === now) return fits(now, end);
  return diverges(otherEnd(settled, endInWords(end), null));
}

function differenceOf({ code, message, difference }: Fault): Difference {
  if (difference === undefined) return { code, place: null, expected: null, got: message, message };
  const { recorded, called } = difference;
  return {
    code, place: recorded.place, expected: describeCall(recorded),
    got: called === null ? 'no such call' : describeCall(called), message,
  };
}

function otherEnd(settled: string, got: string, place: string | null): Difference {
  return {
    code: 'NONDETERMINISM', place, expected: `the end of the run (${settled})`, got,
    message: `its code does not fit its record. recorded: the end of the run (${settled}); the code now ` +
      `${place === null ? `comes to ${got}` : `calls ${got}`}`,
  };
}

function endOf(end: TurnEnd): CodeEnd {
  if (end.kind === 'settle') return end.status;
  return 'continued';
}

function errorOf(end: TurnEnd): Error | null {
  return end.kind === 'settle' && end.error !== null ? decodeError(end.error) : null;
}

function endInWords(end: TurnEnd): string {
  const error = errorOf(end);
  return `the end of the run (${endOf(end)}${error === null ? '' : `: ${error.message}`})`;
}

function diverges(difference: Difference): Verdict {
  return { kind: 'diverges', difference };
}

function fits(end: CodeEnd | null, turn: TurnEnd | null = null): Verdict {
  const output = turn?.kind === 'settle' ? turn.output : null;
  return { kind: 'fits', end, error: turn === null ? null : errorOf(turn), output };
}

function unjudged(code: string, message: string): Verdict {
  return { kind: 'unjudged', code, message };
}

function unserved({ workflow, version }: RecordedRun): Verdict {
  const which = version === null ? '' : `version '${version}' of `;
  return unjudged('NOT_SERVED', `${which}workflow '${workflow}' is not among the workflows`);
}

// ---- what is recorded -------------------------------------------------------------------------------------

const settledStatuses: ReadonlySet<RunStatus> = new Set(['completed', 'failed', 'cancelled']);

function settledAs({ status }: RecordedRun): RunStatus | null {
  return settledStatuses.has(status) ? status : null;
}

/** Whether what is recorded of its end, if it has one, came from its code. */
function endsByCode({ detail, history }: Recorded): boolean {
  const { status, error } = detail;
  if (status === 'cancelled') return history.entries.some(({ kind }) => kind === 'cancel');
  if (status !== 'failed' || error === null) return true;
  const { code } = decodeError(error) as { readonly code?: unknown };
  return code !== 'RUN_TERMINATED' && code !== 'VALUE_REFUSED';
}

/** Why a value cannot be opened; null if all can. That is trouble of who looks, not of the run. */
function unopenedIn({ detail, history: { entries, calls } }: Recorded): string | null {
  const answers = entries.map(({ value }) => value);
  const values = [detail.input, ...answers, ...calls.map(({ progress }) => progress)];
  const sealed = values.find((value) => value?.unopened !== undefined || value?.codec === 'sealed');
  if (sealed === undefined) return null;
  return sealed?.unopened?.message ?? 'it is sealed, and this connection was given no `values`';
}
