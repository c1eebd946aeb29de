// Values never become text of a statement.
//
//   T1. What a statement is made of by interpolation is made in packages/sql, and nowhere else that we ship.
//   T2. There it is names and pieces of text that stand in variables or are made by functions: a member of
//       some object may be a value.
//   T3. Where text is sent it is a constant or has been made before, but for what `sent` names.
import ts from 'typescript-api';
import { at, walk, type Rule, type Source } from './source.js';

/** How a text begins, or one of its lines, that a database is to read. */
const sql = new RegExp(String.raw`^\s*(?:select\s|insert into\s|update\s+\S+\s+(?:\w+\s+)?set\s|` +
  String.raw`delete from\s|with \w+ as\s|alter (?:table|role|schema)\s|truncate\s|listen\s|notify\s|` +
  String.raw`create (?:or replace |temp\w* )?(?:table|index|view|function|schema|role|domain)\s|` +
  String.raw`drop (?:table|index|view|schema|role)\s|begin isolation|set local\s|grant\s|revoke\s)`, 'im');

/** Members that are no values: the quoted name of the schema, and words of the engine's own. */
const constants: ReadonlySet<string> = new Set(['text.s', 'kinds[does]']);

/** Calls that send text, and what they may be given as interpolated text. */
const senders: ReadonlySet<string> = new Set([
  'query', 'rows', 'script', 'raw', 'execute', 'executeQuery', '$queryRawUnsafe', '$executeRawUnsafe',
  'unsafe',
]);
const sent: Readonly<Record<string, readonly string[]>> = {
  'packages/sql/src/migrate.ts': ['begin', 's', 'number', 'versionKey', 'partsKey', 'partCount', 'patience'],
  'packages/sql/src/libraries/pg.ts': ['isolationLevel'],
};
/** Functions that make text which is safe to send. */
const makers: ReadonlySet<string> = new Set([
  'quoteIdentifier', 'quoteLiteral', 'schemaSql', 'metaSql', 'sql',
]);

function isSql(template: ts.TemplateExpression): boolean {
  const { head, templateSpans } = template;
  return sql.test([head.text, ...templateSpans.map(({ literal }) => literal.text)].join('?'));
}

// What the text of a condition is: either of its ends.
function endsOf(expression: ts.Expression): readonly ts.Expression[] {
  if (ts.isConditionalExpression(expression)) {
    return [...endsOf(expression.whenTrue), ...endsOf(expression.whenFalse)];
  }
  return ts.isParenthesizedExpression(expression) ? endsOf(expression.expression) : [expression];
}

function membersIn(template: ts.TemplateExpression): ts.Expression[] {
  return template.templateSpans.flatMap(({ expression }) => endsOf(expression)).filter((each) => (
    (ts.isElementAccessExpression(each) || ts.isPropertyAccessExpression(each))
    && !constants.has(each.getText())));
}

function isSafeToSend(expression: ts.Expression, source: Source): boolean {
  if (ts.isStringLiteralLike(expression)) return true;
  if (ts.isIdentifier(expression)) return sent[source.path]?.includes(expression.text) === true;
  return ts.isCallExpression(expression) && makers.has(expression.expression.getText());
}

function sentBy(node: ts.CallExpression): readonly ts.TemplateExpression[] {
  const { expression } = node;
  if (!ts.isPropertyAccessExpression(expression) || !senders.has(expression.name.text)) return [];
  const found: ts.TemplateExpression[] = [];
  for (const argument of node.arguments) {
    if (ts.isFunctionLike(argument)) continue;
    walk(argument, (each) => {
      if (ts.isTemplateExpression(each)) found.push(each);
    });
  }
  return found;
}

/** No value is interpolated into SQL in what we ship. */
export const boundValues: Rule = ({ sources }) => sources.flatMap((source) => {
  const wrong: string[] = [];
  if (source.kind !== 'src') return wrong;
  walk(source.tree, (node) => {
    if (ts.isTemplateExpression(node) && isSql(node)) {
      if (source.pkg !== 'sql') wrong.push(`${at(source, node)}: SQL is made in packages/sql`);
      const members = membersIn(node).map((each) => `${at(source, each)}: bind ${each.getText()}`);
      wrong.push(...members);
    }
    if (!ts.isCallExpression(node)) return;
    for (const template of sentBy(node)) {
      for (const each of template.templateSpans.flatMap(({ expression }) => endsOf(expression))) {
        if (isSafeToSend(each, source)) continue;
        wrong.push(`${at(source, each)}: ${each.getText()} is sent as text; bind it as a parameter`);
      }
    }
  });
  return wrong;
});
