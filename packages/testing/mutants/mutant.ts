// What a mutant is: one mistake in the engine, and the checks that must notice it.
//
//   U1. A mutant is an edit of a source file whose text stands there exactly once. One that does not apply
//       any more is a failure of its own: it proves nothing.
//   U2. It compiles. What a compiler finds needs no test.
//   U3. It is killed by checks that it names, and that pass without it. That some other check fails as well
//       is luck.

/** Checks that must fail under a mutant: tests of one suite. */
export interface Killer {
  /** From `packages/`, as in `testing/test/behaviour/signals.test.ts`. */
  readonly suite: string;
  /** The full names of tests, or their beginnings. */
  readonly tests: readonly string[];
  /** In which mode of the suite; the usual one if it is left out. */
  readonly mode?: 'evict' | 'poll' | 'crash' | undefined;
}

/** One mistake. */
export interface Mutant {
  /** What a person could have done. */
  readonly name: string;
  /** From `packages/`. */
  readonly file: string;
  /** Stands in the file exactly once (U1). */
  readonly find: string;
  readonly replace: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  /** In the order in which they are tried: the first that fails ends it. */
  readonly killers: readonly Killer[];
}

/** Tests of any suite. */
export const suite = (path: string, ...tests: readonly string[]): Killer => ({ suite: path, tests });

/** Cases of the port on the memory store. */
export const onMemory = (...cases: readonly string[]): Killer => suite('core/test/memory-store.test.ts',
  ...cases.map((name) => `the memory store, in order: ${name}`));

/** Cases of the port on PostgreSQL. */
export const onPostgres = (...cases: readonly string[]): Killer => suite('sql/test/store-cases.test.ts',
  ...cases.map((name) => `the PostgreSQL store, on connections of its own: ${name}`));

/** Tests of behaviour, in worlds of virtual time on the memory store. */
export const behaviour = (name: string, ...tests: readonly string[]): Killer => (
  suite(`testing/test/behaviour/${name}.test.ts`, ...tests));

/** Tests of the worker. */
export const worker = (name: string, ...tests: readonly string[]): Killer => (
  suite(`worker/test/${name}.test.ts`, ...tests));

/** Tests of the client. */
export const client = (name: string, ...tests: readonly string[]): Killer => (
  suite(`client/test/${name}.test.ts`, ...tests));

/** Tests of the SQL. */
export const sql = (name: string, ...tests: readonly string[]): Killer => (
  suite(`sql/test/${name}.test.ts`, ...tests));

/** The same in another mode of the suite. */
export const inMode = (mode: Killer['mode'], those: Killer): Killer => ({ ...those, mode });
