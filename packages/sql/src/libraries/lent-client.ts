// A client of a `pg` pool, for as long as it is lent.
import type { SqlRunner } from '@perdure/core';

/** What is used of a client of a `pg` pool. */
export interface PgPoolClient extends SqlRunner {
  release(destroy?: boolean): void;
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

/**
 * Listens to a client while it is lent; gives it back once, destroyed where it may be in the midst of
 * something.
 */
export function borrow(client: PgPoolClient, abandoned: AbortSignal): (destroy: boolean) => void {
  // Without a listener the 'error' of a connection that the server ends would end the process.
  const ignore = (): void => undefined;
  let lent = true;
  const destroy = (): void => end(true);
  const end = (how: boolean): void => {
    if (!lent) return;
    lent = false;
    abandoned.removeEventListener('abort', destroy);
    client.release(how);
    client.off('error', ignore);
  };
  client.on('error', ignore);
  abandoned.addEventListener('abort', destroy);
  if (abandoned.aborted) destroy();
  return end;
}
