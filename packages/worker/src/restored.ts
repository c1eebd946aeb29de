// What a worker does when its database turns out to be another one: restored to an earlier state, or moved to
// a server that lacks the last of what was committed. What it remembers may not have happened there. So it
// forgets all of it, gives the leases back that it finds there, and claims like a worker that just began.
import type { Connection, Logger } from '@perdure/core';
import { publish, type Env, type Lease, type TurnAnswer, type TurnWrite } from '@perdure/core/engine';
import { Lane } from './lane.js';
import type { Outage } from './outage.js';

/** What is needed to give leases back. */
export interface GivingBackOptions {
  readonly env: Env;
  readonly outage: Outage;
  readonly connection: Connection;
  /** Runs that were given back are due. */
  due(): void;
}

/** Makes what gives leases back: where the database knows them its runs are due at once, without a strike. */
export function givingBack(
  { env, outage, connection, due }: GivingBackOptions,
): (leases: readonly Lease[]) => void {
  const { store, continuity } = connection;
  const lane = new Lane<Lease, TurnAnswer>({
    env, outage, continuity, what: 'leases', isBusy: ({ kind }) => kind === 'busy',
    ask: (leases) => store.commit(leases.map(handBack)),
  });
  return (leases) => {
    for (const lease of leases) void lane.add(lease).then(due);
  };
}

function handBack(lease: Lease): TurnWrite {
  const end = { kind: 'rest', wakeInMs: 0, wakeAt: null } as const;
  return { lease, entries: [], calls: [], closed: [], end, more: null };
}

/** Says it, once: `why` is a clause about the database, `runs` how many were driven. */
export function tellRestored(log: Logger, why: string, runs: number): void {
  publish('perdure:database.restored', () => ({ why, runs }));
  log.warn(`The database is not the one that this worker knew: ${why}. It was restored, or another server ` +
    `took over. The worker has forgotten what it held, ${runs} runs at work among it; they go on from what ` +
    'the database has recorded.', { runs });
}
