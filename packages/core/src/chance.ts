// `ctx.random` and `ctx.uuid`: chance that is the same at every replay, because it is computed from the run.
//
//   C1. The n-th number of a generation is SHA-256 of run id, generation and n: frozen, part of the data
//       format.
//   C2. It writes no entry and takes no place.
import { createHash } from 'node:crypto';

/** The deterministic chance of one generation of one run. */
export class Chance {
  readonly #seed: string;
  #count = 0;

  constructor(runId: string, generation: number) {
    this.#seed = `${runId}\0${generation}\0`;
  }

  #next(): Buffer {
    return createHash('sha256').update(`${this.#seed}${this.#count++}`).digest();
  }

  /** A number from 0 up to 1, with 53 random bits. */
  random(): number {
    return Number(this.#next().readBigUInt64BE() >> 11n) / 2 ** 53;
  }

  /** A UUID with the bits of version 4. */
  uuid(): string {
    const bytes = this.#next();
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = bytes.toString('hex', 0, 16);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}
