// What a text promises and another must keep: notes to do later, and the page of error codes.
import ts from 'typescript-api';
import { at, walk, type Rule, type Source } from './source.js';

function commentsOf(source: Source): { text: string; line: number }[] {
  const found = new Map<number, string>();
  const collect = (ranges: readonly ts.CommentRange[] | undefined): void => {
    for (const { pos, end } of ranges ?? []) found.set(pos, source.text.slice(pos, end));
  };
  walk(source.tree, (node) => {
    collect(ts.getLeadingCommentRanges(source.text, node.getFullStart()));
    collect(ts.getTrailingCommentRanges(source.text, node.end));
  });
  const lineOf = (pos: number): number => source.tree.getLineAndCharacterOfPosition(pos).line + 1;
  return [...found].map(([pos, text]) => ({ text, line: lineOf(pos) }));
}

/** A note to do something later names the issue that will. */
export const numberedNotes: Rule = ({ sources }) => sources.flatMap((source) => (
  commentsOf(source).flatMap(({ text, line }) => {
    const notes = text.match(/\b(TODO|FIXME|XXX|HACK)\b(?![^\n]*#\d)/g) ?? [];
    return notes.map((note) => `${source.path}:${line}: ${note} without an issue number`);
  })));

function isErrorCall(node: ts.Node): node is ts.NewExpression | ts.CallExpression {
  if (ts.isNewExpression(node)) return node.expression.getText().endsWith('Error');
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword;
}

/** Every error code in the source stands in docs/errors.md, in backticks, once that page exists. */
export const documentedErrors: Rule = ({ sources, errorPage }) => sources.flatMap((source) => {
  const wrong: string[] = [];
  if (source.kind !== 'src' || errorPage === undefined) return wrong;
  walk(source.tree, (node) => {
    const code = isErrorCall(node) ? node.arguments?.[0] : undefined;
    if (code === undefined || !ts.isStringLiteralLike(code)) return;
    if (!/^[A-Z][A-Z0-9_]{2,}$/.test(code.text) || errorPage.includes(`\`${code.text}\``)) return;
    wrong.push(`${at(source, node)}: ${code.text} is not in docs/errors.md`);
  });
  return wrong;
});
