// Branches that run side by side and are joined: a race, all of them, one for each item. Ordinary promises
// inside the windows of the run, so that their order is the order in which answers were delivered.
//
//   B5. Nothing is orphaned: a join is answered when every branch it began has ended.
//   B6. What is not wanted any more is unwound at the point where that is decided, and waited for.
//   B7. The items of a map are found by their keys. Those with a record begin at once, whatever the bound:
//       the record of a run is older than the order in which its code has them now. No code runs as they
//       begin.
import type { Branch } from './branch.js';
import type { BranchHost } from './branch-host.js';
import { RunCancelledError, WorkflowError } from './errors.js';
import { checkName } from './names.js';

/** One branch to be: its name among the others, and its code. */
export interface Piece {
  readonly key: string;
  run(branch: Branch): Promise<unknown>;
}

/** What is joined, and how many of it run at a time. */
export interface Pool {
  readonly pieces: readonly Piece[];
  readonly concurrency?: number | undefined;
  /** Of a map: how many of the pieces, which come first then, are recorded (B7). */
  readonly recorded?: number | undefined;
}

type Ended = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

async function ended({ run }: Piece, branch: Branch): Promise<Ended> {
  try {
    return { ok: true, value: await run(branch) };
  } catch (error) {
    return { ok: false, error };
  }
}

/** Answers with the first branch that ends, once all others have ended as well. */
export async function race(host: BranchHost, group: Branch, pieces: readonly Piece[]): Promise<unknown> {
  if (pieces.length === 0) throw invalid('ctx.race was given no branches, and would never be answered.');
  const running = pieces.map((piece) => {
    const branch = group.named(piece.key);
    return { piece, branch, end: ended(piece, branch) };
  });
  const first = await Promise.race(running.map(async (one) => {
    await one.end;
    return one;
  }));
  const lost = new RunCancelledError(host.runId, `branch '${first.piece.key}' of the race was first`);
  for (const { branch } of running) if (branch !== first.branch) host.unwind(branch, lost);
  await Promise.all(running.map(({ end }) => end));
  const end = await first.end;
  group.told = first.branch.told;
  if (!end.ok) throw end.error;
  return { winner: first.piece.key, value: end.value };
}

/** Answers with the values of all branches by name; with the first failure, once all have ended. */
export async function all(host: BranchHost, group: Branch, pool: Pool): Promise<unknown> {
  const values = await inPool(host, group, pool);
  return Object.fromEntries(pool.pieces.map(({ key }, index) => [key, values[index]]));
}

/** The same for items: values in their order. Throws DUPLICATE_KEY when two items have one key. */
export async function map(
  host: BranchHost, group: Branch, { name, pieces, concurrency }: Pool & { readonly name: string },
): Promise<unknown[]> {
  const seen = new Set<string>();
  for (const { key } of pieces) {
    if (key !== '') checkName(key, `a key of ctx.map '${name}'`);
    if (seen.has(key)) {
      throw new WorkflowError('DUPLICATE_KEY', `Two items of ctx.map '${name}' have the key '${key}'. The ` +
        'record of an item is found by its key: give each its own.', { runId: host.runId });
    }
    seen.add(key);
  }
  host.passOver(group, { name, keys: seen });
  const isRecorded = ({ key }: Piece): boolean => host.isRecorded(group.named(key).nextPlace);
  const recorded = pieces.filter(isRecorded);
  if (recorded.length === 0) return inPool(host, group, { pieces, concurrency });
  const ordered = [...recorded, ...pieces.filter((piece) => !isRecorded(piece))];
  const values = await inPool(host, group, { pieces: ordered, concurrency, recorded: recorded.length });
  const byPiece = new Map(ordered.map((piece, index) => [piece, values[index]]));
  return pieces.map((piece) => byPiece.get(piece));
}

async function inPool(
  host: BranchHost, group: Branch, { pieces, concurrency = Infinity, recorded = 0 }: Pool,
): Promise<unknown[]> {
  if (concurrency !== Infinity && !(Number.isInteger(concurrency) && concurrency > 0)) {
    throw invalid(`concurrency is ${concurrency}; give a whole number from 1 up.`);
  }
  const values = new Array<unknown>(pieces.length);
  const failures: unknown[] = [];
  let next = 0;
  let running = 0;
  await new Promise<void>((allEnded) => {
    const serve = async (piece: Piece, index: number): Promise<void> => {
      running++;
      const branch = group.named(piece.key);
      const end = await ended(piece, branch);
      running--;
      if (failures.length === 0) group.told = branch.told || (end.ok && group.told);
      if (end.ok) {
        values[index] = end.value;
      } else {
        failures.push(end.error);
        host.unwind(group, new RunCancelledError(host.runId, `branch '${piece.key}' beside it has failed`));
      }
      fill();
    };
    const fill = (): void => {
      while (failures.length === 0 && (running < concurrency || next < recorded)) {
        const piece = pieces[next];
        if (piece === undefined) break;
        void serve(piece, next++);
      }
      if (running === 0) allEnded();
    };
    fill();
  });
  if (failures.length > 0) throw failures[0];
  return values;
}

function invalid(why: string): WorkflowError {
  return new WorkflowError('INVALID_OPTION', why);
}
