// Clock, timers, chance and the loop come through one door.
import ts from 'typescript-api';
import { at, importsOf, walk, type Rule } from './source.js';

const door = 'packages/core/src/env.ts';

const members: Readonly<Record<string, string>> = {
  'Date.now': 'env.wallTime()',
  'Math.random': 'env.random()',
  'performance.now': 'env.monotonic()',
  'process.hrtime': 'env.monotonic()',
  'process.nextTick': 'env.afterDrain()',
  'AbortSignal.timeout': 'env.after() and an AbortController',
};

// Banned under any spelling: bare, behind globalThis, or as a member of an imported module.
const names: Readonly<Record<string, string>> = {
  setTimeout: 'env.after() or env.sleep()',
  setInterval: 'env.after()',
  setImmediate: 'env.nextTurn()',
  queueMicrotask: 'env.afterDrain()',
  randomBytes: 'env.newToken()',
  randomUUID: 'env.newUuid()',
  randomInt: 'env.random()',
  randomFill: 'env.newToken()',
  randomFillSync: 'env.newToken()',
  getRandomValues: 'env.newToken()',
};

const modules = ['timers', 'timers/promises', 'perf_hooks'].flatMap((name) => [name, `node:${name}`]);

function instead(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replace(/^(globalThis|global)\./, '').replaceAll('?.', '.');
    return Object.hasOwn(members, text) ? members[text] : undefined;
  }
  if (ts.isIdentifier(node)) {
    return isUse(node) && Object.hasOwn(names, node.text) ? names[node.text] : undefined;
  }
  if (!(ts.isNewExpression(node) || ts.isCallExpression(node))) return undefined;
  if (node.expression.getText() !== 'Date') return undefined;
  // Date() without `new` ignores what it is given and tells the time.
  const tellsTime = ts.isCallExpression(node) || (node.arguments ?? []).length === 0;
  return tellsTime ? 'env.wallTime()' : undefined;
}

/** A name that is used, and not one that our own code gives to a member or a parameter of its own. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  const isOwnName = ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)
    || ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)
    || ts.isParameter(parent);
  return !(isOwnName && parent.name === node);
}

/**
 * Nothing but env.ts touches clock, timers, chance or the loop. Tests and the code shown to users are free.
 */
export const noBannedGlobals: Rule = ({ sources }) => sources.flatMap((source) => {
  if (source.path === door || source.kind === 'test' || source.kind === 'example') return [];
  const wrong = importsOf(source).flatMap(({ specifier, node }) => (
    modules.includes(specifier) ? [`${at(source, node)}: '${specifier}': use env`] : []));
  walk(source.tree, (node) => {
    const better = instead(node);
    if (better !== undefined) wrong.push(`${at(source, node)}: ${node.getText()}: use ${better}`);
  });
  return wrong;
});
