// Every kind of fault at least once on a real server that is restarted as well, and every promise kept: the
// small share of `pnpm chaos`. Kills are in kills.test.ts.
import { afterAll, expect, test } from 'vitest';
import { chaosRound, type RoundReport } from '../chaos/chaos-round.js';
import { ownServer } from '../chaos/chaos-server.js';
import { faultKinds, kindsNamed, lacking } from '../chaos/fault-catalogue.js';

const server = await ownServer();
afterAll(() => server.close());

const rounds: Readonly<Record<string, readonly string[]>> = {
  'frozen and blocked processes, restarts, strange settings': [
    'freeze', 'freeze-in-transaction', 'block-loop', 'clock-skew',
    'restart-fast', 'restart-immediate', 'no-connections', 'tiny-timeouts', 'serializable',
  ],
  'out of memory, a bad network, ended sessions, locks': [
    'out-of-memory', 'small-pool',
    'cut-before-commit', 'cut-after-commit', 'cut-at-byte', 'half-open', 'refuse', 'delay', 'drip-feed',
    'terminate', 'cancel', 'lock-rows', 'lock-table',
  ],
};
/** Elsewhere: kills.test.ts. */
const elsewhere = ['kill', 'kill-in-transaction', 'kill-client', 'kill-client-at-commit'];
/** Whether transactions of others get in the way of a serializable one is up to the machine. */
const mayMiss = ['serializable', 'tiny-timeouts', 'small-pool'];

function expectHits(names: readonly string[], { faults }: RoundReport): void {
  for (const kind of kindsNamed(names)) {
    const why = lacking(kind, server);
    const { injected = 0, hits = 0 } = faults.get(kind.name) ?? {};
    if (why !== null) console.warn(`NOT RUN: ${kind.name}: ${why}`);
    else if (mayMiss.includes(kind.name)) expect(injected, kind.name).toBeGreaterThan(0);
    else expect(hits, kind.name).toBeGreaterThan(0);
  }
}

test('every kind has its turn', () => {
  const named = [...Object.values(rounds).flat(), ...elsewhere];
  expect([...named].sort()).toEqual(faultKinds.map(({ name }) => name).sort());
});

test.each(Object.entries(rounds))('%s: every promise is kept', { timeout: 400_000 }, async (_what, names) => {
  const kinds = kindsNamed(names).filter((kind) => lacking(kind, server) === null);
  const report = await chaosRound({ server, kinds, seed: 7, seconds: 200, enough: 5, leaseMs: 600 });
  expect(report.violations).toEqual([]);
  expectHits(names, report);
  expect(report.payments).toBeGreaterThan(0);
});
