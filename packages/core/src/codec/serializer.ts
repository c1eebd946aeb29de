// Other ways than the engine's own to turn a value into a text: each has a tag, which stands beside its
// texts.
//
//   Z1. What has a tag is read by the serializer of that tag, whoever writes now.
//   Z2. What was written is read back and compared before it is stored, as with the engine's own.
import { WorkflowError } from '../errors.js';

/** Turns values into texts and back, in its own way; see `useSerializer`. */
export interface Serializer {
  /**
   * The tag that is stored beside its texts: 1 to 32 lower-case letters, digits and hyphens. It must never
   * mean another format.
   */
  readonly codec: string;
  /** The text of a value, or undefined to leave the value to perdure. The value is never undefined. */
  readonly write: (value: unknown) => string | undefined;
  /** The value of a text that `write` gave. */
  readonly read: (text: string) => unknown;
}

const own = ['json', 'superjson', 'sealed'];
const serializers = new Map<string, Serializer>();
let newestFirst: readonly Serializer[] = [];

/**
 * Lets a serializer of your own write the values of this process, the one that was given last first; what it
 * leaves goes to the one before, and at last to perdure. Call it before anything is started, in every
 * process. One that only reads what is stored returns undefined from `write`. Errors that are thrown keep
 * their own form. Throws INVALID_SERIALIZER, also when another serializer has the tag.
 */
export function useSerializer(serializer: Serializer): void {
  const { codec, write, read } = serializer;
  if (typeof codec !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(codec) || own.includes(codec)) {
    throw invalid(`its tag is '${codec}'. Use 1 to 32 of a-z, 0-9 and '-', and none of ${own.join(', ')}`);
  }
  if (typeof write !== 'function' || typeof read !== 'function') throw invalid('it needs write and read');
  const known = serializers.get(codec);
  if (known === serializer) return;
  if (known !== undefined) throw invalid(`another one has the tag '${codec}'`);
  serializers.set(codec, serializer);
  newestFirst = [serializer, ...newestFirst];
}

function invalid(why: string): WorkflowError {
  return new WorkflowError('INVALID_SERIALIZER', `useSerializer() cannot take this one: ${why}.`);
}

/** The serializer of a tag. */
export function serializerOf(codec: string): Serializer | undefined {
  return serializers.get(codec);
}

/** What a serializer made of a value. */
export interface Written {
  readonly serializer: Serializer;
  readonly text: string;
}

/** Offers the value to the serializers; undefined when none takes it. Throws what they throw. */
export function writeByOwn(value: unknown): Written | undefined {
  for (const serializer of newestFirst) {
    const text: unknown = serializer.write(value);
    if (text === undefined) continue;
    if (typeof text === 'string' && isStorable(text)) return { serializer, text };
    throw new TypeError(`serializer '${serializer.codec}' gave no text that a database stores: it must be ` +
      'a string without NUL and without half a surrogate pair');
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
