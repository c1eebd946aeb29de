// Definitions: a workflow is a name, a function, and a few defaults.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Ctx } from './context.js';
import { WorkflowError } from './errors.js';
import { checkName } from './names.js';
import type { Handler, Workflow, WorkflowSpec } from './ports.js';
import { defaultRetry, resolveRetry, type ResolvedRetry } from './retry.js';

const definition: unique symbol = Symbol('perdure.definition');

/** A workflow as the engine sees it, with every default filled in. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly version: string | null;
  readonly queue: string;
  readonly retry: ResolvedRetry;
  readonly input: StandardSchemaV1 | null;
  readonly output: StandardSchemaV1 | null;
  readonly handler: Handler<unknown, unknown>;
  /** Whether its code was seen asking `ctx.now()`: answers are then shown only when they have a time. */
  readonly asksClock: { yes: boolean };
}

interface Defined extends Workflow {
  readonly [definition]: WorkflowDefinition;
}

interface OutputSpec {
  readonly output?: StandardSchemaV1 | undefined;
}

/**
 * Defines a workflow: give it a name, or a spec with schemas and defaults, and a plain async function.
 * Whatever the function does to the world belongs into `ctx.step`; between calls on `ctx` it must be
 * deterministic. Throws INVALID_NAME and INVALID_RETRY for nonsense.
 */
export function workflow<Out, In = void>(
  name: string, handler: (ctx: Ctx, input: In) => Promise<Out>,
): Workflow<In, In, Out>;
export function workflow<OutRaw, Out, In = void, Arg = In>(
  spec: WorkflowSpec<In, Arg> & { output: StandardSchemaV1<OutRaw, Out> },
  handler: (ctx: Ctx, input: Arg) => Promise<NoInfer<OutRaw>>,
): Workflow<In, Arg, Out>;
export function workflow<Out, In = void, Arg = In>(
  spec: WorkflowSpec<In, Arg> & { output?: undefined }, handler: (ctx: Ctx, input: Arg) => Promise<Out>,
): Workflow<In, Arg, Out>;
export function workflow(
  nameOrSpec: string | (WorkflowSpec<unknown, unknown> & OutputSpec), handler: Handler<never, unknown>,
): Workflow {
  const spec: WorkflowSpec<unknown, unknown> & OutputSpec =
    typeof nameOrSpec === 'string' ? { name: nameOrSpec } : nameOrSpec;
  checkName(spec.name, 'the name of a workflow');
  if (typeof handler !== 'function') {
    throw new WorkflowError('INVALID_WORKFLOW', `Workflow '${spec.name}' has no function. ` +
      'Write workflow(name, async (ctx, input) => …).');
  }
  const queue = spec.queue ?? 'default';
  checkName(queue, `the queue of workflow '${spec.name}'`);
  if (spec.version !== undefined) checkName(spec.version, `the version of workflow '${spec.name}'`);
  const defined: Defined = {
    name: spec.name,
    [definition]: {
      name: spec.name,
      version: spec.version ?? null,
      queue,
      retry: resolveRetry(spec.retry, defaultRetry, `Workflow '${spec.name}'`),
      input: spec.input ?? null,
      output: spec.output ?? null,
      // The input has been parsed by the schema that gave the handler its type, so the two agree.
      handler: handler as Handler<unknown, unknown>,
      asksClock: { yes: false },
    },
  };
  return Object.freeze(defined);
}

/** What `workflow()` made of a workflow. Throws NOT_A_WORKFLOW for anything else. */
export function definitionOf(given: Workflow): WorkflowDefinition {
  const found = (given as Partial<Defined> | undefined)?.[definition];
  if (found === undefined) {
    throw new WorkflowError('NOT_A_WORKFLOW', 'This is no workflow: make it with workflow(name, async ' +
      '(ctx, input) => …), and see that only one copy of @perdure/core is installed.');
  }
  return found;
}

/** A type without a run-time check, where a schema is asked for. */
export function type<T>(): StandardSchemaV1<T, T> {
  return { '~standard': { version: 1, vendor: 'perdure', validate: (value) => ({ value: value as T }) } };
}
