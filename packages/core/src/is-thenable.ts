// Promises of every make: the language's own, those of libraries and of other realms, and what only looks
// like one.

/** Whether `await` would wait for it. Reading `then` may throw, as any code of a caller may. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
