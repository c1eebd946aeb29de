// The house rules, held against the repository; and each rule held against a sample that breaks it, so that a
// rule that has gone blind is noticed.
import { describe, expect, test } from 'vitest';
import { importArrows, noCycles } from './tidy/arrows.js';
import { noAny, noBang } from './tidy/assertions.js';
import { documentedDoors } from './tidy/doors.js';
import { noBannedGlobals } from './tidy/globals.js';
import { documentedErrors, numberedNotes } from './tidy/promises.js';
import { fileSizes, functionSizes, parameterCounts } from './tidy/sizes.js';
import { parse, readHouse, type Rule } from './tidy/source.js';
import { boundValues } from './tidy/sql-texts.js';
import { fileNames, noBannedWords } from './tidy/words.js';

const rules: Record<string, Rule> = {
  importArrows, noCycles, noAny, noBang, documentedDoors, noBannedGlobals, documentedErrors, numberedNotes,
  fileSizes, functionSizes, parameterCounts, fileNames, noBannedWords, boundValues,
};

describe('the repository', () => {
  const house = readHouse();

  test('was found', () => {
    expect(house.sources.map((source) => source.path)).toContain('packages/core/src/env.ts');
  });

  test.each(Object.entries(rules))('keeps %s', (_name, rule) => {
    expect(rule(house)).toEqual([]);
  });
});

const src = 'packages/core/src/sample.ts';

/** What `rule` finds in one file, or in several given by path. */
function found(rule: Rule, files: string | Record<string, string>, errorPage?: string): number {
  const byPath = typeof files === 'string' ? { [src]: files } : files;
  const sources = Object.entries(byPath).map(([path, text]) => parse(path, text));
  return rule({ sources, errorPage }).length;
}

describe('sizes', () => {
  const functionOf = (lines: number): string => `function f() {\n${'  g();\n'.repeat(lines - 2)}}\n`;

  test('files and lines', () => {
    expect(found(fileSizes, 'x;\n'.repeat(500))).toBe(0);
    expect(found(fileSizes, 'x;\n'.repeat(501))).toBe(1);
    expect(found(fileSizes, `// ${'x'.repeat(107)}`)).toBe(0);
    expect(found(fileSizes, `// ${'x'.repeat(108)}`)).toBe(1);
  });

  test('functions of every form', () => {
    expect(found(functionSizes, functionOf(70))).toBe(0);
    expect(found(functionSizes, functionOf(71))).toBe(1);
    expect(found(functionSizes, `class A { m() {${'\n'.repeat(71)}} }`)).toBe(1);
    expect(found(functionSizes, `const f = () => {${'\n'.repeat(71)}};`)).toBe(1);
    expect(found(functionSizes, `describe('x', () => {${'\n'.repeat(71)}});`)).toBe(0);
  });

  test('parameters', () => {
    expect(found(parameterCounts, 'const f = (a, b, c) => a;')).toBe(0);
    expect(found(parameterCounts, 'const f = (a, b, c, d) => a;')).toBe(1);
    expect(found(parameterCounts, 'interface Port { m(a: 1, b: 2, c: 3, d: 4): void }')).toBe(1);
    const door = { 'packages/core/src/index.ts': "export { Port } from './sample.js';" };
    const port = 'export interface Port { m(a: 1, b: 2, c: 3, d: 4): void }';
    expect(found(parameterCounts, { ...door, [src]: port })).toBe(0);
    const byClass = 'class My implements Port { m(a, b, c, d) {} }';
    expect(found(parameterCounts, { ...door, [src]: byClass })).toBe(0);
    expect(found(parameterCounts, { ...door, [src]: port.replace('d: 4', 'd: 4, e: 5') })).toBe(1);
  });
});

