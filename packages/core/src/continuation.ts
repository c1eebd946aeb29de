// `ctx.continueAsNew`: how the code of a generation makes way for the next one.
//
//   K4. The code is left by a throw, so that its `finally` blocks run; nothing is written before it has
//       ended. It goes on as new only if it ends by that very throw.
//   K5. A run that is being cancelled, or is late, does not go on: it would be a run that nobody can end.
import type { Encoded } from './codec.js';
import { continueCaught, type Fault } from './faults.js';
import type { AttemptEnd } from './step-info.js';

/**
 * What `ctx.continueAsNew` throws, so that the workflow function is left. Code that catches everything lets
 * it pass: `if (error instanceof ContinuedAsNew) throw error`.
 */
export class ContinuedAsNew extends Error {
  override readonly name = 'ContinuedAsNew';

  constructor() {
    super('The run goes on as new. Let this pass: rethrow what is instanceof ContinuedAsNew.');
  }
}

/** How the code ended that may have asked to go on as new. */
export type CodeEnd =
  | { readonly kind: 'ended'; readonly outcome: AttemptEnd }
  | { readonly kind: 'continues'; readonly input: Encoded }
  | { readonly kind: 'caught'; readonly fault: Fault };

/** What the code of one run has asked for, once it has. */
export class Continuation {
  readonly #inputs = new Map<unknown, Encoded>();

  /** The code asks to go on with `input`: what it is to be thrown. */
  ask(input: Encoded): ContinuedAsNew {
    const thrown = new ContinuedAsNew();
    this.#inputs.set(thrown, input);
    return thrown;
  }

  /** What an outcome means; `befell` is what has ended the run meanwhile, if anything has (K5). */
  judge(outcome: AttemptEnd, befell: Error | null): CodeEnd {
    const input = outcome.ok ? undefined : this.#inputs.get(outcome.error);
    if (befell !== null) {
      return { kind: 'ended', outcome: input === undefined ? outcome : { ok: false, error: befell } };
    }
    if (input !== undefined) return { kind: 'continues', input };
    return { kind: 'caught', fault: continueCaught(outcome.ok ? undefined : outcome.error) };
  }
}
