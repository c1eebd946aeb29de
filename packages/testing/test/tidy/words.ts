// One word per thing: these are other people's words for our things.
import ts from 'typescript-api';
import { at, stem, walk, type Rule } from './source.js';

const banned = new Set(['task', 'job', 'activity', 'execution', 'checkpoint', 'hydrate', 'terminal',
  'dequeue', 'canceled', 'succeeded', 'queued', 'backend', 'janitor']);

/** The banned word in a name, whole words inside camelCase, snake_case and kebab-case, plurals included. */
function bannedWord(name: string): string | undefined {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2');
  return words.toLowerCase().split(/[^a-z]+/).find((word) => (
    banned.has(word) || banned.has(word.replace(/ies$/, 'y')) || banned.has(word.replace(/s$/, ''))));
}

/** The name that a node gives to something; what others named and we only import or read is theirs. */
function givenName(node: ts.Node): ts.Node | undefined {
  if (ts.isImportSpecifier(node)) return node.propertyName === undefined ? undefined : node.name;
  if (ts.isExportSpecifier(node)) return node.name;
  const isDeclaration = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)
    || ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isInterfaceDeclaration(node)
    || ts.isTypeAliasDeclaration(node) || ts.isEnumDeclaration(node) || ts.isEnumMember(node)
    || ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || ts.isPropertyAssignment(node)
    || ts.isShorthandPropertyAssignment(node) || ts.isTypeParameterDeclaration(node)
    || ts.isModuleDeclaration(node) || ts.isNamespaceImport(node) || ts.isImportClause(node);
  return isDeclaration ? node.name : undefined;
}

/** No identifier, and no file, carries a banned word. */
export const noBannedWords: Rule = ({ sources }) => sources.flatMap((source) => {
  const inPath = bannedWord(stem(source));
  const wrong = inPath === undefined ? [] : [`${source.path}: a file named "${inPath}"`];
  walk(source.tree, (node) => {
    const name = givenName(node);
    if (name === undefined || !(ts.isIdentifier(name) || ts.isPrivateIdentifier(name))) return;
    const word = bannedWord(name.getText());
    if (word !== undefined) wrong.push(`${at(source, node)}: "${name.getText()}" says "${word}"`);
  });
  return wrong;
});

/** Files are named in kebab-case after the one thing they export. */
export const fileNames: Rule = ({ sources }) => sources.flatMap((source) => {
  const name = stem(source);
  const saysNothing = /^(util|helper|type)s?$|^common$/.test(name);
  if (saysNothing) return [`${source.path}: a file named "${name}" says nothing`];
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : [`${source.path}: not in kebab-case`];
});
