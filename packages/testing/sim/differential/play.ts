// One schedule on both sides, step by step, until they differ or it ends.
import { finale } from './finale.js';
import type { Op } from './op.js';
import { Player, type Heard } from './player.js';
import { isExcused, type Fact } from './rules.js';
import type { Side } from './side.js';
import type { Standing } from './standing.js';

/** Both sides: first the model, by which schedules are drawn. */
export type Sides = readonly [model: Side, real: Side];

/** Where the sides differ. */
export interface Difference {
  /** The op at which it shows. */
  readonly op: Op;
  readonly of: string;
  readonly facts: readonly Fact[];
}

/** How a schedule went. */
export interface Played {
  /** What was asked and answered, but for what comes at the end of every schedule. */
  readonly ops: readonly Op[];
  /** How often each verb was answered by both. */
  readonly compared: ReadonlyMap<string, number>;
  readonly difference: Difference | null;
}

/** Where the ops come from: drawn by a seed, or a list. */
export type Source = (model: Standing) => () => Promise<Op | null>;

/** A list of ops, as a source. */
export const listed = (ops: readonly Op[]): Source => () => {
  const rest = [...ops];
  return async () => rest.shift() ?? null;
};

/** Plays a schedule and what ends every schedule. */
export async function play(sides: Sides, source: Source): Promise<Played> {
  for (const side of sides) await side.clear();
  const [model, real] = sides.map((side) => new Player(side)) as [Player, Player];
  const next = source(model);
  const ops: Op[] = [];
  const compared = new Map<string, number>();
  let difference: Difference | null = null;
  const step = async (op: Op): Promise<boolean> => {
    const [one, other] = await Promise.all([model.play(op), real.play(op)]);
    if (one.length + other.length > 0) ops.push(op);
    difference = differenceIn(op, one, other);
    for (const { of } of one) count(compared, of.replace(/\(.*$/s, ''));
    return difference === null;
  };
  for (let op = await next(); op !== null; op = await next()) {
    if (!await step(op)) return { ops, compared, difference };
  }
  const own = [...ops];
  for (const op of finale) if (!await step(op)) break;
  return { ops: own, compared, difference };
}

function differenceIn(
  op: Op, one: readonly Heard[], other: readonly Heard[],
): Difference | null {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const of = one[at]?.of ?? other[at]?.of ?? op.verb;
    const facts = factsIn(one[at], other[at]).filter((fact) => !isExcused(of, fact));
    if (facts.length > 0) return { op, of, facts };
  }
  return null;
}

function factsIn(model: unknown, real: unknown, path = ''): readonly Fact[] {
  if (JSON.stringify(model) === JSON.stringify(real)) return [];
  if (!isObject(model) || !isObject(real)) return [{ path, model, real }];
  const keys = new Set([...Object.keys(model), ...Object.keys(real)]);
  return [...keys].flatMap((key) => factsIn(model[key], real[key], `${path}/${key}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function count(counts: Map<string, number>, of: string): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}
