// Runs a scenario once for each place where a worker can crash in it, and crashes there.
//
//   Y1. Every durable write is two places: before it takes effect, and after it, when nobody knows of that.
//       Claims, carried mail and what clients write are one: before them nothing is lost that was not lost
//       after the write before.
//   Y2. A place is known by what is written there, and by how often that was written before in the scenario:
//       no id and no instant is in it.
import { WorkflowError } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';
import type { DurableWrite } from './durable-write.js';

/** One place where a worker can crash. */
export interface CrashPoint {
  /** From 1, in the order of the scenario. */
  readonly number: number;
  readonly when: 'before' | 'after';
  /** What is written there: "order: step 'charge card'". */
  readonly what: string;
}

/** How `everyCrashPoint` goes about it. */
export interface EveryCrashPointOptions {
  /** Crashes at the point of this number alone: to run again what has failed. */
  only?: number | undefined;
  /** Real time that one run of the scenario has to end in, in milliseconds. Default 10 seconds. */
  limitMs?: number | undefined;
}

/** What `everyCrashPoint` has done. */
export interface CrashPoints {
  /** How often the scenario was run with a crash in it. */
  readonly points: number;
  readonly crashed: readonly CrashPoint[];
}

/** A scenario failed at a crash point; `cause` is what it threw. */
export class CrashPointError extends WorkflowError {
  override readonly name = 'CrashPointError';
  readonly point: CrashPoint;

  constructor(point: CrashPoint, points: number, cause: unknown) {
    const said = cause instanceof Error ? cause.message : String(cause);
    super('CRASH_POINT_FAILED', `The scenario does not hold when the worker crashes ${describe(point)} ` +
      `(point ${point.number} of ${points}): ${said}\nTo crash at this point alone: ` +
      `everyCrashPoint(scenario, { only: ${point.number} })`, { cause });
    this.point = point;
  }
}

/** Says of a write whether the worker dies there. */
export type Crashes = (when: 'before' | 'after', write: DurableWrite) => boolean;

/** A world for one run of the scenario. */
export interface ScenarioWorld extends AsyncDisposable {
  readonly crashes: number;
}

/** What is run. */
export interface Scenario<World extends ScenarioWorld> {
  /** A world like any other one of this scenario, in which the worker dies as it is told to. */
  fresh(crashes: Crashes): Promise<World>;
  run(world: World): Promise<void>;
}

const defaultLimitMs = 10_000;

/** Throws what the scenario throws without a crash, CrashPointError, CRASH_POINTS_VARY, INVALID_OPTION. */
export async function everyCrashPoint<World extends ScenarioWorld>(
  scenario: Scenario<World>, { only, limitMs = defaultLimitMs }: EveryCrashPointOptions = {},
): Promise<CrashPoints> {
  const points: CrashPoint[] = [];
  await live(scenario, limitMs, (when, { what }) => {
    points.push({ number: points.length + 1, when, what });
    return false;
  });
  const chosen = only === undefined ? points : points.filter(({ number }) => number === only);
  if (chosen.length === 0) throw noSuchPoint(only, points.length);
  for (const point of chosen) await crashAt(scenario, limitMs, { point, points });
  return { points: chosen.length, crashed: chosen };
}

async function crashAt<World extends ScenarioWorld>(
  scenario: Scenario<World>, limitMs: number,
  { point, points }: { readonly point: CrashPoint; readonly points: readonly CrashPoint[] },
): Promise<void> {
  const isSame = ({ when, what }: { when: string; what: string }): boolean => (
    when === point.when && what === point.what);
  let left = points.slice(0, point.number).filter(isSame).length;
  let died = false;
  try {
    await live(scenario, limitMs, (when, { what }) => {
      if (died || !isSame({ when, what }) || --left > 0) return false;
      died = true;
      return true;
    });
  } catch (error) {
    if (died) throw new CrashPointError(point, points.length, error);
    throw varies(point, points.length, error);
  }
  if (!died) throw varies(point, points.length);
}

async function live<World extends ScenarioWorld>(
  scenario: Scenario<World>, limitMs: number, crashes: Crashes,
): Promise<void> {
  await using world = await scenario.fresh(crashes);
  const enough = new AbortController();
  const late = systemEnv.sleep(limitMs, enough.signal).then(() => {
    if (enough.signal.aborted) return;
    throw new WorkflowError('SCENARIO_TIMEOUT', `The scenario did not end within ${limitMs} ms of real ` +
      'time. It may wait for something that only time brings: move it with env.advance.');
  });
  late.catch(() => undefined);
  try {
    await Promise.race([scenario.run(world), late]);
  } finally {
    enough.abort();
  }
}

function describe({ when, what }: CrashPoint): string {
  return `${when === 'before' ? 'right before' : 'right after'} this was written: ${what}`;
}

function varies(point: CrashPoint, points: number, cause?: unknown): WorkflowError {
  return new WorkflowError('CRASH_POINTS_VARY', `Point ${point.number} of ${points} was not reached when ` +
    `the scenario was run again: this was not written: ${point.what}. The scenario must write the same ` +
    'each time: replace bodies that wait for real time or real chance (env.mockStep), and begin with the ' +
    'same data.', { cause });
}

function noSuchPoint(only: number | undefined, points: number): WorkflowError {
  if (only === undefined) {
    return new WorkflowError('CRASH_POINTS_VARY', 'The scenario writes nothing, so there is nowhere to ' +
      'crash. Start a run in it.');
  }
  return new WorkflowError('INVALID_OPTION', `only is ${String(only)}, and the scenario has ${points} ` +
    'points. Numbers change when the scenario does.');
}
