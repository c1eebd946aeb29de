// A hot statement: constant text under a constant name, so that the server parses and plans it once a
// session.
import { hash32 } from '@perdure/core/engine';

/** Text with `$1 … $n`, and the name it is prepared under. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/**
 * Names a text. The name carries the text's hash: on a caller's connection the statements of two schemas,
 * or of two versions of this package, may meet.
 */
export function named(what: string, text: string): Statement {
  return { name: `perdure_${what}_${hash32(text).toString(36)}`, text };
}
