// What an application does to the texts of values before they are stored, and after they are read: encryption
// above all.
//
//   V1. A sealed text is bound to its place: the hook is told what the text belongs to, and an AEAD cipher
//       that authenticates it makes a text that was moved unreadable.
//   V2. What cannot be opened is never taken for a value: it is carried on as unreadable. Only a
//       DatabaseUnavailableError passes, and is waited out like a database that is away.
//   V3. undefined is sealed as well: a value that was taken away is no undefined.
//   V4. A text that the database copies to another run names where it comes from, in the clear.
import type { Encoded } from './codec.js';
import { exceedsBytes } from './codec.js';
import { DatabaseUnavailableError, PayloadError } from './errors.js';

/**
 * What a stored text is: the input, output or failure of a run; the value or error that answered a call; the
 * error or progress of an attempt that another follows; the payload or error of a message; an event; a chunk.
 */
export type SealedKind = 'input' | 'output' | 'failure' | 'value' | 'error' | 'attempt' | 'progress'
  | 'message' | 'message-error' | 'event' | 'chunk';

/** What a stored text belongs to. */
export interface SealedPlace {
  readonly kind: SealedKind;
  /** The run; '' for an event, which belongs to none. */
  readonly runId: string;
  /** Null where the text outlives the generation: inputs, messages, chunks. */
  readonly generation: number | null;
  /** The place of the call, the id of the message or event, the name of the stream; '' for the run itself. */
  readonly place: string;
  /** The position of an answer in its run, the number of a chunk in its stream; else null. */
  readonly position: number | null;
  /** All of this as one text, no two alike: what a cipher should authenticate along with the text. */
  readonly binding: string;
}

/**
 * Turns texts into what may be stored, and back; given to `connect`. Names, ids, attributes, times and sizes
 * stay as they are: they are what the database works with.
 */
export interface ValueSeal {
  /**
   * What is stored instead of `text`: any text without NUL. May take its time, but a commit waits for it. If
   * it throws, nothing is written and it is asked again, as if the database were away; a PayloadError refuses
   * this value for good.
   */
  seal(text: string, place: SealedPlace): string | Promise<string>;
  /**
   * The text that was sealed at that place. If it throws, the value is unreadable: the run is parked as
   * VALUE_UNREADABLE. Throw DatabaseUnavailableError where the keys are away, to be asked again.
   */
  open(text: string, place: SealedPlace): string | Promise<string>;
  /**
   * Whether what was never sealed is unreadable: true once nothing is started from plain SQL, or by a process
   * without the seal. Errors that the database itself writes about a child, and reasons of cancels, are read
   * all the same. Default false.
   */
  readonly strict?: boolean | undefined;
}

/** The codec tag of sealed values. */
const sealedTag = 'sealed';
/** Errors have no tag: a sealed one begins with this, and none that is not sealed does. */
const mark = 'sealed:';
/** What the database takes; see `longestValue` of its migrations. */
const longestSealed = 1_500_000;

/** Says what a text belongs to. */
export function placeOf(
  kind: SealedKind, runId: string,
  { generation = null, place = '', position = null }: Partial<SealedPlace> = {},
): SealedPlace {
  const binding = JSON.stringify([kind, runId, generation, place, position]);
  return { kind, runId, generation, place, position, binding };
}

/** Where a text comes from that the database copied. */
export interface Origin {
  readonly runId: string;
  readonly generation: number;
}

/** How a text is read. */
export interface Reading {
  /** Take what was not sealed even where the seal is strict. */
  readonly lenient?: boolean;
}

/** An error, or the reason why there is none. */
export type OpenedError = { readonly text: string } | { readonly unopened: Error };

/** Seals and opens for one connection. */
export class Sealer {
  readonly #seal: ValueSeal;

  constructor(seal: ValueSeal) {
    this.#seal = seal;
  }

  /** Seals a value. What could not be opened goes on as it came. */
  async sealValue(value: Encoded, place: SealedPlace, origin?: Origin): Promise<Encoded> {
    if (value.codec === sealedTag) return { codec: sealedTag, text: value.text };
    const text = value.text === null ? value.codec : `${value.codec}\n${value.text}`;
    return { codec: sealedTag, text: await this.#sealText(text, place, origin) };
  }

  /** Seals an error. */
  async sealError(error: string, place: SealedPlace, origin?: Origin): Promise<string> {
    return error.startsWith(mark) ? error : this.#sealText(error, place, origin);
  }

  async #sealText(text: string, place: SealedPlace, origin?: Origin): Promise<string> {
    const body: unknown = await this.#seal.seal(text, place);
    if (typeof body !== 'string') throw new TypeError('the seal of this connection gave no text');
    const from = origin === undefined ? '' : `${origin.generation}/${encodeURIComponent(origin.runId)}`;
    const sealed = `${mark}${from}:${body}`;
    if (exceedsBytes({ codec: sealedTag, text: sealed }, longestSealed)) {
      throw new PayloadError('VALUE_TOO_LARGE', `it has ${sealed.length} characters when sealed; the limit ` +
        `is ${longestSealed} bytes. Store the data elsewhere and pass a reference to it`, '');
    }
    return sealed;
  }

  /** Opens a value; one that cannot be opened is left as it is, with the reason. */
  async openValue(value: Encoded, place: SealedPlace, { lenient = false }: Reading = {}): Promise<Encoded> {
    const { codec, text } = value;
    if (codec !== sealedTag || text === null) {
      return lenient || this.#seal.strict !== true ? value
        : { codec: sealedTag, text: text ?? '', unopened: notSealed() };
    }
    const opened = await this.#openText(text, place);
    if ('unopened' in opened) return { codec: sealedTag, text, unopened: opened.unopened };
    const end = opened.text.indexOf('\n');
    return end < 0 ? { codec: opened.text, text: null }
      : { codec: opened.text.slice(0, end), text: opened.text.slice(end + 1) };
  }

  /** Opens an error. */
  async openError(text: string, place: SealedPlace, { lenient = false }: Reading = {}): Promise<OpenedError> {
    if (text.startsWith(mark)) return this.#openText(text, place);
    return lenient || this.#seal.strict !== true ? { text } : { unopened: notSealed() };
  }

  async #openText(sealed: string, place: SealedPlace): Promise<OpenedError> {
    try {
      const end = sealed.indexOf(':', mark.length);
      if (!sealed.startsWith(mark) || end < 0) throw new TypeError('it is no sealed text');
      const text: unknown = await this.#seal.open(sealed.slice(end + 1), place);
      if (typeof text !== 'string') throw new TypeError('the seal of this connection gave no text');
      return { text };
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      return { unopened: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}

/** Where a sealed text says that it comes from; null if it does not. */
export function originOf(text: string | null): Origin | null {
  const [, generation, runId] = /^sealed:(\d{1,9})\/([^:/]+):/.exec(text ?? '') ?? [];
  if (generation === undefined || runId === undefined) return null;
  try {
    return { generation: Number(generation), runId: decodeURIComponent(runId) };
  } catch {
    return null;
  }
}

function notSealed(): Error {
  return new Error('It was not sealed, and the seal of this connection is strict.');
}
