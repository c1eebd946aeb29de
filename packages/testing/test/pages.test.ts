// Every sample of a page of docs/ is code that is compiled and run: it stands, word for word, in the file
// that the page names in `<!-- samples: path -->`.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const docs = `${root}docs/`;

/** Lines without the indentation that all of them share. */
function dedented(lines: readonly string[]): string {
  const full = lines.filter((line) => line.trim() !== '');
  const margin = Math.min(...full.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(margin).trimEnd()).join('\n');
}

/** The samples of a page. */
function samplesOf(page: string): readonly string[][] {
  return [...page.matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map((found) => (found[1] ?? '').split('\n'));
}

/** Whether a sample stands somewhere in a file, at any indentation. */
function stands(sample: readonly string[], lines: readonly string[]): boolean {
  const wanted = dedented(sample);
  return lines.some((_, from) => dedented(lines.slice(from, from + sample.length)) === wanted);
}

/** The samples of a page that stand in none of the files that it names. */
function strays(page: string, read: (path: string) => string): readonly string[] {
  const named = [...page.matchAll(/<!-- samples: (\S+) -->/g)];
  const files = named.map(([, path]) => read(path ?? '').split('\n'));
  return samplesOf(page).filter((sample) => !files.some((lines) => stands(sample, lines)))
    .map((sample) => sample.join('\n'));
}

const pages = readdirSync(docs).filter((name) => name.endsWith('.md'));

test.each(pages)('every sample of docs/%s is run', (name) => {
  expect(strays(readFileSync(docs + name, 'utf8'), (path) => readFileSync(root + path, 'utf8'))).toEqual([]);
});

test('a sample that differs from its file is noticed, and so is one without a file', () => {
  const sample = '```ts\nif (a) {\n  b();\n}\n```\n';
  const page = `<!-- samples: a.ts -->\n${sample}`;
  expect(strays(page, () => 'x();\n  if (a) {\n    b();\n  }\n')).toEqual([]);
  expect(strays(page, () => 'if (a) {\n  c();\n}\n')).toHaveLength(1);
  expect(strays(page, () => 'if (a) {\nb();\n}\n')).toHaveLength(1);
  expect(strays(sample, () => '')).toHaveLength(1);
});
