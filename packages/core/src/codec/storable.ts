// The classes of an application that can be stored: each has a name that stands in the texts, and two
// functions between its instances and data.
//
//   D1. In a process a name stands for one class, and a class for one name.
//   D2. Exact instances only: what a subclass adds would be lost.
//   D3. What `fromData` makes is an instance of the class, or reading fails.
import { WorkflowError } from '../errors.js';
import { checkName } from '../names.js';
import { isCodecClass } from './builtin.js';

/** A class, by what its instances inherit: also one with a private constructor, or an abstract one. */
export interface StorableClass<Instance extends object> {
  readonly name: string;
  readonly prototype: Instance;
}

/** How instances of a class become data and instances again; see `storable`. */
export interface StorableOptions<Instance extends object, Data> {
  /**
   * Stands in every stored instance: it must stay when the class is renamed, and fit no other class. At most
   * 191 characters.
   */
  readonly name: string;
  /**
   * Everything that `fromData` needs: anything that can be stored, other storable instances included, but
   * not the instance itself. Called more than once; changes nothing.
   */
  readonly toData: (instance: Instance) => Data;
  /** A new instance. What it is given was read from the database: a constructor that checks it is welcome. */
  readonly fromData: (data: Data) => Instance;
}

/** A registered class, as the codec uses it. */
export interface Storable {
  readonly name: string;
  readonly className: string;
  readonly prototype: object;
  readonly toData: (instance: object) => unknown;
  readonly fromData: (data: unknown) => unknown;
}

const byName = new Map<string, Storable>();
const byPrototype = new Map<object, Storable>();

/**
 * Lets instances of a class be stored, in inputs, results, messages and thrown errors: call it once beside
 * the class, in a module that every process imports which writes or reads them. A value is stored only if
 * `toData` gives the same for what was read back. Throws INVALID_NAME, INVALID_CLASS for what is no class of
 * the application, and DUPLICATE_CLASS when the name or the class is taken.
 */
export function storable<Instance extends object, Data>(
  given: StorableClass<Instance>, options: StorableOptions<Instance, Data>,
): void {
  const { name, toData, fromData } = options;
  checkName(name, 'the name of a storable class');
  const prototype: unknown = typeof (given as unknown) === 'function' ? given.prototype : undefined;
  if (typeof prototype !== 'object' || prototype === null || isCodecClass(prototype)) {
    throw new WorkflowError('INVALID_CLASS', `storable() was given no class for '${name}', or one that is ` +
      'stored as it is. Give a class of your own: storable(Money, { name, toData, fromData }).');
  }
  if (typeof toData !== 'function' || typeof fromData !== 'function') {
    throw new WorkflowError('INVALID_CLASS', `storable() needs two functions for '${name}': toData and ` +
      'fromData.');
  }
  const known = byName.get(name) ?? byPrototype.get(prototype);
  if (known !== undefined) {
    throw new WorkflowError('DUPLICATE_CLASS', `storable(${given.name}, { name: '${name}' }): class ` +
      `${known.className} is stored as '${known.name}' already. A name stands for one class, and a class ` +
      'has one name; register it in one module.');
  }
  // Whatever stands under the name was made by the same pair of functions.
  const entry = { name, className: given.name, prototype, toData, fromData } as unknown as Storable;
  byName.set(name, entry);
  byPrototype.set(prototype, entry);
}

/** The registered class that `value` is an instance of (D2). */
export function storableOf(value: object): Storable | undefined {
  if (byPrototype.size === 0) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null ? undefined : byPrototype.get(prototype as object);
}

/** A registered class that `value` is an instance of a subclass of, for a message. */
export function storableAbove(value: object): Storable | undefined {
  for (let at: unknown = value; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
    const found = byPrototype.get(at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An instance that cannot be made: `place` is its row, `problem` and `advice` are as in a refusal. */
export class InstanceError extends TypeError {
  readonly place: number;
  readonly problem: string;
  readonly advice: string;

  constructor(place: number, at: { problem: string; advice: string; cause?: unknown }) {
    super(`${at.problem}. ${at.advice}`, at.cause === undefined ? undefined : { cause: at.cause });
    this.place = place;
    this.problem = at.problem;
    this.advice = at.advice;
  }
}

/** Makes the instance of a row (D3). Throws InstanceError. */
export function revive(name: string, data: unknown, place: number): object {
  const known = byName.get(name);
  if (known === undefined) {
    const problem = `an instance of the class that was stored as '${name}', which is not registered here`;
    const advice = 'Import the module that calls storable() for it wherever its instances are read.';
    throw new InstanceError(place, { problem, advice });
  }
  const { className, fromData, prototype } = known;
  let made: unknown;
  try {
    made = fromData(data);
  } catch (cause) {
    const problem = `an instance of class ${className} that fromData cannot make again: ${said(cause)}`;
    throw new InstanceError(place, { problem, advice: 'See the cause.', cause });
  }
  if (typeof made === 'object' && made !== null && Object.getPrototypeOf(made) === prototype) return made;
  throw new InstanceError(place, {
    problem: `an instance of class ${className} for which fromData gave something else`,
    advice: `Let it return a new ${className}.`,
  });
}

/** What was thrown, for a message. Never throws. */
export function said(thrown: unknown): string {
  try {
    return String(thrown).slice(0, 200);
  } catch {
    return 'something that cannot be printed';
  }
}
