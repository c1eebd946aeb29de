// Progress streams of one run: numbers its chunks and hands them to the outbox.
//
//   Z1. The owner of a run numbers its chunks; the fence keeps anybody else from writing one.
//   Z2. What the workflow function publishes is known by its count in the stream: at replay the first ones,
//       which are recorded, are passed over. What a step publishes is published again by another attempt.
import { encode } from './codec.js';
import type { Outbox } from './outbox.js';
import type { StreamHead } from './store.js';

interface Stream {
  next: number;
  /** How many chunks of the workflow function are recorded, and not passed over yet. */
  recorded: number;
}

/** The streams of one run in memory. */
export class Streams {
  readonly #outbox: Outbox;
  readonly #heads: readonly StreamHead[];
  #streams: Map<string, Stream> | null = null;

  constructor(heads: readonly StreamHead[], outbox: Outbox) {
    this.#heads = heads;
    this.#outbox = outbox;
  }

  /**
   * Appends a chunk; `source` is the place of the step that publishes it, '' for the workflow function. True
   * if there is something to write. Throws what `encode` throws.
   */
  publish(name: string, chunk: unknown, source: string): boolean {
    const value = encode(chunk, `a chunk of stream '${name}'`);
    const stream = this.#stream(name);
    if (source === '' && stream.recorded > 0) {
      stream.recorded--;
      return false;
    }
    this.#outbox.chunk({ stream: name, seq: stream.next++, source, value });
    return true;
  }

  #stream(name: string): Stream {
    this.#streams ??= new Map(this.#heads.map(({ stream, count, fromWorkflow }) =>
      [stream, { next: count, recorded: fromWorkflow }]));
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, stream = { next: 0, recorded: 0 });
    return stream;
  }
}
