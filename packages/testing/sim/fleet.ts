// Simulates many seeds in several processes. Each takes a batch, and another one when that is done.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemEnv } from '@perdure/core/engine';
import { add, emptyTally, tallyOf, type Seeds, type Tally } from './tally.js';

/** How much is simulated. */
export interface FleetOptions extends Seeds {
  readonly processes: number;
  /** No batch begins after this, in ms. */
  readonly limitMs: number;
  /** Called after each batch. */
  progress(tally: Tally): void;
}

const batch = 100;
/** After so many failing seeds nothing new is learned. */
const mostFailures = 5;

/** Simulates all of these seeds, or as many as there is time for. */
export async function simulateAll(options: FleetOptions): Promise<Tally> {
  const { from, count, processes, limitMs, progress } = options;
  const tally = emptyTally();
  const began = systemEnv.monotonic();
  let next = from;
  const take = (): Seeds | null => {
    const left = from + count - next;
    const isOver = systemEnv.monotonic() - began >= limitMs || tally.failures.length >= mostFailures;
    if (left <= 0 || isOver) return null;
    const seeds = { from: next, count: Math.min(batch, left) };
    next += seeds.count;
    return seeds;
  };
  await Promise.all(Array.from({ length: processes }, async () => {
    const child = new Ship();
    for (let seeds = take(); seeds !== null; seeds = take()) {
      add(tally, await child.simulate(seeds));
      progress(tally);
    }
    child.end();
  }));
  return tally;
}

/** One child process. */
class Ship {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('main.js', import.meta.url)), ['--serve']);

  simulate(seeds: Seeds): Promise<Tally> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null): void => {
        const what = `${seeds.count} seeds from ${seeds.from} on`;
        reject(new Error(`The process that simulates ${what} has ended (${code}).`));
      };
      this.#child.once('exit', gone);
      this.#child.once('message', (tally: Tally) => {
        this.#child.off('exit', gone);
        resolve(tally);
      });
      this.#child.send(seeds);
    });
  }

  end(): void {
    this.#child.disconnect();
  }
}

/** Simulates what the parent process asks for, as long as it is there. */
export function serveParent(): void {
  process.on('message', (seeds: Seeds) => {
    void tallyOf(seeds).then((tally) => process.send?.(tally));
  });
}
