// What a run waits for, call by call: phrases that follow "it".
//
//   Z2. A wait that is over, or for which something has come, is not called waiting: the run has yet to hear
//       of it.
import { childBox, eventBox } from './mail.js';
import type { ExplainedChild, ExplainedRun } from './explain-facts.js';
import { counted, errorWords, listed, quoted, when } from './explain-words.js';
import type { InboxCount, RunDetail } from './operations.js';
import type { RecordedCall } from './store.js';

const mostWaits = 3;

/** Says what a child does, to follow "which". */
export type ChildWords = (child: ExplainedRun) => string;

interface Wait {
  readonly text: string;
  /** Over, or answered: the run does not know yet. */
  readonly over: boolean;
  readonly dueAt: number;
}

/** The open waits of a run: those that are over first, then by their time. */
export class Waits {
  readonly #all: readonly Wait[];

  /** `words` describes the child that is followed. */
  constructor(run: RunDetail, child: ExplainedChild | null, words: ChildWords) {
    const all = run.calls.filter((call) => isWait(call)).map((call) => waitOf(call, { run, child, words }));
    this.#all = all.sort((one, other) => (
      Number(other.over) - Number(one.over) || order(one.dueAt, other.dueAt)));
  }

  /** All of them. */
  get open(): readonly string[] {
    return this.#all.map(({ text }) => text);
  }

  /** Those that are over, or for which something has come. */
  get over(): readonly string[] {
    return this.#all.filter(({ over }) => over).map(({ text }) => text);
  }
}

/** Some phrases of waits as one. */
export function together(texts: readonly string[]): string {
  return listed(texts, mostWaits, '; it ').replace(/; it and (\d+) more$/, '; and it has $1 more open');
}

/** A step without a failed attempt runs, or is to run: it waits for nothing. */
function isWait({ kind, error }: RecordedCall): boolean {
  return error !== null || (kind !== 'step' && kind !== 'transaction');
}

// Infinity less Infinity is no number.
function order(one: number, other: number): number {
  return one === other ? 0 : one - other;
}

interface Around {
  readonly run: RunDetail;
  readonly child: ExplainedChild | null;
  readonly words: ChildWords;
}

function waitOf(call: RecordedCall, around: Around): Wait {
  const { kind, dueAt } = call;
  const { run } = around;
  const isDue = dueAt <= run.now;
  const sign = run.inbox.find((box) => answers(box, call, run));
  // Of callbacks it is not known which one was answered.
  const over = isDue || (sign !== undefined && kind !== 'callback');
  if (sign !== undefined && over && !isDue) {
    return { text: `has yet to hear that ${thing(call)} has come`, over, dueAt };
  }
  return { text: textOf(call, around, sign !== undefined), over, dueAt };
}

function answers(box: InboxCount, { kind, name, place }: RecordedCall, { generation }: RunDetail): boolean {
  if (kind === 'signal') return box.kind === 'signal' && box.name === name;
  if (kind === 'event') return box.kind === 'event' && box.name.startsWith(eventBox(name, ''));
  if (kind === 'callback') return box.kind === 'callback';
  return (kind === 'child' || kind === 'result') && box.kind === 'child' &&
    box.name === childBox(generation, place);
}

function thing({ kind, name }: RecordedCall): string {
  if (kind === 'callback') return 'the answer of a callback';
  if (kind === 'child' || kind === 'result') return `the end of its child of workflow ${quoted(name)}`;
  return `${kind} ${quoted(name)}`;
}

function textOf(call: RecordedCall, { run, child, words }: Around, mayHaveCome: boolean): string {
  const { kind, dueAt, place } = call;
  const { now } = run;
  if (kind === 'step' || kind === 'transaction') return retryWords(call, run);
  if (kind === 'sleep') {
    return dueAt <= now ? `was to sleep until ${when(dueAt, now)}` : `sleeps until ${when(dueAt, now)}`;
  }
  if (dueAt <= now) return `was to wait for ${thing(call)} until ${when(dueAt, now)}`;
  if (kind === 'child' || kind === 'result') {
    if (child?.place === place) return childText(child, words);
    return `waits for a child of workflow ${quoted(call.name)}`;
  }
  const limit = dueAt === Infinity ? 'without a limit' : `until ${when(dueAt, now)}`;
  const note = mayHaveCome ? ' (an answer of one of its callbacks lies in its inbox)' : '';
  return `waits for ${thing(call)} ${limit}${note}`;
}

function retryWords({ kind, name, attempt, error, dueAt, deadlineAt }: RecordedCall, run: RunDetail): string {
  const { now, line } = run;
  const step = `${kind === 'step' ? 'step' : 'transactional step'} ${quoted(name)}`;
  const failed = `, which failed ${counted(attempt, 'time')} so far, the last time with ${errorWords(error)}`;
  const end = deadlineAt === null ? '' : ` (its time for all attempts ends at ${when(deadlineAt, now)})`;
  if (dueAt > now) return `tries ${step} again at ${when(dueAt, now)}${failed}${end}`;
  if (line?.leased === true && line.dueAt > now) return `tries ${step} again${failed}${end}`;
  return `was to try ${step} again at ${when(dueAt, now)}${failed}${end}`;
}

function childText({ id, sure, run }: ExplainedChild, words: ChildWords): string {
  if (run === 'again') return `waits for run ${quoted(id)}, which waits for it in turn`;
  if (run === 'further') return `waits for child ${quoted(id)}, and the chain goes on from there`;
  if (run.run === null) return `waits for run ${quoted(id)}, which does not exist`;
  const { workflow, status } = run.run;
  const of = `of workflow ${quoted(workflow)}`;
  if (!sure) return `waits for a child ${of}; its only unfinished one, ${quoted(id)}, ${words(run)}`;
  const settled = status === 'completed' || status === 'failed' || status === 'cancelled';
  const told = settled ? ', and has not been told of that yet' : '';
  return `waits for child ${quoted(id)} ${of}, which ${words(run)}${told}`;
}
