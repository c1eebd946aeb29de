// Durations of the engine are milliseconds; instants of the database are microseconds.

/** Milliseconds as microseconds. Use it wherever a duration or a caller's instant becomes an `Instant`. */
export function micros(ms: number): number {
  return Math.round(ms * 1_000);
}
