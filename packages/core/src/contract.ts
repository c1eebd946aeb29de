// Contracts: what callers of a workflow need to know of it, apart from its code. A process that only starts
// runs, such as a web server, imports the contract; workers give it its code.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Ctx } from './context.js';
import { WorkflowError } from './errors.js';
import type { NoSignals, Workflow, WorkflowSpec } from './ports.js';
import { checkHandler, defined, type AnySpec } from './workflow.js';

/** What belongs to the code of a contract, and not to the contract. */
export type ImplementOptions = Pick<WorkflowSpec<unknown, unknown>, 'version' | 'retry'>;

/**
 * A workflow without its code: all that a process needs which starts runs and waits for them. Clients, and
 * `ctx.execute`, take it as they take a workflow; a worker does not. Make one with `contract()`.
 */
export interface Contract<In, Arg, Out, Sig, OutRaw = Out> extends Workflow<In, Arg, Out, Sig> {
  /**
   * Gives it its code, in the processes that run it. It may be done more than once, with a `version` each;
   * what `options` say goes before what the contract says. Throws INVALID_WORKFLOW, INVALID_NAME and
   * INVALID_RETRY.
   */
  implement(
    handler: (ctx: Ctx<Sig>, input: Arg) => Promise<OutRaw>, options?: ImplementOptions,
  ): Workflow<In, Arg, Out, Sig>;
}

/**
 * Declares a workflow without its code: a name, the schemas of its input and its output, and whatever else a
 * spec can say. Give the code with `implement`. Throws what `workflow` throws, and INVALID_WORKFLOW without
 * both schemas.
 */
export function contract<OutRaw, Out, In, Arg, Sig = NoSignals>(
  spec: WorkflowSpec<In, Arg, Sig> & {
    input: StandardSchemaV1<In, Arg>; output: StandardSchemaV1<OutRaw, Out>;
  },
): Contract<In, Arg, Out, Sig, OutRaw> {
  // The types of a spec exist at compile time only.
  const given = spec as AnySpec;
  const bare = defined(given, null);
  if (given.input === undefined || given.output === undefined) {
    throw new WorkflowError('INVALID_WORKFLOW', `Contract '${given.name}' needs an input and an output ` +
      'schema: type<T>() is one that checks nothing.');
  }
  return Object.freeze({
    ...bare,
    implement: (handler: (ctx: Ctx<Sig>, input: Arg) => Promise<OutRaw>, options: ImplementOptions = {}) => {
      checkHandler(handler, given.name, 'contract.implement(async (ctx, input) => …)');
      const { version = given.version, retry = given.retry } = options;
      return Object.freeze(defined({ ...given, version, retry }, handler as never));
    },
  });
}
