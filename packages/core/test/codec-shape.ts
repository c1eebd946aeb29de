// A second opinion on what a value is, for the tests of the codec: everything about it, written as one text.
// Two values with the same text are the same in class, members, order, and in what is shared with what.

/** Writes down all of `value`. Objects are numbered at their first visit, so sharing and cycles show. */
export function shapeOf(value: unknown): string {
  const numbers = new Map<object, number>();
  const lines: string[] = [];
  const name = (part: unknown): string => {
    if (Object.is(part, -0)) return '-0';
    if (typeof part === 'string') return JSON.stringify(part);
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part !== 'object' || part === null) return String(part);
    const known = numbers.get(part);
    if (known !== undefined) return `#${known}`;
    const number = numbers.size;
    numbers.set(part, number);
    lines[number] = '';
    lines[number] = `#${number} = ${describe(part, name)}`;
    return `#${number}`;
  };
  return [name(value), ...lines].join('\n');
}

type Name = (part: unknown) => string;

function describe(object: object, name: Name): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (object instanceof Error) return describeError(object, name);
  if (prototype === null) return `null ${describeContent(object, name)}`;
  const { constructor } = prototype as { constructor: { name: string } };
  return `${constructor.name} ${describeContent(object, name)}`;
}

function describeContent(object: object, name: Name): string {
  if (object instanceof Date) return String(object.getTime());
  if (object instanceof URL) return object.href;
  if (object instanceof RegExp) return `${object.source} ${object.flags} ${object.lastIndex}`;
  if (ArrayBuffer.isView(object)) {
    return hex(object.buffer.slice(object.byteOffset, object.byteOffset + object.byteLength));
  }
  if (object instanceof ArrayBuffer) return hex(object);
  if (object instanceof Map) return [...object].flat().map(name).join();
  if (object instanceof Set) return [...object].map(name).join();
  return Object.entries(object).map(([key, value]) => `${JSON.stringify(key)}: ${name(value)}`).join();
}

// The order in which an engine sets message and stack is its own.
function describeError(error: Error, name: Name): string {
  const members = Object.getOwnPropertyNames(error).filter((key) => hasText(error, key)).sort();
  const prototype = Object.getPrototypeOf(error) as Error;
  return `${prototype.constructor.name} ${members.map((key) => {
    // Newer versions of V8 make the stack an accessor.
    if (key === 'stack') return `stack: ${name(error.stack)}`;
    const { value, enumerable } = Object.getOwnPropertyDescriptor(error, key)!;
    return `${key}${enumerable ? '' : ' (hidden)'}: ${name(value)}`;
  }).join()}`;
}

// The stack of an error that cannot be printed cannot be read.
function hasText(error: Error, key: string): boolean {
  try {
    return key !== 'stack' || typeof error.stack === 'string';
  } catch {
    return false;
  }
}

function hex(buffer: ArrayBufferLike): string {
  return Buffer.from(buffer).toString('hex');
}
