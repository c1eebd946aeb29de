// Seeds on the memory store beside PostgreSQL, told on the console: what `main.ts` and `pnpm sim` run. The
// server is that of DIFFERENTIAL_URL (an empty database of a superuser's), or one of its own.
import { systemEnv } from '@perdure/core/engine';
import { startEmbedded } from '@perdure/sql';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differential, type DifferentialReport } from './differential.js';
import { memorySide } from './memory-side.js';
import { postgresSide } from './postgres-side.js';

/** Which seeds are played. */
export interface SeedRange {
  readonly first: number;
  readonly count: number;
  /** So many seeds that differ are enough. */
  readonly mostFound: number;
}

/** Plays seeds; whether the stores agreed on all of them. */
export async function besidePostgres(range: SeedRange): Promise<boolean> {
  const given = process.env['DIFFERENTIAL_URL'];
  if (given !== undefined) return played(given, range);
  const directory = await mkdtemp(join(tmpdir(), 'perdure-differential-'));
  // Where this runs as root, the server's account must be able to pass.
  await chmod(directory, 0o755);
  try {
    const server = await startEmbedded({ directory, version: 18 });
    try {
      return await played(server.url, range);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function played(url: string, range: SeedRange): Promise<boolean> {
  const begun = systemEnv.monotonic();
  const real = await postgresSide(url, 'differential');
  try {
    const report = await differential([memorySide(), real], seedsOf(range), {
      mostFound: range.mostFound,
      tell: ({ text }) => console.log(`${text}\n`),
    });
    console.log(summaryOf(report, range, Math.round((systemEnv.monotonic() - begun) / 1_000)));
    return report.found.length === 0;
  } finally {
    await real.close();
  }
}

function* seedsOf({ first, count }: SeedRange): Iterable<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}

function summaryOf(report: DifferentialReport, { first }: SeedRange, seconds: number): string {
  const { seeds, compared, found, unsteady } = report;
  const answers = [...compared.values()].reduce((sum, times) => sum + times, 0);
  const verbs = [...compared].map(([verb, times]) => `${verb} ${times}`).join(', ');
  const shaky = unsteady.length === 0 ? '' : ` (${unsteady.join(', ')})`;
  return `${verbs}\n${seeds} seeds from ${first}, ${answers} answers compared, ${found.length} differ, ` +
    `${unsteady.length} unsteady${shaky}, ${seconds} s`;
}
