// Connections by address: a client and a worker of one process that name the same database share one.
import { connect, type ConnectOptions, type ConnectTarget } from '@perdure/sql';
import type { Connection } from '@perdure/core';

interface Shared {
  readonly opened: Promise<Connection>;
  users: number;
}

const shared = new Map<unknown, Map<string, Shared>>();

/**
 * Borrows the Connection of a target and schema, opening it if nobody has. To close it gives it back; it is
 * closed when nobody uses it any more.
 */
export async function borrow(
  target: ConnectTarget | undefined, options: ConnectOptions,
): Promise<Connection> {
  const address = target ?? process.env['DATABASE_URL'];
  const key = typeof address === 'object' && 'embedded' in address ? JSON.stringify(address) : address;
  const schemas = shared.get(key) ?? new Map<string, Shared>();
  shared.set(key, schemas);
  const schema = options.schema ?? 'perdure';
  const found = schemas.get(schema) ?? { opened: connect(address, options), users: 0 };
  schemas.set(schema, found);
  found.users++;
  let released = false;
  const release = async (): Promise<void> => {
    // A worker may be stopped twice, and leaves once.
    if (released) return;
    released = true;
    found.users--;
    if (found.users > 0) return;
    if (schemas.get(schema) === found) schemas.delete(schema);
    if (schemas.size === 0) shared.delete(key);
    await found.opened.then((connection) => connection.close(), () => undefined);
  };
  try {
    return { ...await found.opened, close: release, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
}
