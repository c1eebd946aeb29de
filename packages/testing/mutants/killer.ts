// The program of a process that is to kill a mutant: runs the named tests of a suite, and tells its
// parent how each ended. The first that fails ends it.
import { systemEnv } from '@perdure/core/engine';
import type { Killer } from './mutant.js';
import { collected, type Collected } from './suite-runner.js';

/** What it is asked for, as its one argument. */
export interface Order {
  readonly killer: Killer;
  /** A test that takes longer hangs. */
  readonly limitMs: number;
}

/** What it tells. */
export type Told =
  /** The suite is there: what follows is no mistake of the mutant's text. */
  | { readonly kind: 'loaded'; readonly suite: string }
  | { readonly kind: 'broken'; readonly suite: string; readonly why: string }
  /** No test begins like that. */
  | { readonly kind: 'missing'; readonly suite: string; readonly test: string }
  | { readonly kind: 'passed'; readonly test: string; readonly ms: number }
  | { readonly kind: 'failed' | 'hung'; readonly test: string; readonly why: string };

const order = JSON.parse(process.argv[2] ?? '') as Order;
const packages = new URL('../../', import.meta.url);

async function tell(told: Told): Promise<void> {
  await new Promise((sent) => {
    if (process.send === undefined) sent(console.log(JSON.stringify(told)));
    else process.send(told, sent);
  });
}

/** What nobody caught, as a failure of the test that runs. */
const stray = new Promise<never>((_resolve, reject) => {
  process.on('uncaughtException', reject);
  process.on('unhandledRejection', reject);
});
stray.catch(() => undefined);

/** How a test ended; `hung` if it did not within the limit. */
async function tried({ name, run }: Collected): Promise<Told> {
  const began = systemEnv.monotonic();
  const enough = new AbortController();
  try {
    const end = await Promise.race([
      run().then(() => 'passed' as const),
      systemEnv.sleep(order.limitMs, enough.signal).then(() => 'hung' as const),
      stray,
    ]);
    if (end === 'hung') return { kind: 'hung', test: name, why: `is not over after ${order.limitMs} ms` };
    return { kind: 'passed', test: name, ms: Math.round(systemEnv.monotonic() - began) };
  } catch (error) {
    return { kind: 'failed', test: name, why: firstLineOf(error) };
  } finally {
    enough.abort();
  }
}

function firstLineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '').slice(0, 2).join(' ');
}

/** Runs the tests, up to the first that does not pass. */
async function run({ suite, tests }: Killer): Promise<void> {
  try {
    await import(new URL(suite, packages).href);
  } catch (error) {
    await tell({ kind: 'broken', suite, why: String(error instanceof Error ? error.stack : error) });
    return;
  }
  const found = collected();
  await tell({ kind: 'loaded', suite });
  const missing = tests.find((wanted) => !found.tests.some(({ name }) => name.startsWith(wanted)));
  if (missing !== undefined) await tell({ kind: 'missing', suite, test: missing });
  // Each once, whoever names it: a test has ids of its own.
  for (const each of found.tests) {
    if (!tests.some((wanted) => each.name.startsWith(wanted))) continue;
    const told = await tried(each);
    await tell(told);
    if (told.kind !== 'passed') return;
  }
  await found.end();
}

await run(order.killer);
// A worker that a mutant has broken may never end by itself.
process.exit();
