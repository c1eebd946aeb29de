// Says when a value that is to be stored comes close to the limit.
import { byteLengthOf, exceedsBytes, type Encoded } from './codec.js';
import { publish } from './events.js';

/** Encoded values larger than this are told on `perdure:value.large`. */
export const largeValueBytes: number = 256 * 1024;

/** Gives `encoded` back, and tells of it if it is large; `what` says what it is, such as "step 'charge'". */
export function toldIfLarge(encoded: Encoded, runId: string, what: string): Encoded {
  if (exceedsBytes(encoded, largeValueBytes)) {
    publish('perdure:value.large', () => ({ runId, what, bytes: byteLengthOf(encoded) }));
  }
  return encoded;
}
