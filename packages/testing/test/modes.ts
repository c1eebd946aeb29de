// The modes in which whatever a workflow could see must be the same: whether memory lasts, hints arrive, or
// processes die. PERDURE_TEST_MODE chooses the mode of a run of the suite, no test does.
//
//   normal  one worker that remembers and is told.
//   evict   nothing stays in memory: every answer is shown to code that was replayed from its journal.
//   poll    nobody tells anybody anything: clients and workers share a database and no more.
//   crash   after every commit that recorded something, the worker dies with all that it holds. Its runs are
//           suspects then, tried one at a time as everywhere, but their probation takes no time.
import type { Connection } from '@perdure/core';
import type { Hints, TurnWrite } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import type { WorldRules } from '../dist/world.js';

/** How a world makes it hard for a workflow. */
export type Mode = 'normal' | 'evict' | 'poll' | 'crash';

/** All modes; `.ci/run` runs the suite once in each. */
export const modes: readonly Mode[] = ['normal', 'evict', 'poll', 'crash'];

/** The mode of this run of the suite. */
export const mode: Mode = modeNamed(process.env['PERDURE_TEST_MODE'] ?? 'normal');

function modeNamed(name: string): Mode {
  const found = modes.find((each) => each === name);
  if (found !== undefined) return found;
  throw new Error(`PERDURE_TEST_MODE is '${name}'; it is one of ${modes.join(', ')}.`);
}

const unheard = (): (() => void) => () => undefined;

/** Hints that reach nobody. */
const silence: Hints = {
  onDue: unheard, onSettled: unheard, onMail: unheard, onPublished: unheard, listen: unheard,
  due: () => undefined, settled: () => undefined, mail: () => undefined, published: () => undefined,
};

/** The same database, for somebody who hears of nobody: neither a hint nor a run at its birth comes over. */
export function alone(connection: Connection): Connection {
  return { ...connection, hints: silence, adopters: new Set() };
}

/** Whether a verb of a store, or a transaction of a step, has recorded something of a run. */
export function isProgress(verb: string, given: readonly unknown[]): boolean {
  if (verb !== 'commit') return verb === 'transaction';
  const writes = given[0] as readonly TurnWrite[] | undefined;
  return writes?.some(({ entries, end }) => (
    entries.length > 0 || (end !== null && end.kind !== 'renew'))) === true;
}

/** What each mode makes of a world. */
export const rules: Readonly<Record<Mode, WorldRules>> = {
  normal: {},
  evict: { forgetful: true },
  poll: { connect: (store) => alone(memoryConnection({ store })) },
  crash: {
    probationMs: 0,
    done: (verb, given, world) => {
      if (isProgress(verb, given)) world.vanish();
    },
  },
};
