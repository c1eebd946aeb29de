// The public doors: lists that a person wrote, of things that say when to use them.
import ts from 'typescript-api';
import { resolveRelative, type House, type Rule, type Source } from './source.js';

function isDoor(source: Source): boolean {
  const { path } = source;
  return /^packages\/[^/]+\/src\/index\.ts$/.test(path) || path === 'packages/core/src/engine.ts';
}

function hasExport(node: ts.Node): boolean {
  return ts.canHaveModifiers(node)
    && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
}

/** The statements of a file that declare `name`. */
function declarations(source: Source, name: string): ts.Statement[] {
  return source.tree.statements.filter((statement) => {
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.some((each) => each.name.getText() === name);
    }
    return 'name' in statement && (statement.name as ts.Node | undefined)?.getText() === name;
  });
}

interface Exported {
  readonly name: string;
  /** The file it comes from; undefined when another package of ours has it, whose own door is looked at. */
  readonly from: string | undefined;
  readonly original: string;
}

function namedExports(source: Source, statement: ts.ExportDeclaration): Exported[] {
  const { exportClause: clause, moduleSpecifier } = statement;
  if (clause === undefined || !ts.isNamedExports(clause)) return [];
  const from = moduleSpecifier === undefined ? source.path
    : resolveRelative(source, (moduleSpecifier as ts.StringLiteral).text);
  return clause.elements.map((element) => (
    { name: element.name.text, from, original: (element.propertyName ?? element.name).text }));
}

function exportsOf(source: Source): Exported[] {
  return source.tree.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) return namedExports(source, statement);
    if (!hasExport(statement)) return [];
    const names = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map((each) => each.name.getText())
      : 'name' in statement ? [(statement.name as ts.Node).getText()] : [];
    return names.map((name) => ({ name, from: source.path, original: name }));
  });
}

/** Every name that a public door exports. */
export function doorNames({ sources }: House): Set<string> {
  return new Set(sources.filter(isDoor).flatMap((source) => exportsOf(source).map(({ name }) => name)));
}

interface Declared {
  readonly source: Source;
  readonly found: ts.Statement[];
}

/** The file that declares what `from` exports or imports as `name`, through any number of re-exports. */
function find(house: House, from: string, name: string): Declared | undefined {
  const source = house.sources.find((each) => each.path === from);
  if (source === undefined) return undefined;
  const found = declarations(source, name);
  if (found.length > 0) return { source, found };
  const next = exportsOf(source).find((each) => each.name === name);
  return next?.from === undefined || next.from === from ? undefined : find(house, next.from, next.original);
}

function hasDoc(statements: readonly ts.Statement[]): boolean {
  return statements.some((statement) => ts.getJSDocCommentsAndTags(statement).some(ts.isJSDoc));
}

function undocumented(house: House, door: Source): string[] {
  return exportsOf(door).flatMap(({ name, from, original }) => {
    const place = from === undefined ? undefined : find(house, from, original);
    if (place === undefined || hasDoc(place.found)) return [];
    return [`${place.source.path}: ${original}, exported by ${door.path} as ${name}, has no doc comment`];
  });
}

/** Every export of a public door has a doc comment, and is named there: no `export *` of our own files. */
export const documentedDoors: Rule = (house) => house.sources.filter(isDoor).flatMap((door) => {
  const stars = door.tree.statements.filter((statement) => (
    ts.isExportDeclaration(statement) && statement.exportClause === undefined
    && resolveRelative(door, (statement.moduleSpecifier as ts.StringLiteral).text) !== undefined));
  const unnamed = stars.map((star) => `${door.path}: ${star.getText()}: name what leaves`);
  return [...unnamed, ...undocumented(house, door)];
});
