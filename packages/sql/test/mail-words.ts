// The words in which tests of this package speak of runs and their mail.
import type {
  ClaimedRun, Encoded, Lease, Message, NewChild, NewMessage, NewRun, Store, TurnAnswer, TurnEnd, TurnWrite,
} from '@perdure/core/engine';
import { expect } from 'vitest';

/** What a terminated child fails with. */
export const terminated = '{"message":"terminated"}';

const served = [{ queue: 'q', workflow: 'w', version: null, stamp: null }];

/** A JSON text, encoded. */
export const json = (text: string): Encoded => ({ codec: 'json', text });

/** A run to be started. */
export const newRun = (id: string): NewRun => ({ id, workflow: 'w', queue: 'q', input: json('1') });

/** A signal. */
export const signal = (runId: string, id: string): NewMessage => (
  { runId, id, kind: 'signal', name: 'go', payload: json(`"${id}"`), error: null });

/** A watch of a run that is there, or a child when more is given. */
export const watch = (parent: Lease, childId: string, more: Partial<NewChild> = {}): NewChild => (
  { lease: parent, place: childId, childId, run: null, parentClose: 'default', watch: true, ...more });

/** How turns end. */
export const ends: Record<'settle' | 'rest' | 'renew', TurnEnd> = {
  settle: { kind: 'settle', status: 'completed', output: json('"done"'), error: null, tied: false },
  rest: { kind: 'rest', wakeInMs: null, wakeAt: null },
  renew: { kind: 'renew', leaseMs: 60_000, quarantine: 'keep' },
};

/** A write that only ends a turn. */
export const ending = (lease: Lease, end: TurnEnd): TurnWrite => (
  { lease, entries: [], calls: [], closed: [], end, more: null });

/** Ends a turn; the answer. */
export async function commit(store: Store, lease: Lease, end: TurnEnd): Promise<TurnAnswer> {
  const [answer] = await store.commit([ending(lease, end)]);
  return answer!;
}

let claims = 0;

/** Claims what is due, by id. */
export async function claimed(store: Store, limit = 1_000): Promise<Map<string, ClaimedRun>> {
  const claimId = `${String(++claims).padStart(8, '0')}-0000-4000-8000-000000000000`;
  const { runs } = await store.claim(
    { claimId, served, limit, suspects: false, leaseMs: 60_000, sweep: true });
  return new Map(runs.map((run) => [run.lease.runId, run]));
}

/** Starts runs and claims them; their leases, in order. */
export async function leased(store: Store, ...ids: string[]): Promise<Lease[]> {
  await store.startRuns(ids.map(newRun));
  const runs = await claimed(store);
  return ids.map((id) => runs.get(id)!.lease);
}

/** Carries once; who was told. */
export async function carry(store: Store): Promise<string[]> {
  const { told } = await store.carry({ limit: 100, terminated });
  return [...told].sort();
}

/** Messages of all kinds in a run's inbox. */
export async function inbox(store: Store, lease: Lease): Promise<readonly Message[]> {
  const boxes = (['signal', 'event', 'callback', 'child'] as const).map((kind) => ({ kind, name: null }));
  const [mail] = await store.readMail([{ lease, boxes }]);
  expect(mail!.more).toBe(false);
  return mail!.messages;
}

/** How the children in a run's inbox ended. */
export async function heard(store: Store, lease: Lease): Promise<unknown[]> {
  return (await inbox(store, lease)).map(({ outcome }) => outcome);
}

/** Ties, which must be accepted. */
export async function tied(store: Store, ...children: NewChild[]): Promise<void> {
  expect(await store.tieChildren(children)).toMatchObject(children.map(() => ({ kind: 'tied' })));
}