test('noAny sees every any, and one marked file with a reason', () => {
  expect(found(noAny, 'const x: any = 1; const y = x as any; type T = Array<any>;')).toBe(3);
  expect(found(noAny, 'const any = 1; const text = "any"; // any')).toBe(0);
  expect(found(noAny, { 'packages/core/test/a.test.ts': 'const x: any = 1;' })).toBe(0);
  const type = 'export type F = (x: any) => void;';
  const marked = `// Ports.\n// tidy: any - inference needs it in the constraints\n${type}`;
  expect(found(noAny, marked)).toBe(0);
  expect(found(noAny, `// tidy: any\n${type}`)).toBe(1);
  expect(found(noAny, { 'packages/core/src/a.ts': marked, 'packages/sql/src/b.ts': marked })).toBe(1);
});

test('noBang sees assertions and definite declarations', () => {
  expect(found(noBang, 'f(a!); a!.b; let x!: number; class A { y!: string }')).toBe(4);
  expect(found(noBang, 'f(!a); a !== b;')).toBe(0);
  expect(found(noBang, { 'packages/core/test/a.test.ts': 'f(a!);' })).toBe(0);
});

test('importArrows follows the architecture', () => {
  const sample = (pkg: string, text: string): number => (
    found(importArrows, { [`packages/${pkg}/src/a.ts`]: text }));
  for (const name of ['@perdure/sql', 'pg', 'kysely', '../../sql/src/b.js', './b']) {
    expect(sample('core', `import x from '${name}';`)).toBe(1);
  }
  expect(sample('core', "import x from './b.js'; import y from 'node:net'; import z from 'ulid/x';")).toBe(0);
  expect(sample('sql', "import x from 'pg'; import y from '@perdure/core/engine';")).toBe(0);
  expect(sample('worker', "import type { Pool } from 'pg';")).toBe(1);
  expect(sample('worker', "type Pool = import('pg').Pool;")).toBe(1);
  expect(sample('client', "await import('kysely');")).toBe(1);
  expect(sample('client', "export * from '@perdure/worker';")).toBe(1);
  expect(sample('client', "import x from '@perdure/core/dist/secret.js';")).toBe(1);
  expect(sample('testing', "import x from '@perdure/worker'; import y from '@perdure/client';")).toBe(0);
  expect(sample('testing', "import x from '@perdure/sql';")).toBe(1);
});

test('noCycles sees cycles of values and of types', () => {
  const sample = (a: string, b: string, c: string): number => found(noCycles, {
    'packages/core/src/a.ts': a, 'packages/core/src/b.ts': b, 'packages/core/src/c/c.ts': c });
  expect(sample("import './b.js';", "import './c/c.js';", '')).toBe(0);
  expect(sample("import './b.js';", "import type { A } from './a.js';", '')).toBe(1);
  expect(sample("import './b.js';", "export * from './c/c.js';", "import '../a.js';")).toBe(1);
});

test('noBannedGlobals sees every way to the clock, timers, chance and the loop', () => {
  const bad = ['Date.now()', 'new Date()', 'Date()', 'setTimeout(f, 1)', 'globalThis.setTimeout(f, 1)',
    'const t = setInterval', 'setImmediate(f)', 'Math.random()', 'performance.now()', 'process.nextTick(f)',
    'queueMicrotask(f)', 'crypto.randomUUID()', "import { randomBytes } from 'node:crypto'",
    'AbortSignal.timeout(5)', 'process.hrtime.bigint()', "import t from 'node:timers/promises'"];
  for (const text of bad) expect([text, found(noBannedGlobals, text)]).toEqual([text, 1]);
  const good = ['new Date(5)', 'env.sleep(5)', 'interface E { setTimeout: number }',
    '"Date.now()" // Date.now()', "import { createHash } from 'node:crypto'"];
  for (const text of good) expect([text, found(noBannedGlobals, text)]).toEqual([text, 0]);
  for (const path of ['packages/core/src/env.ts', 'examples/a.ts', 'packages/core/test/a.test.ts']) {
    expect(found(noBannedGlobals, { [path]: 'Date.now()' })).toBe(0);
  }
  expect(found(noBannedGlobals, { 'bench/main.ts': 'Date.now()' })).toBe(1);
});

