// A table of docs/libraries.md, which is what the matrix found: it stands between two comments of the page.
// PERDURE_WRITE_TABLES=1 writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'vitest';
import { repository } from '../../../testing/test/tidy/source.js';

const page = join(repository, 'docs/libraries.md');

/** Cells by row and column, as tests find them. */
export class ResultTable {
  readonly #name: string;
  readonly #columns: readonly string[];
  readonly #rows = new Map<string, Map<string, string>>();

  constructor(name: string, columns: readonly string[], rows: readonly string[]) {
    this.#name = name;
    this.#columns = columns;
    for (const row of rows) this.#rows.set(row, new Map());
  }

  set(row: string, column: string, cell: string): void {
    if (!this.#columns.includes(column)) throw new Error(`The table has no column ${column}.`);
    this.#rows.get(row)!.set(column, cell);
  }

  get text(): string {
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    const rows = [...this.#rows].map(([row, cells]) => (
      line([row, ...this.#columns.map((column) => cells.get(column) ?? '?')])));
    return [line(['library', ...this.#columns]), line(['---', ...this.#columns.map(() => '---')]), ...rows]
      .join('\n');
  }

  /** Compares the table with the page, or writes it there. A test that did not run has left a gap. */
  settle(): void {
    if (this.text.includes('?')) return;
    const text = readFileSync(page, 'utf8');
    const [head, rest] = text.split(`<!-- table: ${this.#name} -->\n`) as [string, string];
    const [written = '', ...tail] = rest.split('\n<!-- end of table -->');
    if (process.env['PERDURE_WRITE_TABLES'] === '1') {
      const after = ['', ...tail].join('\n<!-- end of table -->');
      writeFileSync(page, `${head}<!-- table: ${this.#name} -->\n${this.text}${after}`);
    } else {
      expect(written).toBe(this.text);
    }
  }
}

/** The version of a package that is installed, by its own word. */
export function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  const folders = require.resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const said = readFileSync(join(folder, name, 'package.json'), 'utf8');
      return (JSON.parse(said) as { version: string }).version;
    } catch {
      // It is in one of the next folders.
    }
  }
  throw new Error(`${name} is not installed.`);
}
