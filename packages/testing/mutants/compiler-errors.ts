// Whether a mutant compiles: what a compiler finds needs no test (U2).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-api';
import { editedText } from './edited-source.js';
import type { Mutant } from './mutant.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What is wrong with the texts of mutants, one line each: stale (U1), or not taken by the compiler (U2). */
export function compilerErrors(mutants: readonly Mutant[]): readonly string[] {
  const config = ts.readConfigFile(`${root}tsconfig.json`, (path) => readFileSync(path, 'utf8'));
  const options = ts.convertCompilerOptionsFromJson(config.config.compilerOptions, root).options;
  const changed = new Map<string, { version: number; text: string }>();
  const pathOf = ({ file }: Mutant): string => `${root}packages/${file}`;
  const service = ts.createLanguageService({
    getCompilationSettings: () => ({ ...options, noEmit: true, incremental: false }),
    getScriptFileNames: () => [...new Set(mutants.map(pathOf))],
    getScriptVersion: (path) => String(changed.get(path)?.version ?? 0),
    getScriptSnapshot: (path) => {
      const text = changed.get(path)?.text ?? ts.sys.readFile(path);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
    fileExists: (path) => ts.sys.fileExists(path),
    readFile: (path) => ts.sys.readFile(path),
    directoryExists: (path) => ts.sys.directoryExists(path),
    getDirectories: (path) => ts.sys.getDirectories(path),
    realpath: (path) => ts.sys.realpath?.(path) ?? path,
  });
  let versions = 0;
  return mutants.flatMap((mutant) => {
    const path = pathOf(mutant);
    let text: string;
    try {
      text = editedText(mutant);
    } catch (error) {
      return [String(error)];
    }
    changed.clear();
    changed.set(path, { version: ++versions, text });
    const found = [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)];
    return found.slice(0, 1).map(({ messageText }) => (
      `${mutant.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`));
  });
}
