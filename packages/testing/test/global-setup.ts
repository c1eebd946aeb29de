// One embedded server for the whole run of the suite. Tests find it by `freshDatabase`, child processes by
// the environment. PERDURE_TEST_PG_MAJOR chooses the version, PERDURE_TEST_URL (a superuser's) a server of
// your own.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '@perdure/sql';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['PERDURE_TEST_URL'] !== undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  // Where the suite runs as root, the server's account must be able to pass.
  await chmod(directory, 0o755);
  const version = Number(process.env['PERDURE_TEST_PG_MAJOR'] ?? 18);
  const clean = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const server = await startEmbedded({ directory, version }).catch(async (error: unknown) => {
    await clean();
    throw error;
  });
  process.env['PERDURE_TEST_URL'] = server.url;
  return async () => {
    await server.stop();
    await clean();
  };
}
