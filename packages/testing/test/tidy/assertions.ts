// What switches the type checker off.
import ts from 'typescript-api';
import { at, walk, type Rule, type Source } from './source.js';

/** `// tidy: any` and the reason, in the comments that open a file. */
function anyReason(source: Source): string | undefined {
  const head = source.text.slice(0, source.tree.statements[0]?.getStart(source.tree) ?? 0);
  return /^\/\/ tidy: any\b[\s:,.–-]*(.*)$/m.exec(head)?.[1];
}

/** No `any`, but in the one file of public structural types that is marked `// tidy: any` with the reason. */
export const noAny: Rule = ({ sources }) => {
  const shipped = sources.filter((source) => source.kind !== 'test');
  const marked = shipped.filter((source) => anyReason(source) !== undefined);
  const wrong = marked.slice(1).map((source) => `${source.path}: only one file may be marked "tidy: any"`);
  for (const source of marked) {
    if ((anyReason(source) ?? '').length < 10) wrong.push(`${source.path}: "tidy: any" without its reason`);
  }
  for (const source of shipped.filter((each) => !marked.includes(each))) {
    walk(source.tree, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) wrong.push(`${at(source, node)}: any`);
    });
  }
  return wrong;
};

/**
 * No `!` that tells the checker what it cannot see: neither after an expression nor after a declared name.
 */
export const noBang: Rule = ({ sources }) => sources.flatMap((source) => {
  const wrong: string[] = [];
  if (source.kind === 'test') return wrong;
  walk(source.tree, (node) => {
    const declared = (ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node))
      && node.exclamationToken !== undefined;
    if (declared || ts.isNonNullExpression(node)) wrong.push(`${at(source, node)}: a "!" assertion`);
  });
  return wrong;
});
