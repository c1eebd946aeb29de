// Makes a schedule on which the sides differ small: leaves ops out for as long as they still differ.
import type { Op } from './op.js';
import { listed, play, type Played, type Sides } from './play.js';

/** A schedule of which, as far as so many plays show, nothing can be left out. */
export async function shrunk(sides: Sides, played: Played, mostPlays: number): Promise<Played> {
  let best = played;
  let plays = 0;
  const differs = async (ops: readonly Op[]): Promise<boolean> => {
    if (plays++ >= mostPlays) return false;
    const again = await play(sides, listed(ops));
    if (again.difference === null) return false;
    best = again;
    return true;
  };
  for (let size = Math.ceil(best.ops.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = best.ops.length - size; at > -size; at -= size) {
      const from = Math.max(at, 0);
      await differs([...best.ops.slice(0, from), ...best.ops.slice(from + size)]);
    }
  }
  for (let at = best.ops.length - 1; at >= 0; at--) await withoutItems(at, () => best.ops, differs);
  return best;
}

/** Leaves items out of the lists that an op is given. */
async function withoutItems(
  at: number, ops: () => readonly Op[], differs: (ops: readonly Op[]) => Promise<boolean>,
): Promise<void> {
  const op = ops()[at];
  const list = op?.args[0];
  if (op === undefined || !Array.isArray(list)) return;
  for (let item = list.length - 1; item >= 0; item--) {
    const now = ops()[at];
    const items = now?.args[0] as unknown[] | undefined;
    if (now === undefined || items === undefined || items.length < 2) return;
    const fewer = { ...now, args: [items.filter((_, index) => index !== item), ...now.args.slice(1)] };
    await differs(ops().map((each, index) => (index === at ? fewer : each)));
  }
}
