// A server of a test's own, whose log the test reads.
import { startEmbedded } from '@perdure/sql';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server, and what it has written so far. */
export interface OwnServer {
  readonly url: string;
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one in a temporary folder; `stop` removes it. */
export async function ownServer(settings: Record<string, string> = {}): Promise<OwnServer> {
  const directory = await mkdtemp(join(tmpdir(), 'perdure-security-'));
  // Where the suite runs as root, the server's account must be able to pass.
  await chmod(directory, 0o755);
  const clean = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const version = Number(process.env['PERDURE_TEST_PG_MAJOR'] ?? 18);
  const server = await startEmbedded({ directory, version, settings: { fsync: 'off', ...settings } })
    .catch(async (error: unknown) => {
      await clean();
      throw error;
    });
  return {
    url: server.url,
    log: () => readFile(join(directory, 'server.log'), 'utf8'),
    stop: async () => {
      await server.stop();
      await clean();
    },
  };
}
