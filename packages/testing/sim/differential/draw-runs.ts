// Draws of verbs that create, claim and change runs.
import type { Attributes, NewRun, Served } from '@perdure/core/engine';
import type { Draw, Drawing } from './drawing.js';
import { hours, type Op } from './op.js';

/** An hour, in milliseconds. */
export const hourMs = 3_600_000;

const kindOf = (workflow: string, version: string | null, stamp = version): Served => (
  { queue: 'q', workflow, version, stamp });

/** Kinds of runs that workers serve. The first two serve the same runs. */
const kinds: readonly Served[] = [
  kindOf('w1', null, 'v1'), kindOf('w1', null), kindOf('w1', 'v1'), kindOf('w2', null),
];

/** A value, which is sometimes one that databases refuse. */
export function textOf({ chance }: Drawing, name: string): { codec: 'json'; text: string | null } {
  if (chance.odds(0.01)) return { codec: 'json', text: '"\0"' };
  return { codec: 'json', text: chance.odds(0.1) ? null : `"${name}"` };
}

const attributes: readonly Attributes[] = [{ size: 1 }, { size: '1' }, { size: true, seen: new Date(0) }];

/** A run to be started. */
export function newRun(drawing: Drawing, id: string): NewRun {
  const { chance } = drawing;
  const other = chance.odds(0.05);
  const run = {
    id, queue: 'q', workflow: (id === 'r4') === other ? 'w1' : 'w2',
    input: textOf(drawing, `input ${drawing.next('input')}`),
    ...chance.odds(0.8) ? {} : chance.odds(0.5) ? { delayMs: hourMs }
      : { startAtMs: hours(chance.pick([0, 3])) as unknown as number },
    ...chance.odds(0.2) ? { priority: chance.pick([-2, -1, 1, 2]) } : {},
    ...chance.odds(0.1) ? { timeoutMs: hourMs } : {},
    ...chance.odds(0.1) ? { headers: { trace: 'x' } } : {},
    ...chance.odds(0.25) ? { attributes: chance.any(attributes) } : {},
  };
  if (chance.odds(0.3)) return { ...run, restart: true };
  if ('delayMs' in run || 'startAtMs' in run || !chance.odds(0.1)) return run;
  const version = chance.pick([null, 'v1']);
  return { ...run, lease: { claimId: claimId(drawing.next('claim')), leaseMs: 2 * hourMs, version } };
}

function claimId(number: number): string {
  return `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

const runsToStart = (drawing: Drawing): readonly NewRun[] => {
  const ids = ['r1', 'r2', 'r3', 'r4', ...drawing.chance.odds(0.1) ? ['c1'] : []];
  return drawing.chance.some(ids, drawing.chance.pick([1, 1, 1, 2, 3])).map((id) => newRun(drawing, id));
};

/** Starts, on a connection of the engine. */
export const startRuns: Draw = (drawing) => {
  const runs = runsToStart(drawing);
  // PostgreSQL does not look at the values of a twin that finds its id taken.
  const input = { codec: 'json', text: '"twin"' } as const;
  const again = drawing.chance.odds(0.05) ? runs.map(({ id }) => ({ ...newRun(drawing, id), input })) : [];
  return drawing.op('startRuns', [...runs, ...again]);
};

/** Starts, in a caller's transaction: as the client gives them, each id once and in their order. */
export const startInside: Draw = (drawing) => drawing.op('tx.startRuns',
  [...runsToStart(drawing)].sort((one, other) => (one.id < other.id ? -1 : 1)));

/** A claim. Which of several runs it takes is compared where the port says which one it is. */
export const claim: Draw = (drawing) => {
  const { chance } = drawing;
  const suspects = chance.odds(0.4);
  const isOne = chance.odds(0.5);
  const some = isOne || suspects ? [chance.any(kinds) ?? kindOf('w1', null)]
    : chance.odds(0.5) ? kinds.slice(1) : [kinds[0] ?? kindOf('w1', null), ...kinds.slice(2)];
  const limit = !suspects && isOne && chance.odds(0.5) ? 1 : 100;
  const request = {
    claimId: claimId(drawing.next('claim')), served: some, limit, suspects, leaseMs: 2 * hourMs, sweep: true,
  };
  const op = drawing.op('claim', request);
  drawing.claims.push(op);
  return op;
};

/** What an earlier claim got. */
export const recall: Draw = (drawing) => {
  const before = drawing.chance.any(drawing.claims);
  return before === undefined ? null : drawing.op('recall', before.args[0]);
};

/** Time passes for one run. */
export const makeDue: Draw = (drawing) => (
  drawing.op('hand.makeDue', drawing.runOf('running', 'waiting', 'pending')));

/** Runs are woken. */
export const wake: Draw = (drawing) => (
  drawing.op('wake', [drawing.runOf('running', 'waiting'), drawing.anyRun()]));

/** A stranger's lock, or its release. */
export const lock: Draw = (drawing) => {
  const [held] = drawing.model.locks.keys();
  if (held !== undefined) return drawing.op('hand.release', held);
  return drawing.op('hand.lockRow', drawing.runOf('running', 'waiting', 'pending'));
};

const ended = ['completed', 'failed', 'cancelled', 'parked'];

/** Verbs of operators. */
export const operate: readonly (readonly [number, Draw])[] = [
  [2, (drawing) => drawing.op('resumeRuns', [{
    runId: drawing.runOf('parked'),
    ...drawing.chance.odds(0.5) ? {} : { version: drawing.chance.pick([null, 'v1']) },
  }])],
  [3, (drawing) => revival(drawing)],
  [2, (drawing) => {
    const ids = [drawing.runOf('running', 'waiting', 'parked'), drawing.anyRun()];
    return drawing.op('terminateRuns', ids.slice(drawing.chance.below(2)), '{"message":"terminated"}');
  }],
  [3, (drawing) => drawing.op('deleteRuns', [drawing.runOf(...ended), drawing.runOf(...ended)]
    .slice(drawing.chance.below(2)))],
  [2, (drawing) => forking(drawing)],
  [1, (drawing) => worker(drawing)],
];

function revival(drawing: Drawing): Op | null {
  const { chance } = drawing;
  const runId = drawing.runOf(...ended);
  const generation = drawing.details.find(({ id }) => id === runId)?.generation ?? 1;
  const entries = { $record: runId, generation, count: chance.below(4) };
  return drawing.op('reviveRuns', [{
    runId, generation: chance.odds(0.1) ? generation + 1 : generation, entries,
    input: chance.odds(0.5) ? null : textOf(drawing, 'revived'), version: chance.pick([null, 'v1']),
  }]);
}

function forking(drawing: Drawing): Op | null {
  const { chance } = drawing;
  const from = chance.any(drawing.details);
  if (from === undefined) return null;
  const { lease: _none, restart: _neither, ...run } = newRun(drawing, drawing.anyRun());
  return drawing.op('forkRun', {
    run, generation: from.generation + 1, version: chance.pick([null, 'v1']),
    entries: { $record: from.id, generation: from.generation, count: chance.below(4) },
  });
}

function worker(drawing: Drawing): Op {
  const { chance } = drawing;
  const id = chance.pick(['wa', 'wb']);
  if (chance.odds(0.3)) return drawing.op('seeWorker', id);
  if (chance.odds(0.3)) return drawing.op('forgetWorker', id);
  const definitions = [{ workflow: 'w1', queue: 'q', timeoutMs: null }];
  const serves = [{ queue: 'q', workflow: 'w1', version: 'v1' }];
  const facts = { id, host: 'h', pid: chance.below(9), concurrency: 3, serves, definitions };
  return drawing.op('registerWorker', facts);
}
