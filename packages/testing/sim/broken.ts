// Databases that are broken on purpose, to show that a simulation would notice: one that finds nothing in
// them is not to be believed when it finds nothing elsewhere.
import { ModelStore } from '../dist/simulation/model-store.js';

type Method = (...given: never[]) => unknown;

/** What is broken, by name: a method of the model database, and what it does instead. */
const breaks: Readonly<Record<string, readonly [method: string, otherwise: Method]>> = {
  /** Whoever had a run still writes for it. */
  'stale-writes': ['owns', () => true],
  /** The last answer of a place stands, not the first. */
  'last-entry': ['keep', (journal: Map<string, object>, entry: { place: string }, at: number) => {
    journal.set(entry.place, { ...entry, at });
  }],
  /** What was taken lies in the inbox all the same. */
  'mail-stays': ['takeMail', () => undefined],
  /** No wait becomes durable. */
  'waits-lost': ['keepCalls', () => undefined],
  /** A run whose owner was told of something rests as if it had not been. */
  'wake-ignored': ['restDue', (_row: unknown, { wakeInMs }: { wakeInMs: number | null }, now: number) => (
    wakeInMs === null ? Infinity : now + wakeInMs * 1_000)],
  /** Everything is over as soon as it is asked for. */
  'no-time': ['keepCalls', function early(this: ModelStore, write: { calls: object[] }, at: number) {
    const real = Reflect.get(Object.getPrototypeOf(ModelStore.prototype) as object, 'keepCalls') as Method;
    const calls = write.calls.map((call) => ({ ...call, delayMs: 0, atMs: null }));
    return Reflect.apply(real, this, [{ ...write, calls }, at]);
  }],
};

/** The names of all breaks. */
export const breakNames: readonly string[] = Object.keys(breaks);

/** Breaks the database of every simulation of this process. */
export function breakDatabase(name: string): void {
  const found = breaks[name];
  if (found === undefined) throw new Error(`--broken takes one of ${breakNames.join(', ')}.`);
  const [method, value] = found;
  Object.defineProperty(ModelStore.prototype, method, { value, configurable: true });
}
