// Percentiles of what was measured.

/** What half of them, and all but one in a hundred, did not exceed. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** The spread of numbers, rounded; zeros for none. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = Math.max(0, Math.ceil(sorted.length * share) - 1);
    return Math.round(sorted[place] ?? 0);
  };
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}
