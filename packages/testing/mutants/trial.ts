// One process that is to kill a mutant, and what came of it. Bounded: a mutant may hang, or take the process
// with it.
import { systemEnv } from '@perdure/core/engine';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Order, Told } from './killer.js';
import type { Killer } from './mutant.js';

/** What is tried. */
export interface Trial {
  readonly killer: Killer;
  /** The file that PERDURE_MUTANT is to name; null for the engine as it is. */
  readonly mutated: string | null;
  /** A PostgreSQL server for suites that need one. */
  readonly url: string;
  /** A test that takes longer hangs. */
  readonly limitMs: number;
}

/** What came of a trial. */
export type Verdict =
  /** Every test passed. */
  | { readonly kind: 'survived'; readonly tests: readonly string[]; readonly slowestMs: number }
  | {
    readonly kind: 'killed'; readonly by: string; readonly how: 'failed' | 'hung' | 'died';
    readonly why: string;
  }
  /** It says nothing: a suite or a test is not there, or the engine does not even load. */
  | { readonly kind: 'void'; readonly why: string };

/** For a process that does not even get to its tests. */
const longestMs = 60_000;

const program = fileURLToPath(new URL('./killer.js', import.meta.url));
const preloaded = new URL('./register-hooks.js', import.meta.url).href;

/** Tries one mutant, or the engine as it is. */
export async function tryKiller({ killer, mutated, url, limitMs }: Trial): Promise<Verdict> {
  const order: Order = { killer, limitMs };
  const child = fork(program, [JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
    env: {
      ...process.env, NODE_OPTIONS: `--import ${preloaded}`, PERDURE_TEST_URL: url,
      PERDURE_TEST_MODE: killer.mode ?? 'normal',
      ...mutated === null ? {} : { PERDURE_MUTANT: mutated },
    },
  });
  const told: Told[] = [];
  child.on('message', (message) => void told.push(message as Told));
  const enough = new AbortController();
  void systemEnv.sleep(longestMs + limitMs, enough.signal).then(() => child.kill('SIGKILL'));
  const how = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(String(error)));
    child.once('close', (code, signal) => resolve(code === 0 ? 'ended' : `ended with ${signal ?? code}`));
  });
  enough.abort();
  return verdictOn(told, how);
}

function verdictOn(told: readonly Told[], how: string): Verdict {
  const tests: string[] = [];
  let slowestMs = 0;
  for (const one of told) {
    if (one.kind === 'broken') return { kind: 'void', why: `${one.suite} does not load: ${one.why}` };
    if (one.kind === 'missing') return { kind: 'void', why: `${one.suite} has no test '${one.test}'` };
    if (one.kind === 'failed' || one.kind === 'hung') {
      return { kind: 'killed', by: one.test, how: one.kind, why: one.why };
    }
    if (one.kind !== 'passed') continue;
    tests.push(one.test);
    slowestMs = Math.max(slowestMs, one.ms);
  }
  if (how === 'ended') return { kind: 'survived', tests, slowestMs };
  if (told.length === 0) return { kind: 'void', why: `the process ${how} before a suite was there` };
  return { kind: 'killed', by: tests.at(-1) ?? 'the first test', how: 'died', why: `the process ${how}` };
}
