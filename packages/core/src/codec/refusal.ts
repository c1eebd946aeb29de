// Why a value cannot be stored, and where in it. Built while a failed walk unwinds, so that a walk that finds
// nothing wrong never builds a path.

const identifier = /^[A-Za-z_$][\w$]*$/;
const longestPath = 240;

/**
 * What is wrong with a part of a value. Each level of the walk that passes it on adds its step with `under`.
 */
export class Refusal {
  readonly code: 'VALUE_NOT_STORABLE' | 'VALUE_TOO_LARGE';
  /** What the part is, as in "items[3] is …". */
  readonly problem: string;
  /** What to do, one or more sentences. */
  readonly advice: string;
  readonly #steps: string[] = [];

  constructor(problem: string, advice: string, code: Refusal['code'] = 'VALUE_NOT_STORABLE') {
    this.problem = problem;
    this.advice = advice;
    this.code = code;
  }

  /** Adds the step that leads to the part from one level further out. */
  under(step: string): this {
    this.#steps.push(step);
    return this;
  }

  /** Where the part is, such as `items[3].buffer`; empty for the whole. The middle of a long path is cut. */
  get path(): string {
    const path = this.#steps.toReversed().join('').replace(/^\./, '');
    if (path.length <= longestPath) return path;
    return `${path.slice(0, longestPath / 2)}…${path.slice(-longestPath / 2)}`;
  }
}

/** The step to a member: `.name`, `[3]`, `["odd name"]` or `[Symbol(name)]`. */
export function memberStep(key: string | symbol | number): string {
  if (typeof key !== 'string') return `[${String(key)}]`;
  return identifier.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, longestPath))}]`;
}

/** The step to a key of a Map, or to a member of a Set, by its place. */
export function placeStep(collection: 'keys' | 'values', index: number): string {
  return `.${collection}()[${index}]`;
}

/** The step to the value of a Map's entry: by its key where that can be written down, else by its place. */
export function entryStep(key: unknown, index: number): string {
  if (typeof key === 'string') return `.get(${JSON.stringify(key.slice(0, longestPath))})`;
  return typeof key === 'number' ? `.get(${key})` : placeStep('values', index);
}
