// What suites import in place of `vitest` in a process that is to kill a mutant: the same words, but tests
// are only collected. A hundred small processes have no time for a test runner.
import { format } from 'node:util';

// A plain library, as long as nobody asks it to run a test.
export { expect } from 'vitest';

/** Limits of its own are no use to a suite here. */
export const vi: { setConfig(): void } = { setConfig: () => undefined };

type Body = (...given: unknown[]) => unknown;
type Hook = () => unknown;

interface Group {
  readonly name: string;
  readonly parent: Group | null;
  readonly before: Hook[];
  readonly after: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
}

/** One test of a suite. */
export interface Collected {
  /** With the names of the groups that it is in. */
  readonly name: string;
  run(): Promise<void>;
}

function groupIn(parent: Group | null, name: string): Group {
  return { name, parent, before: [], after: [], beforeEach: [], afterEach: [] };
}

let here = groupIn(null, '');
let tests: { name: string; group: Group; body: Hook }[] = [];
let groups = [here];

function testNamed(name: string, ...rest: readonly unknown[]): void {
  const body = rest.find((each) => typeof each === 'function') as Hook | undefined;
  if (body === undefined) throw new Error(`Test '${name}' has no body.`);
  tests.push({ name, group: here, body });
}

function describeNamed(name: string, ...rest: readonly unknown[]): void {
  const body = rest.find((each) => typeof each === 'function') as Hook | undefined;
  const outside = here;
  here = groupIn(outside, name);
  groups.push(here);
  body?.();
  here = outside;
}

type Named = (name: string, ...rest: readonly unknown[]) => void;

/** `each` of tests and groups: a body for each row of a table. */
function each(named: Named) {
  return (table: readonly unknown[]) => (name: string, ...rest: readonly unknown[]): void => {
    const body = rest.find((one) => typeof one === 'function') as Body;
    for (const [index, row] of table.entries()) {
      const given: readonly unknown[] = Array.isArray(row) ? row : [row];
      named(nameOf(name, given, index), () => body(...given));
    }
  };
}

function nameOf(name: string, given: readonly unknown[], index: number): string {
  const filled = name.replaceAll('%#', String(index)).replace(/\$(\w+)/g, (whole, key: string) => {
    const [row] = given;
    return typeof row === 'object' && row !== null && key in row ? String(Reflect.get(row, key)) : whole;
  });
  const places = filled.match(/%[sdijfo]/g)?.length ?? 0;
  return format(filled, ...given.slice(0, places));
}

const none: Named = () => undefined;
const when = (named: Named) => (is: unknown): Named => (is ? named : none);
const unless = (named: Named) => (is: unknown): Named => (is ? none : named);
const wordsOf = (named: Named) => ({ each: each(named), skipIf: unless(named), runIf: when(named) });

/** Collects a test. */
export const test: Named & object = Object.assign(testNamed, {
  ...wordsOf(testNamed), concurrent: Object.assign(testNamed, wordsOf(testNamed)),
});
/** Collects a group of tests. */
export const describe: Named & object = Object.assign(describeNamed, wordsOf(describeNamed));
/** Once, before the first test of a group. */
export const beforeAll = (hook: Hook): void => void here.before.push(hook);
/** Once, after the last test of a group. */
export const afterAll = (hook: Hook): void => void here.after.push(hook);
/** Before each test of a group. */
export const beforeEach = (hook: Hook): void => void here.beforeEach.push(hook);
/** After each test of a group. */
export const afterEach = (hook: Hook): void => void here.afterEach.push(hook);

function around(group: Group): readonly Group[] {
  return group.parent === null ? [group] : [...around(group.parent), group];
}

function fullName(name: string, group: Group): string {
  return [...around(group).map((each) => each.name), name].filter((part) => part !== '').join(': ');
}

/** Hands over what was collected since the last time, and what ends it. */
export function collected(): { tests: readonly Collected[]; end(): Promise<void> } {
  const begun = new Set<Group>();
  const found = tests.map(({ name, group, body }) => ({
    name: fullName(name, group),
    run: async (): Promise<void> => {
      const inside = around(group);
      for (const each of inside) {
        if (begun.has(each)) continue;
        begun.add(each);
        for (const hook of each.before) await hook();
      }
      try {
        for (const hook of inside.flatMap((each) => each.beforeEach)) await hook();
        await body();
      } finally {
        for (const hook of inside.flatMap((each) => each.afterEach).reverse()) await hook();
      }
    },
  }));
  const ended = groups;
  here = groupIn(null, '');
  [tests, groups] = [[], [here]];
  return {
    tests: found,
    end: async () => {
      for (const hook of ended.flatMap((group) => group.after).reverse()) await hook();
    },
  };
}
