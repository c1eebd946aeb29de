// What the engine writes for one step of `counting`.
import type { Encoded, Entry, TurnEnd, TurnWrite } from '@perdure/core/engine';
import type { Claimed } from './engine-sql.js';

/** The write of step number `step` of `steps`; the last one carries the settlement. */
export function stepWrite({ lease, n }: Claimed, step: number, steps: number): TurnWrite {
  const place = String(step);
  const entry: Entry = {
    place, position: step, kind: 'step', name: 'add', value: json(n + step), error: null,
    attempt: 1, tookMs: 0.01, message: null,
  };
  const end: TurnEnd = {
    kind: 'settle', status: 'completed', output: json(steps * n + steps * (steps + 1) / 2), error: null,
    tied: false,
  };
  return { lease, entries: [entry], calls: [], closed: [], end: step < steps ? null : end, more: null };
}

function json(value: number): Encoded {
  return { codec: 'json', text: String(value) };
}
