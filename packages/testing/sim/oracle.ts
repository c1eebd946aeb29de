// Judges a simulation when everything has come to its end: what the database holds against what was asked of
// it, what code was shown, and what bodies did.
import { decodeError } from '@perdure/core/engine';
import { outcomeOf, type Evidence } from './evidence.js';
import { tinyName } from './interpret.js';
import { judgeRun } from './judge-run.js';
import type { Program } from './program.js';
import { keyOf } from './recorder.js';
import { nameOf as nameOfDeed } from './script.js';

/** Finds everything that is not as it must be. */
export function judge(evidence: Evidence): void {
  judgeDeeds(evidence);
  judgeRows(evidence);
  judgePopulation(evidence);
  for (const run of evidence.store.runs.values()) {
    if (run.workflow !== tinyName) judgeRun(evidence, run);
  }
}

function judgeDeeds({ deeds, store, rows, accuse }: Evidence): void {
  for (const { deed, doneAt, outcome } of deeds) {
    const name = nameOfDeed(deed);
    if (doneAt === null) accuse(`never-done: ${name}`);
    if (deed.kind === 'start') {
      const exists = store.runs.has(deed.run);
      if (doneAt !== null && !exists) accuse(`start-lost: ${name}`);
      if (deed.how === 'tx' && rows.has(name) !== exists) accuse(`start-apart: ${name}: a run: ${exists}`);
    } else if (deed.kind === 'result' && doneAt !== null) {
      const run = store.runs.get(deed.run);
      const real = run === undefined ? null : outcomeOf(run);
      if (JSON.stringify(outcome) !== JSON.stringify(real)) {
        accuse(`result-differs: ${name}: told ${JSON.stringify(outcome)}, is ${JSON.stringify(real)}`);
      }
    } else if (deed.kind === 'signal') {
      const message = store.messagesTo(deed.run).has(`signal:${deed.payload}`);
      if (deed.how === 'tx' && rows.has(deed.payload) !== message) {
        accuse(`signal-apart: ${name}: a message: ${message}`);
      }
    }
  }
}

/** Transactions happen whole, and once. */
function judgeRows({ recorder, rows, store, story, accuse }: Evidence): void {
  const ids = new Map(story.programs.flatMap(({ body }) => transactionsIn(body)));
  for (const { run, generation, node } of recorder.bodies.values()) {
    const also = ids.get(node);
    if (also === undefined) continue;
    const key = keyOf({ run, generation, node });
    const written = rows.get(key) ?? 0;
    if (written > 1) accuse(`transaction-twice: ${key}: ${written} times`);
    if (also === 'start' && store.runs.has(`tx ${key}`) !== (written === 1)) accuse(`start-apart: tx ${key}`);
    if (also === 'signal' && store.messagesTo(run).has(`signal:tx ${key}`) !== (written === 1)) {
      accuse(`signal-apart: tx ${key}`);
    }
    judgeRecord(key, { store, accuse, written }, { run, generation, node });
  }
}

/** What is recorded of a transaction is so if and only if it was written. */
function judgeRecord(
  key: string, { store, accuse, written }: Pick<Evidence, 'store' | 'accuse'> & { written: number },
  { run, generation, node }: { run: string; generation: number; node: string },
): void {
  if (store.runs.get(run)?.generation !== generation) return;
  const entry = [...store.entriesOf(run, generation).values()]
    .find(({ kind, name }) => kind === 'transaction' && name === node);
  const isRecorded = entry !== undefined && entry.error === null;
  if (isRecorded === (written === 1)) return;
  accuse(`transaction-apart: ${key}: recorded ${isRecorded}, ${written} rows`);
}

function transactionsIn(node: Program['body']): [string, string][] {
  if (node.op === 'transaction') return [[node.id, node.also]];
  if (node.op === 'attempt') return transactionsIn(node.node);
  return 'nodes' in node ? node.nodes.flatMap((each) => transactionsIn(each)) : [];
}

/** Nobody is there whom nothing started, and nobody is left behind. */
function judgePopulation({ store, recorder, deeds, accuse }: Evidence): void {
  const started = new Set(deeds.map(({ deed }) => (deed.kind === 'start' ? deed.run : '')));
  const children = new Set(recorder.children.values());
  for (const run of store.runs.values()) {
    const { id, status, reason, parent, workflow } = run;
    if (status === 'live') accuse(`never-settled: run ${id}`);
    if (status === 'parked') accuse(`parked: run ${id}: ${reason}: ${decodeError(run.error ?? '').message}`);
    const known = started.has(id) || children.has(id) || parent !== null || workflow === tinyName;
    if (!known) accuse(`unasked-run: ${id}`);
  }
}
