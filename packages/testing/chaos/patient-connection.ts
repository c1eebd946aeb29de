// How a process of the business connects: until it works, as a supervisor that starts it again would see to.
import { systemEnv } from '@perdure/core/engine';
import { connect, type Connection, type ConnectOptions } from 'perdure';

const retryMs = 100;
const tries = 300;

/** `connect`, again and again while the database is not to be had. */
export async function connectPatiently(url: string, options: ConnectOptions): Promise<Connection> {
  for (let at = 1; ; at++) {
    try {
      return await connect(url, options);
    } catch (error) {
      if (at === tries || (error as { code?: string }).code !== 'DATABASE_UNAVAILABLE') throw error;
      await systemEnv.sleep(retryMs);
    }
  }
}
