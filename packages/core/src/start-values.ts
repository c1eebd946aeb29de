// What a start says of its run beside the input, checked: for clients, and for runs that start children.
import { WorkflowError } from './errors.js';
import { isThenable } from './is-thenable.js';
import { attributesOf } from './requests.js';
import type { Attributes } from './store.js';
import type { WorkflowDefinition } from './workflow.js';

/**
 * What a run is searched by from the beginning: what its workflow says of the parsed input, and over it what
 * the start says. Throws INVALID_OPTION, INVALID_NAME and INVALID_ATTRIBUTE.
 */
export function startAttributes(
  definition: WorkflowDefinition, parsed: unknown, given: Attributes | undefined,
): Attributes | undefined {
  const own = definition.attributes?.(parsed);
  checkAttributes(own, `What the attributes of workflow '${definition.name}' gave`);
  checkAttributes(given, 'attributes');
  const all = { ...own, ...given };
  if (Object.keys(all).length === 0) return undefined;
  if (Object.values<unknown>(all).includes(null)) {
    throw new WorkflowError('INVALID_ATTRIBUTE', 'A run cannot be started with an attribute that is null: ' +
      'leave it out.');
  }
  attributesOf(all);
  return all;
}

// Takes `unknown` because callers without types exist.
function checkAttributes(given: unknown, what: string): void {
  // An asynchronous function gives a promise, which looks like an object without members.
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given) && !isThenable(given);
  if (given === undefined || isObject) return;
  const kind = given === null ? 'null' : Array.isArray(given) ? 'an array'
    : isThenable(given) ? 'a promise' : `of type ${typeof given}`;
  throw new WorkflowError('INVALID_OPTION', `${what} is ${kind}; give an object.`);
}

/** A priority as it is stored. Throws INVALID_OPTION. */
export function priorityOf(priority: number | undefined): number | undefined {
  if (priority === undefined) return undefined;
  if (Number.isInteger(priority) && Math.abs(priority) <= 2) return priority + 0;
  const shown = typeof priority === 'number' ? String(priority) : `of type ${typeof priority}`;
  throw new WorkflowError('INVALID_OPTION', `priority is ${shown}; give a whole number from -2 to 2. Runs ` +
    'of a higher one are claimed first.');
}
