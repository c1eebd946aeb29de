// Who may import whom.
import { at, importsOf, resolveRelative, type House, type Rule, type Source } from './source.js';

interface Arrows {
  /** Packages of ours. */
  readonly own: readonly string[];
  /** Packages of others. */
  readonly others: readonly string[];
}

const arrows: Readonly<Record<string, Arrows>> = {
  core: { own: [], others: ['superjson', 'ulid', '@standard-schema/spec'] },
  sql: { own: ['core'], others: ['kysely', 'pg'] },
  client: { own: ['core'], others: [] },
  worker: { own: ['core'], others: [] },
  testing: { own: ['core', 'client', 'worker'], others: [] },
  perdure: { own: ['core', 'sql', 'client', 'worker'], others: [] },
};

/** Doors beside the main one; everything else inside a package is closed to its siblings. */
const sideDoors = ['@perdure/core/engine'];

function complaint(source: Source, specifier: string): string | undefined {
  const { own, others } = arrows[source.pkg ?? ''] ?? { own: [], others: [] };
  if (specifier.startsWith('node:')) return undefined;
  const inside = resolveRelative(source, specifier);
  if (inside !== undefined) {
    if (!specifier.endsWith('.js')) return 'a relative import ends in .js';
    const stays = inside.startsWith(`packages/${source.pkg}/src/`);
    return stays ? undefined : 'leaves its package by a relative path';
  }
  const [, sibling, door] = /^@perdure\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (sibling === undefined) {
    const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
    return others.includes(name) ? undefined : `is not for packages/${source.pkg}`;
  }
  if (!own.includes(sibling)) return `packages/${source.pkg} may not know packages/${sibling}`;
  return door === undefined || sideDoors.includes(specifier) ? undefined : 'is not a door of its package';
}

/** The arrows of the architecture, types included: `pg` and `kysely` are known to packages/sql alone. */
export const importArrows: Rule = ({ sources }) => sources.flatMap((source) => {
  if (source.kind !== 'src') return [];
  return importsOf(source).flatMap(({ specifier, node }) => {
    const wrong = complaint(source, specifier);
    return wrong === undefined ? [] : [`${at(source, node)}: '${specifier}' ${wrong}`];
  });
});

function graphOf({ sources }: House): Map<string, string[]> {
  const known = new Set(sources.map((source) => source.path));
  return new Map(sources.map((source) => {
    const targets = importsOf(source).map(({ specifier }) => resolveRelative(source, specifier));
    return [source.path, targets.filter((target) => target !== undefined && known.has(target)) as string[]];
  }));
}

/** No import cycle between files, types included. */
export const noCycles: Rule = (house) => {
  const graph = graphOf(house);
  const wrong: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const from = trail.indexOf(path);
    if (from !== -1) wrong.push(`import cycle: ${[...trail.slice(from), path].join(' -> ')}`);
    if (from !== -1 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return wrong;
};
