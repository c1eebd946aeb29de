// How long things may be.
import ts from 'typescript-api';
import { doorNames } from './doors.js';
import { at, walk, type Rule, type Source } from './source.js';

const limits = { fileLines: 500, functionLines: 70, columns: 110, parameters: 3, publicParameters: 4 };

/** A file has at most 500 lines, a line at most 110 columns (generated files are free). */
export const fileSizes: Rule = ({ sources }) => sources.flatMap((source) => {
  if (/\.generated\.\w+$/.test(source.path)) return [];
  const lines = source.text.replace(/\n$/, '').split('\n');
  const wrong = lines.length > limits.fileLines
    ? [`${source.path}: ${lines.length} lines, at most ${limits.fileLines}`] : [];
  lines.forEach((line, index) => {
    const columns = Array.from(line).length;
    if (columns <= limits.columns) return;
    wrong.push(`${source.path}:${index + 1}: ${columns} columns, at most ${limits.columns}`);
  });
  return wrong;
});

function lineCount(source: Source, node: ts.Node): number {
  const line = (position: number): number => source.tree.getLineAndCharacterOfPosition(position).line;
  return line(node.end) - line(node.getStart(source.tree)) + 1;
}

/** The function given to `describe` is a chapter of tests and not a function in the sense of the rule. */
function isChapter(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

/** A function has at most 70 lines. */
export const functionSizes: Rule = ({ sources }) => sources.flatMap((source) => {
  const wrong: string[] = [];
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isChapter(node)) return;
    const lines = lineCount(source, node);
    if (lines <= limits.functionLines) return;
    wrong.push(`${at(source, node)}: a function of ${lines} lines, at most ${limits.functionLines}`);
  });
  return wrong;
});

function isPublic(node: ts.SignatureDeclaration, names: ReadonlySet<string>): boolean {
  for (let up: ts.Node = node; !ts.isSourceFile(up); up = up.parent) {
    const name = 'name' in up ? (up.name as ts.Node | undefined) : undefined;
    if (name !== undefined && ts.isIdentifier(name) && names.has(name.text)) return true;
    if (!ts.isClassLike(up)) continue;
    const bases = (up.heritageClauses ?? []).flatMap((clause) => clause.types);
    if (bases.some((base) => names.has(base.expression.getText()))) return true;
  }
  return false;
}

/** At most 3 parameters; 4 for a function, or a method of a type, that a public door exports. */
export const parameterCounts: Rule = (house) => {
  const names = doorNames(house);
  return house.sources.flatMap((source) => {
    const wrong: string[] = [];
    walk(source.tree, (node) => {
      if (!ts.isFunctionLike(node) || ts.isIndexSignatureDeclaration(node)) return;
      const count = node.parameters.filter((parameter) => parameter.name.getText() !== 'this').length;
      if (count <= limits.parameters) return;
      if (count <= limits.publicParameters && isPublic(node, names)) return;
      wrong.push(`${at(source, node)}: ${count} parameters, at most ${limits.parameters}`);
    });
    return wrong;
  });
};
