// What ends every schedule: transactions end, mail is carried, everything is made due and claimed. It brings
// to light what the port does not show at once, such as who was to be told of an end.
import { runIds } from './looks.js';
import { observe, sessions, type Op } from './op.js';

const op = (verb: string, ...args: readonly unknown[]): Op => ({ session: 'a', verb, args });
const carry = op('carry', { limit: 100, terminated: '{"message":"by parent"}' });

const kinds = [null, 'v1'].flatMap((version) => ['w1', 'w2'].map((workflow) => (
  { queue: 'q', workflow, version, stamp: version })));

const claim = (digits: string, served: readonly unknown[], suspects: boolean): Op => op('claim', {
  claimId: `${digits}000000-0000-4000-8000-000000000000`, served, limit: 100, suspects, leaseMs: 7_200_000,
  sweep: true,
});

/** The last ops, the same for all. */
export const finale: readonly Op[] = [
  ...runIds.map((id) => op('hand.release', id)),
  // Who waits is free when the other has ended.
  ...[...sessions, 'a' as const].map((session): Op => ({ session, verb: 'tx.commit', args: [] })),
  op(observe, 1), carry, op(observe, 2), claim('f0', kinds, false),
  ...runIds.map((id) => op('hand.makeDue', id)),
  // Those whose owners are gone are moved, and come one by one.
  claim('f1', kinds, false), ...kinds.map((kind, at) => claim(`e${at}`, [kind], true)), op(observe, 5),
  op('check', { after: null, lateMs: 3_600_000, limit: 100 }),
  op('terminateRuns', runIds, '{"message":"the end"}'), carry, op(observe, 7),
  op('deleteRuns', runIds), op(observe, 8), op('readWorkers'),
];
