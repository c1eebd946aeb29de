// What plain JavaScript passes where the types would not let it: told as typed errors, before anything is
// done.
import { WorkflowError } from '@perdure/core';

/** Options as they were given; none if left out. Throws INVALID_OPTION for what is no object. */
export function givenOptions<Options extends object>(given: Options | undefined, of: string): Options {
  // Every option of every call may be left out.
  if (given === undefined) return {} as Options;
  if (isObject(given)) return given;
  throw invalid(`The options of ${of} are ${kindOf(given)}; give an object, or leave them out.`);
}

/** Throws INVALID_OPTION unless `given` is an object; `what` names it. */
export function checkObject(given: unknown, what: string): void {
  if (!isObject(given)) throw invalid(`${what} is ${kindOf(given)}; give an object.`);
}

/** Throws INVALID_OPTION unless `given` is one of these texts. */
export function checkChoice(given: unknown, what: string, choices: readonly string[]): void {
  if (choices.includes(given as string)) return;
  const shown = typeof given === 'string' ? `'${given}'` : kindOf(given);
  throw invalid(`${what} is ${shown}; give ${choices.map((choice) => `'${choice}'`).join(' or ')}.`);
}

/** Throws INVALID_OPTION unless `given` is a text. */
export function checkText(given: unknown, what: string): asserts given is string {
  if (typeof given !== 'string') throw invalid(`${what} is ${kindOf(given)}; give a text.`);
}

/** How a long call is watched, and broken off. */
export interface Watched {
  readonly onProgress?: unknown;
  readonly abortSignal?: unknown;
}

/** Throws INVALID_OPTION for a callback that is no function, and for what is no AbortSignal. */
export function checkWatched({ onProgress, abortSignal }: Watched): void {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalid(`onProgress is ${kindOf(onProgress)}; give a function, or leave it out.`);
  }
  if (abortSignal !== undefined && !(abortSignal instanceof AbortSignal)) {
    throw invalid(`abortSignal is ${kindOf(abortSignal)}; give an AbortSignal, or leave it out.`);
  }
}

/** What a value is, in the words of a message. */
export function kindOf(given: unknown): string {
  if (given === null) return 'null';
  return Array.isArray(given) ? 'an array' : `of type ${typeof given}`;
}

function isObject(given: unknown): given is object {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

function invalid(message: string): WorkflowError {
  return new WorkflowError('INVALID_OPTION', message);
}
