// What errors of Prisma say of the database.

/** The SQLSTATE behind an error of Prisma, or of its driver adapter; null where there is none. */
export function stateBehind(error: unknown): string | null {
  const { meta, cause } = error as { meta?: { driverAdapterError?: { cause?: unknown } }; cause?: unknown };
  const { originalCode } = (meta?.driverAdapterError?.cause ?? cause ?? {}) as { originalCode?: unknown };
  return typeof originalCode === 'string' ? originalCode : null;
}

/**
 * The same error. Of a conflict Prisma says P2034, for which loops that try again look; but of raw queries
 * P2010, as of all their errors.
 */
export function asConflict(error: unknown): unknown {
  const conflict = error instanceof Error && /^40(001|P01)$/.test(stateBehind(error) ?? '');
  return conflict ? Object.assign(error, { code: 'P2034' }) : error;
}
