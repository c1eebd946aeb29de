// Instants in the text of statements: the engine gives and takes them as microseconds since 1970.

/** An instant as the engine reads it: whole microseconds, exactly. */
export function micros(instant: string): string {
  return `(extract(epoch from ${instant}) * 1000000::numeric)::bigint`;
}

/** Microseconds of the engine as an instant. */
export function instantOf(value: string): string {
  return `'epoch'::timestamptz + ${value} * interval '1 microsecond'`;
}
