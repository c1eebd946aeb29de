// Hooks of Node's module loader, which give the files of the examples stand-ins for packages of the engine.
import type { ResolveHook } from 'node:module';

const standIns: ReadonlyMap<string, string> = new Map([
  ['perdure', new URL('./perdure-stand-in.js', import.meta.url).href],
  ['@perdure/testing', new URL('./testing-stand-in.js', import.meta.url).href],
]);

/** Node calls it for every import. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  if (context.parentURL?.includes('/examples/dist/') !== true) return next(specifier, context);
  const url = standIns.get(specifier);
  if (url !== undefined) return { url, shortCircuit: true };
  // One that slips past would run in the normal mode.
  if (specifier.startsWith('@perdure/') && specifier !== '@perdure/core') {
    throw new Error(`An example imports ${specifier}, for which there is no stand-in.`);
  }
  return next(specifier, context);
};
