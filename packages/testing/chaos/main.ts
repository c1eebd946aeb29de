// `pnpm chaos`: orders through the order service while its workers are killed. Ends with 1 if a promise was
// broken.
//   pnpm chaos [--orders=200] [--kills=100] [--workers=3] [--seed=…] [--url=… of an empty database]
import { systemEnv } from '@perdure/core/engine';
import { startEmbedded } from '@perdure/sql';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killOrders } from './kill-orders.js';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { orders: text, kills: text, workers: text, seed: text,
  url: text } });

function whole(name: 'orders' | 'kills' | 'workers' | 'seed', otherwise: number): number {
  const given = Number(values[name] ?? otherwise);
  if (!Number.isInteger(given) || given < 0) throw new Error(`--${name} takes a whole number.`);
  return given;
}

/** A database of our own, unless one was given. */
async function openDatabase(): Promise<{ url: string; close(): Promise<void> }> {
  if (values.url !== undefined) return { url: values.url, close: () => Promise.resolve() };
  const directory = await mkdtemp(join(tmpdir(), 'perdure-chaos-'));
  // As root the server runs as another account, which must be able to pass.
  await chmod(directory, 0o755);
  const server = await startEmbedded({ directory });
  const close = async (): Promise<void> => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { url: server.url, close };
}

const amounts = { orders: whole('orders', 200), kills: whole('kills', 100), workers: whole('workers', 3) };
const seed = whole('seed', Math.floor(systemEnv.random() * 2 ** 32));
console.log(`chaos: ${amounts.orders} orders, ${amounts.kills} kills, seed ${seed}`);
const database = await openDatabase();
const began = systemEnv.monotonic();
try {
  const report = await killOrders({ ...amounts, url: database.url, seed,
    say: (line) => console.log(`  ${line}`) });
  const seconds = ((systemEnv.monotonic() - began) / 1_000).toFixed(1);
  const { kills, killsThatHit, runsHit, bodies, violations } = report;
  const again = bodies - 4 * amounts.orders;
  console.log(`${amounts.orders} orders, ${kills} kills (${killsThatHit} of a worker that held runs; ` +
    `${runsHit} runs were hit), ${bodies} step bodies (${again} of them again), ${seconds} s`);
  for (const line of violations) console.log(`VIOLATION ${line}`);
  console.log(violations.length === 0 ? 'Every promise was kept.' : `Run it again with --seed=${seed}.`);
  if (violations.length > 0) process.exitCode = 1;
} finally {
  await database.close();
}
