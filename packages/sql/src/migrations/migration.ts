// What a migration is, and the limits that several of them set.

/** One step of the schema. `sql` takes the quoted name of the schema. */
export interface Migration {
  readonly number: number;
  readonly reason: string;
  sql(schema: string): string;
}

/**
 * Octets of a stored value. A little above what the codec lets through, so that the codec's error is the one
 * people see.
 */
export const longestValue = 1_500_000;