test('noBannedWords finds them inside names, plurals included', () => {
  const bad = ['const task = 1', 'function runJob() {}', 'class JobQueue {}', 'let is_queued',
    'interface A { succeededAt: 1 }', 'const x = { activities: 1 }', 'f((execution) => 1)',
    'class A { #checkpoint = 1 }', 'type BACKEND_URL = 1', 'const { a: terminal } = b',
    'enum E { canceled }', "import { a as janitor } from 'b'"];
  for (const text of bad) expect([text, found(noBannedWords, text)]).toEqual([text, 1]);
  const good = ['x.task()', 'const multitasking = 1', 'const cancelled = 1', "import { task } from 'x'",
    'const s = "job"', 'const x = { "a/task": 1 }'];
  for (const text of good) expect([text, found(noBannedWords, text)]).toEqual([text, 0]);
  expect(found(noBannedWords, { 'packages/core/src/task-list.ts': '' })).toBe(1);
});

test('fileNames', () => {
  for (const name of ['utils', 'helpers', 'common', 'types', 'types.test', 'camelCase', 'snake_case']) {
    expect([name, found(fileNames, { [`packages/core/src/${name}.ts`]: '' })]).toEqual([name, 1]);
  }
  expect(found(fileNames, { 'packages/core/src/run-state.test.ts': '' })).toBe(0);
});

test('documentedDoors follows re-exports to what has no doc comment', () => {
  const index = 'packages/core/src/index.ts';
  const door = { [index]: "export { f } from './sample.js';" };
  expect(found(documentedDoors, { ...door, [src]: 'export function f() {}' })).toBe(1);
  expect(found(documentedDoors, { ...door, [src]: '/** For x. */\nexport function f() {}' })).toBe(0);
  expect(found(documentedDoors, { [index]: 'export const x = 1;' })).toBe(1);
  expect(found(documentedDoors, { [index]: "export * from './sample.js';", [src]: '' })).toBe(1);
  expect(found(documentedDoors, {
    [index]: "export { type A as B } from './mid.js';",
    'packages/core/src/mid.ts': "export { type Deep as A } from './sample.js';",
    [src]: '// Not a doc comment.\nexport interface Deep {}',
  })).toBe(1);
});

test('numberedNotes', () => {
  expect(found(numberedNotes, '// TODO: later\nf(); /* FIXME */')).toBe(2);
  expect(found(numberedNotes, '// TODO(#12): later\nconst TODO = "TODO";')).toBe(0);
});

test('documentedErrors', () => {
  const text = `throw new WorkflowError('RUN_LOST', 'm');
    class E extends WorkflowError { constructor() { super('GONE', 'm'); } }`;
  expect(found(documentedErrors, text, '| `RUN_LOST` |')).toBe(1);
  expect(found(documentedErrors, text, '| `RUN_LOST` | `GONE` |')).toBe(0);
  expect(found(documentedErrors, text)).toBe(0);
});

test('boundValues sees a value that becomes text of a statement', () => {
  const inSql = (text: string): number => found(boundValues, { 'packages/sql/src/postgres/a.ts': text });
  expect(inSql('const a = `select 1 from ${s}.runs where id = ${run.id}`;')).toBe(1);
  expect(inSql("const a = `\n update ${s}.runs set a = '${values[0]}'`;")).toBe(1);
  expect(inSql('const a = `select ${yes ? run.id : s}`;')).toBe(1);
  expect(inSql("const a = `select 1 from ${s}.runs ${micros('x')} where id = $1`;")).toBe(0);
  expect(inSql('const a = `Select another id than ${id}`.length;')).toBe(0);
  expect(inSql('session.rows(`delete from ${s}.runs`);')).toBe(1);
  expect(inSql('session.script(`listen ${quoteIdentifier(name)}`);')).toBe(0);
  expect(inSql('client.query({ text: `vacuum ${table}` });')).toBe(1);
  expect(inSql('client.query(text, [`${a}-${b}`.length]);')).toBe(2);
  expect(found(boundValues, 'const a = `insert into t values (${x})`;')).toBe(1);
  expect(found(boundValues, 'const a = `insert into t values (1)`;')).toBe(0);
  expect(found(boundValues, { 'packages/sql/test/a.test.ts': 'c.query(`select ${x.y}`)' })).toBe(0);
});
