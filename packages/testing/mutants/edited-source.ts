// A file of the engine with a mistake in it, compiled for Node.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-api';
import type { Mutant } from './mutant.js';

/** From where this is compiled to. */
const packages = new URL('../../', import.meta.url);

/** The text of a mutant's file with the mistake in it. Throws where the mutant is stale (U1). */
export function editedText({ name, file, find, replace }: Mutant): string {
  const text = readFileSync(fileURLToPath(new URL(file, packages)), 'utf8');
  const pieces = text.split(find);
  const [before, after] = pieces;
  if (pieces.length !== 2 || before === undefined || after === undefined) {
    throw new Error(`Mutant '${name}' is stale: its text stands ${pieces.length - 1} times in ` +
      `packages/${file}, and is to stand there once. Look at what has become of it, and say it anew.`);
  }
  return before + replace + after;
}

/** What Node loads in place of a mutant's file. */
export function loadedFor(mutant: Mutant): { readonly url: string; readonly source: string } {
  const { outputText } = ts.transpileModule(editedText(mutant), {
    fileName: mutant.file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true,
    },
  });
  const built = mutant.file.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
  return { url: new URL(built, packages).href, source: outputText };
}
