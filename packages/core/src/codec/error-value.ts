// Errors inside values: taken apart into their own members, and put together again.
//
//   V1. An error comes back as an instance of the nearest built-in class (TypeError, AggregateError, …) with
//       its name and message; classes of the application are not restored, as with errors that were thrown.
//   V2. Members that are neither enumerable nor a standard one are the runtime's own and are left out.
//   V3. message, stack, cause and errors come back not enumerable, the way the constructors set them.

const errorClasses = [
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError,
] as const;
const byName: ReadonlyMap<string, (typeof errorClasses)[number]> = new Map(
  errorClasses.map((errorClass) => [errorClass.name, errorClass]),
);
const standard: ReadonlySet<string> = new Set(['message', 'stack', 'cause', 'errors', 'name', 'code']);
const hidden: ReadonlySet<string> = new Set(['message', 'stack', 'cause', 'errors']);

/** Name of the nearest built-in class of an error: 'TypeError' for a subclass of TypeError. */
export function errorClassOf(error: object): string {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    // By name, so that the errors of another realm keep their class; a subclass may not borrow a built-in
    // name.
    if (typeof constructor !== 'function' || !byName.has(constructor.name)) continue;
    if (Function.prototype.toString.call(constructor).includes('[native code]')) return constructor.name;
  }
  return 'Error';
}

/** Names of the members of an error that are stored (V2), without its stack. */
export function errorKeys(error: object): string[] {
  const keys: string[] = [];
  for (const key of Reflect.ownKeys(error)) {
    if (typeof key === 'symbol' || key === 'stack') continue;
    if (standard.has(key) || Object.getOwnPropertyDescriptor(error, key)?.enumerable === true) keys.push(key);
  }
  return keys;
}

/** The members of an error that are stored, with what its class says of name and message (V1). */
export function errorMembers(error: object): Array<[key: string, value: unknown]> {
  const keys = errorKeys(error);
  const members = keys.map((key): [string, unknown] => (
    [key, Object.getOwnPropertyDescriptor(error, key)?.value]));
  const add = (key: string, usual: string | undefined): void => {
    const value = textOf(error, key);
    if (value !== undefined && value !== usual && !keys.includes(key)) members.push([key, value]);
  };
  add('name', errorClassOf(error));
  add('message', '');
  // Newer versions of V8 make the stack an accessor of the error's own.
  add('stack', undefined);
  return members;
}

// A stack becomes a text when it is first read, by code that an application may replace and that prints the
// error: for an error with a member `toString` it may throw.
function textOf(error: object, key: string): string | undefined {
  try {
    const value = (error as Record<string, unknown>)[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The stack of an error, if it has one that can be read. */
export function stackOf(error: object): string | undefined {
  return textOf(error, 'stack');
}

/** A new error of a built-in class without members of its own, to be filled with `setErrorMember`. */
export function newError(className: string): Error {
  const errorClass = byName.get(className);
  if (errorClass === undefined) throw new TypeError(`no error class ${className}`);
  const error = errorClass === AggregateError
    ? new AggregateError([]) : new (errorClass as ErrorConstructor)();
  for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key);
  return error;
}

/** Sets one member the way the language does (V3). */
export function setErrorMember(error: Error, key: string, value: unknown): void {
  const enumerable = !hidden.has(key);
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable });
}
