// Compares a value with what was read back from its text: the last guard against silent loss. Shares no
// code with the writers and readers that it checks, beyond the names of classes, the list of an error's
// members, and what an application registered.
import { builtinOf } from './builtin.js';
import { errorClassOf, errorMembers } from './error-value.js';
import { bytesOf } from './leaf.js';
import { entryStep, memberStep, placeStep, Refusal } from './refusal.js';
import { storableOf, type Storable } from './storable.js';

// Which object of the copy stands for which object of the original, and the reverse: what is shared must stay
// shared, and what is not must not become so.
interface Pairs {
  readonly copies: Map<object, object>;
  readonly originals: Map<object, object>;
  /** Among the data of an instance: a Date or the like that is shared may come back as several. */
  readonly lenient: boolean;
}

/**
 * Where `copy` differs from `original`: in a value (also -0, NaN), a class, an order, or in what is shared.
 */
export function difference(original: unknown, copy: unknown): Refusal | undefined {
  return compare(original, copy, { copies: new Map(), originals: new Map(), lenient: false });
}

function compare(original: unknown, copy: unknown, pairs: Pairs): Refusal | undefined {
  if (typeof original !== 'object' || original === null || typeof copy !== 'object' || copy === null) {
    return Object.is(original, copy) ? undefined : unlike();
  }
  const storable = storableOf(original);
  const name = storable === undefined ? builtinOf(original) : undefined;
  if (pairs.lenient && name !== undefined && !composed.has(name)) {
    return builtinOf(copy) === name && sameLeaf(name, original, copy) ? undefined : unlike();
  }
  const known = pairs.copies.get(original);
  if (known !== undefined || pairs.originals.has(copy)) return known === copy ? undefined : unlike();
  pairs.copies.set(original, copy);
  pairs.originals.set(copy, original);
  if (storable !== undefined) return compareInstances(storable, [original, copy], pairs);
  if (builtinOf(copy) !== name) return unlike();
  return compareObjects(name ?? '', [original, copy], pairs);
}

const composed: ReadonlySet<string> = new Set(['Object', 'Bare', 'Error', 'Array', 'Set', 'Map']);

function compareInstances(
  storable: Storable, [original, copy]: [object, object], pairs: Pairs,
): Refusal | undefined {
  if (storableOf(copy) !== storable) return unlike();
  const { className, toData } = storable;
  const refusal = compare(toData(original), toData(copy), { ...pairs, lenient: true });
  if (refusal === undefined) return undefined;
  const where = refusal.path === '' ? '' : ` at '${refusal.path}'`;
  return new Refusal(`an instance of class ${className} that comes back with other data${where}`,
    'Let toData give everything that fromData needs, and the same each time it is called.');
}

function compareObjects(name: string, [one, other]: [object, object], pairs: Pairs): Refusal | undefined {
  switch (name) {
    case 'Object':
    case 'Bare':
      return compareEntries(Object.entries(one), Object.entries(other), pairs);
    case 'Error':
      return errorClassOf(one) !== errorClassOf(other) ? unlike()
        : compareEntries(sorted(errorMembers(one)), sorted(errorMembers(other)), pairs);
    case 'Array':
      return compareLists([one as unknown[], other as unknown[]], memberStep, pairs);
    case 'Set':
      return compareLists([[...one as Set<unknown>], [...other as Set<unknown>]], valueStep, pairs);
    case 'Map':
      return compareMaps(one as Map<unknown, unknown>, other as Map<unknown, unknown>, pairs);
    case '':
      // Only what a serializer of the application wrote can be of another class.
      return Object.getPrototypeOf(one) !== Object.getPrototypeOf(other) ? unlike()
        : compareEntries(Object.entries(one), Object.entries(other), pairs);
    default:
      return sameLeaf(name, one, other) ? undefined : unlike();
  }
}

type Entries = ReadonlyArray<readonly [key: string, value: unknown]>;

function compareEntries(original: Entries, copy: Entries, pairs: Pairs): Refusal | undefined {
  if (original.length !== copy.length) return unlike();
  for (const [index, [key, value]] of original.entries()) {
    const match = copy[index];
    if (match === undefined || match[0] !== key) return unlike().under(memberStep(key));
    const refusal = compare(value, match[1], pairs);
    if (refusal !== undefined) return refusal.under(memberStep(key));
  }
  return undefined;
}

function compareLists(
  [original, copy]: [readonly unknown[], readonly unknown[]], step: (index: number) => string, pairs: Pairs,
): Refusal | undefined {
  if (original.length !== copy.length) return unlike();
  for (const [index, value] of original.entries()) {
    const refusal = compare(value, copy[index], pairs);
    if (refusal !== undefined) return refusal.under(step(index));
  }
  return undefined;
}

function compareMaps(
  original: ReadonlyMap<unknown, unknown>, copy: ReadonlyMap<unknown, unknown>, pairs: Pairs,
): Refusal | undefined {
  const keys = [...original.keys()];
  return compareLists([keys, [...copy.keys()]], (index) => placeStep('keys', index), pairs)
    ?? compareLists([[...original.values()], [...copy.values()]],
      (index) => entryStep(keys[index], index), pairs);
}

function sameLeaf(name: string, original: object, copy: object): boolean {
  switch (name) {
    case 'Date':
      return Object.is((original as Date).getTime(), (copy as Date).getTime());
    case 'URL':
      return (original as URL).href === (copy as URL).href;
    case 'RegExp':
      return String(original) === String(copy)
        && (original as RegExp).lastIndex === (copy as RegExp).lastIndex;
    default:
      return bytesOf(original as ArrayBufferView).equals(bytesOf(copy as ArrayBufferView));
  }
}

// The order in which the members of an error were set says nothing: the runtime sets some of them.
function sorted(entries: Entries): Entries {
  return entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function valueStep(index: number): string {
  return placeStep('values', index);
}

/** The refusal of a value, or of a part of one, that does not come back as it was. */
export function unlike(): Refusal {
  return new Refusal('not the same after it was written and read back',
    'This is a bug of perdure: please report it with the value. Until then, return a simpler form of it.');
}
