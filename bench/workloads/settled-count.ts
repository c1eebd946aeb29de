// Waiting for many runs without asking the database, which is busy with what is measured.
import type { Connection } from '@perdure/core';

/** Resolves when this process has settled `wanted` runs. Whether it really did is verified by SQL later. */
export function settledCount(connection: Connection, wanted: number): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const unlisten = connection.hints.onSettled((runs) => {
      count += runs?.length ?? 0;
      if (count < wanted) return;
      unlisten();
      resolve();
    });
  });
}
