// What the house rules look at: the repository's own code, parsed once.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-api';

/**
 * Where a file stands decides what it may do: `src` is what we ship, `program` runs but is not shipped
 * (bench, chaos), `example` shows a user's code, `test` tests.
 */
export type Kind = 'src' | 'program' | 'example' | 'test';

/** One file of code. */
export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly kind: Kind;
  /** `core` for packages/core; undefined outside packages. */
  readonly pkg: string | undefined;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Everything a rule may look at. */
export interface House {
  readonly sources: readonly Source[];
  /** Text of docs/errors.md, once there is one. */
  readonly errorPage?: string | undefined;
}

/** A rule of the house: says what is wrong, one line each. */
export type Rule = (house: House) => string[];

function kindOf(path: string): Kind {
  if (path.startsWith('examples/')) return 'example';
  if (/^packages\/[^/]+\/src\//.test(path)) return 'src';
  if (/^packages\/[^/]+\/test\//.test(path) || /\.(test|test-d)\.ts$/.test(path)) return 'test';
  return 'program';
}

/** Parses one file; tests of the rules make their bad samples with it. */
export function parse(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  return { path, kind: kindOf(path), pkg: /^packages\/([^/]+)\//.exec(path)?.[1], text, tree };
}

/** `file.ts:12`, for a message. */
export function at(source: Source, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return `${source.path}:${line + 1}`;
}

/** Calls `visit` for every node below `node`, itself included, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The root of the repository. */
export const repository: string = fileURLToPath(new URL('../../../..', import.meta.url));

const skipped = /^(node_modules|dist|dist-.*|\..*)$/;

function* codeFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !skipped.test(entry.name)) yield* codeFiles(path);
    if (entry.isFile() && /\.(ts|mts|mjs|js)$/.test(entry.name)) yield path;
  }
}

/** Reads the repository as it lies on disk. */
export function readHouse(): House {
  const sources = [...codeFiles(repository)].map((file) => {
    const path = relative(repository, file).replaceAll('\\', '/');
    return parse(path, readFileSync(file, 'utf8'));
  });
  const page = join(repository, 'docs', 'errors.md');
  return { sources, errorPage: existsSync(page) ? readFileSync(page, 'utf8') : undefined };
}

/** What a module asks for, by every form of import, types included. */
export function importsOf(source: Source): { specifier: string; node: ts.Node }[] {
  const found: { specifier: string; node: ts.Node }[] = [];
  walk(source.tree, (node) => {
    const target = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) ? node.argument.literal
      : ts.isExternalModuleReference(node) ? node.expression
      : ts.isCallExpression(node) && isImportCall(node) ? node.arguments[0]
      : undefined;
    if (target !== undefined && ts.isStringLiteralLike(target)) found.push({ specifier: target.text, node });
  });
  return found;
}

function isImportCall(node: ts.CallExpression): boolean {
  const called = node.expression;
  if (called.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isIdentifier(called) && called.text === 'require';
}

/** The path that a relative import names, `.js` read as the `.ts` it is made from; undefined for packages. */
export function resolveRelative(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return join(dirname(source.path), specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts');
}

/** The file's name without its extensions: `turn` for `turn.test.ts`. */
export function stem(source: Source): string {
  return basename(source.path).split('.')[0] ?? '';
}
