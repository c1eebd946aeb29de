// Hooks of Node's module loader in a process that is to kill a mutant. They run the suites as the compiler
// left them, without a test runner, and give one file of the engine another text.
//
//   U4. No file on disk is changed: two processes may break the engine in different ways at the same time.
import type { LoadHook, ResolveHook } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What stands in the file that PERDURE_MUTANT names. */
export interface Loaded {
  /** The file of the engine that is changed. */
  readonly url: string;
  /** What is loaded in its place. */
  readonly source: string;
}

// From where this is compiled to.
const packages = new URL('../../', import.meta.url);
const standIn = new URL('./suite-runner.js', import.meta.url).href;
const path = process.env['PERDURE_MUTANT'];
const loaded = path === undefined ? null : JSON.parse(readFileSync(path, 'utf8')) as Loaded;

const ofSuite = new RegExp(`^${packages.href}([^/]+)/test/(.*)\\.ts$`);

/** Where the compiler has put a file of a suite; null for any other file. */
function compiled(url: string): URL | null {
  const [, name, file] = ofSuite.exec(url) ?? [];
  return name === undefined ? null : new URL(`dist-test/${name}/test/${file}.js`, packages);
}

/** Node calls it for every import: suites find each other, and the runner. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const { parentURL } = context;
  if (parentURL === undefined || compiled(parentURL) === null) return next(specifier, context);
  if (specifier === 'vitest') return { url: standIn, shortCircuit: true };
  if (!specifier.startsWith('.')) return next(specifier, context);
  const url = new URL(specifier, parentURL).href;
  const source = url.replace(/\.js$/, '.ts');
  const isOfSuite = compiled(source) !== null && existsSync(fileURLToPath(source));
  if (isOfSuite) return { url: source, shortCircuit: true };
  // Vitest reads sources; here their compiled form is at hand.
  const [, name, file] = /\/packages\/([^/]+)\/src\/(.*)$/.exec(url) ?? [];
  if (name === undefined) return next(specifier, context);
  return { url: new URL(`${name}/dist/${file}`, packages).href, shortCircuit: true };
};

/** Node calls it for every module. */
export const load: LoadHook = async (url, context, next) => {
  if (loaded !== null && url === loaded.url) {
    return { format: 'module', source: loaded.source, shortCircuit: true };
  }
  const file = compiled(url);
  if (file === null) return next(url, context);
  return { format: 'module', source: readFileSync(file), shortCircuit: true };
};
