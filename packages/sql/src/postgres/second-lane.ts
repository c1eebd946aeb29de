// Writes under keys that callers choose: runs, children, messages, events. A stranger's open transaction may
// hold such a key, so these ride apart from the commits.
//
//   N1. A statement writes items in the order of their keys, everywhere: two batches never wait crosswise.
//   N2. The statement waits shortly for a stranger. An item that he holds, or whose value is refused, stands
//       alone in the end, and the others are written: those that were given first before the others, so that
//       their instants have the same order.
//   N3. Answers are in the order in which the items were given.
import { DataRefusedError, LockTimeoutError } from './sql-error.js';

/** Set from inside a statement, so that it also holds where a session is not ours to set. */
export const impatient = "set_config('lock_timeout', '50ms', true)";

/** An item of a batch, with its number as it was given. */
export interface Numbered<Item> {
  readonly item: Item;
  readonly ord: number;
}

/** The answer to an item that was not written: a stranger holds its key, or the database refuses a value. */
export type NotWritten = { readonly kind: 'busy' } | { readonly kind: 'refused'; readonly why: string };

/** How a kind of items is written. */
export interface SecondLane<Item, Answer> {
  key(item: Item): string;
  /** Writes a batch, in the order of its keys; one answer each. */
  write(batch: readonly Numbered<Item>[]): Promise<readonly Answer[]>;
  /** Why an item is refused before it is written, or null. */
  refuses?(item: Item): string | null;
  /** Whether items of one key are written by one statement each: they would not see each other. */
  readonly apart?: boolean | undefined;
}

/** Writes items. Throws what is neither a lock nor a value. */
export async function writeApart<Item, Answer>(
  items: readonly Item[], lane: SecondLane<Item, Answer>,
): Promise<(Answer | NotWritten)[]> {
  const answers: (Answer | NotWritten)[] = items.map(() => ({ kind: 'busy' }));
  const batch: Keyed<Item>[] = [];
  for (const [ord, item] of items.entries()) {
    const why = lane.refuses?.(item) ?? null;
    if (why === null) batch.push({ item, ord, key: lane.key(item) });
    else answers[ord] = { kind: 'refused', why };
  }
  for (const round of lane.apart === true ? roundsOf(batch) : [batch]) await writeInto(answers, round, lane);
  return answers;
}

/** Batches in none of which a key is twice; mostly there is one. */
function roundsOf<Item>(batch: readonly Keyed<Item>[]): readonly Keyed<Item>[][] {
  const rounds: Keyed<Item>[][] = [];
  const counts = new Map<string, number>();
  for (const item of batch) {
    const round = counts.get(item.key) ?? 0;
    counts.set(item.key, round + 1);
    (rounds[round] ??= []).push(item);
  }
  return rounds;
}

interface Keyed<Item> extends Numbered<Item> {
  readonly key: string;
}

async function writeInto<Item, Answer>(
  answers: (Answer | NotWritten)[], batch: readonly Keyed<Item>[], lane: SecondLane<Item, Answer>,
): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  const sorted = [...batch].sort((one, other) => (one.key < other.key ? -1 : 1));
  try {
    const written = await lane.write(sorted);
    for (const [at, { ord }] of sorted.entries()) answers[ord] = written[at] ?? { kind: 'busy' };
  } catch (error) {
    if (!(error instanceof LockTimeoutError || error instanceof DataRefusedError)) throw error;
    if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await writeInto(answers, batch.slice(0, half), lane);
      await writeInto(answers, batch.slice(half), lane);
    } else if (error instanceof DataRefusedError) {
      answers[first.ord] = { kind: 'refused', why: error.message };
    }
  }
}
