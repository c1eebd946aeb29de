// The tour, as a machine without a person sees it: it ends by itself, says what happened, leaves nothing
// behind, and does not say that all is well when a count is wrong.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '@perdure/sql';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { repository } from './tidy/source.js';

const folder = await mkdtemp(join(tmpdir(), 'perdure-tour-'));
// Where the suite runs as root, the server's account must be able to pass.
await chmod(folder, 0o755);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Tour {
  readonly child: ChildProcess;
  /** Resolves when a line of its output matches. */
  line(pattern: RegExp): Promise<void>;
  readonly ended: Promise<{ status: number | null; output: string; complaint: string }>;
}

function startTour(): Tour {
  const program = join(repository, 'examples', 'dist', 'tour', 'main.js');
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (complaint += chunk.toString()));
  return {
    child,
    line: (pattern) => new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(output)) return;
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
    }),
    ended: new Promise((resolve) => {
      child.once('close', (status) => resolve({ status, output, complaint }));
    }),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('it shows what came from the record and what ran again', { timeout: 120_000 }, async () => {
  const { status, output, complaint } = await startTour().ended;
  expect(complaint).toBe('');
  expect(status).toBe(0);
  const lines = [
    /PostgreSQL \d+\.\d+ is up, embedded in/,
    /409 .*over the credit limit/,
    /ok {2}orders left of it: 0/,
    /ok {2}runs left of it: 0/,
    /it holds a run by a lease of 2\.0 s/,
    /202 \{"order":2,"run":"order-2"\}/,
    /1 reserve stock +done in/,
    /2 charge card +done in/,
    /3 book courier +has written its effect, has not returned/,
    /killed with SIGKILL/,
    /takes run order-2, \d+\.\d s after the kill/,
    /1 reserve stock +from the record, not run again/,
    /2 charge card +from the record, not run again/,
    /3 book courier +runs again/,
    /4 send receipt +done in/,
    /run order-2 completed/,
    /ok {2}times that each step ran: \[1,1,2,1\]/,
    /ok {2}orders without a run: 0/,
    /ok {2}runs without an order: 0/,
    /All counts are right/,
  ];
  const found = lines.map((line) => output.search(line));
  expect(found, output).not.toContain(-1);
  expect(found, output).toEqual(found.toSorted((a, b) => a - b));
  const pids = [...output.matchAll(/worker (\d+)/g)].map((match) => Number(match[1]));
  expect(new Set(pids).size).toBe(2);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(output).not.toContain('\u001b');
});

test('it ends with status 1 when a count is wrong', { timeout: 120_000 }, async () => {
  const tour = startTour();
  await tour.line(/killed with SIGKILL/);
  const server = await startEmbedded({ directory: join(folder, '.perdure', 'tour') });
  const url = new URL(server.url);
  url.pathname = `/tour_${tour.child.pid}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query("insert into effects values ('order-2', 'charge card', 1, 'order-2:1:2', 1)");
  await client.end();
  await server.stop();
  const { status, complaint, output } = await tour.ended;
  expect(complaint).toContain('Wrong count: times that each step ran: [1,2,2,1], and should be [1,1,2,1].');
  expect(output).not.toContain('All counts are right');
  expect(status).toBe(1);
});
