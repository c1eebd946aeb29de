// Every test that docs/guarantees.md names exists, under that name: `package/test/file.test.ts, "title",
// "another title"`, and `store case "title"`. What is written there without a test says "no test yet".
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from './tidy/source.js';

const packages = join(repository, 'packages');
const casesIn = join(packages, 'core/src/store-cases');

/** Whether a text has this title as a whole, in whatever quotes. */
function hasTitle(text: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => text.includes(quote + title + quote));
}

/** What a page names and nobody has. `read` gives the text of a file of packages/, or undefined. */
function missing(page: string, read: (path: string) => string | undefined, cases: string): readonly string[] {
  const files = [...page.matchAll(/((?:[\w-]+\/)+[\w-]+\.test\.ts)((?:,\s"[^"]+")*)/g)];
  const wrong = files.flatMap(([, path = '', titles = '']) => {
    const text = read(path);
    if (text === undefined) return [`there is no ${path}`];
    const named = [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title);
    return named.filter((title) => !hasTitle(text, title)).map((title) => `${path} has no "${title}"`);
  });
  const promised = [...page.matchAll(/store cases? ((?:"[^"]+"(?:,\s)?)+)/g)]
    .flatMap(([, titles = '']) => [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title));
  const unkept = promised.filter((title) => !hasTitle(cases, title));
  return [...wrong, ...unkept.map((title) => `there is no case "${title}"`)];
}

const storeCases = readdirSync(casesIn).map((name) => readFileSync(join(casesIn, name), 'utf8')).join('\n');
const page = readFileSync(join(repository, 'docs/guarantees.md'), 'utf8');

test('every test that the page of guarantees names exists', () => {
  const read = (path: string): string | undefined => {
    const full = join(packages, path);
    return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
  };
  expect(missing(page, read, storeCases)).toEqual([]);
});

test('the page names many tests', () => {
  expect([...page.matchAll(/\.test\.ts/g)].length).toBeGreaterThan(60);
});

test('a name that nobody has is noticed', () => {
  const text = "test('it holds', …); test(`${count} hold`, …)";
  const read = (path: string): string | undefined => (path === 'a/test/b.test.ts' ? text : undefined);
  expect(missing('| a/test/b.test.ts, "it holds", "${count} hold" |', read, '')).toEqual([]);
  expect(missing('| a/test/b.test.ts, "it holds", "it does" |', read, '')).toHaveLength(1);
  expect(missing('| a/test/b.test.ts, "hold" |', read, '')).toHaveLength(1);
  expect(missing('| a/test/behaviour/c.test.ts |', read, '')).toHaveLength(1);
  expect(missing('store case "a: b"; store cases "c: d", "e: f"', read, "'a: b' 'c: d'")).toHaveLength(1);
});
