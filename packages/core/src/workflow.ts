// Definitions: a workflow is a name, a function, and a few defaults.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Ctx, Handler } from './context.js';
import { WorkflowError } from './errors.js';
import { checkName } from './names.js';
import { toMilliseconds } from './duration.js';
import type { NoSignals, Workflow, WorkflowSpec } from './ports.js';
import { defaultRetry, resolveRetry, type ResolvedRetry } from './retry.js';
import type { Attributes } from './store.js';

const definition: unique symbol = Symbol('perdure.definition');

/** A workflow as the engine sees it, with every default filled in. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly version: string | null;
  readonly queue: string;
  readonly retry: ResolvedRetry;
  readonly input: StandardSchemaV1 | null;
  readonly output: StandardSchemaV1 | null;
  /** Schemas of its signals by name; null if it declares none. */
  readonly signals: ReadonlyMap<string, StandardSchemaV1> | null;
  /** Longest time from the first claim of a run to its end. */
  readonly timeoutMs: number | null;
  /** What a start makes searchable of its parsed input. */
  readonly attributes: ((input: unknown) => Attributes) | null;
  /** Null in a contract, which has no code. */
  readonly handler: Handler<unknown, unknown> | null;
  /** Whether its code was seen asking `ctx.now()`: answers are then shown only when they have a time. */
  readonly asksClock: { yes: boolean };
}

interface Defined extends Workflow {
  readonly [definition]: WorkflowDefinition;
}

/** A spec of any types. */
export type AnySpec = WorkflowSpec<unknown, unknown, Record<string, unknown>> & {
  readonly output?: StandardSchemaV1 | undefined;
};

/**
 * Defines a workflow: give it a name, or a spec with schemas and defaults, and a plain async function.
 * Whatever the function does to the world belongs into `ctx.step`; between calls on `ctx` it must be
 * deterministic. Throws INVALID_NAME and INVALID_RETRY for nonsense.
 */
export function workflow<Out, In = void>(
  name: string, handler: (ctx: Ctx, input: In) => Promise<Out>,
): Workflow<In, In, Out, NoSignals>;
export function workflow<OutRaw, Out, Arg = void, In = Arg, Sig = NoSignals>(
  spec: WorkflowSpec<In, Arg, Sig> & { output: StandardSchemaV1<OutRaw, Out> },
  handler: (ctx: Ctx<Sig>, input: Arg) => Promise<NoInfer<OutRaw>>,
): Workflow<In, Arg, Out, Sig>;
export function workflow<Out, Arg = void, In = Arg, Sig = NoSignals>(
  spec: WorkflowSpec<In, Arg, Sig> & { output?: undefined },
  handler: (ctx: Ctx<Sig>, input: Arg) => Promise<Out>,
): Workflow<In, Arg, Out, Sig>;
export function workflow(nameOrSpec: string | AnySpec, handler: Handler<never, unknown, never>): Workflow {
  const spec: AnySpec = typeof nameOrSpec === 'string' ? { name: nameOrSpec } : nameOrSpec;
  checkName(spec.name, 'the name of a workflow');
  checkHandler(handler, spec.name, 'workflow(name, async (ctx, input) => …)');
  return Object.freeze(defined(spec, handler));
}

/** Throws INVALID_WORKFLOW for what is no function. */
export function checkHandler(handler: unknown, name: string, write: string): void {
  if (typeof handler === 'function') return;
  throw new WorkflowError('INVALID_WORKFLOW', `Workflow '${name}' has no function. Write ${write}.`);
}

/** A spec with every default filled in, as what it is known by. Throws what `workflow` throws. */
export function defined(spec: AnySpec, handler: Handler<never, unknown, never> | null): Workflow {
  checkName(spec.name, 'the name of a workflow');
  const queue = spec.queue ?? 'default';
  checkName(queue, `the queue of workflow '${spec.name}'`);
  if (spec.version !== undefined) checkName(spec.version, `the version of workflow '${spec.name}'`);
  const made: Defined = {
    name: spec.name,
    [definition]: {
      name: spec.name,
      version: spec.version ?? null,
      queue,
      retry: resolveRetry(spec.retry, defaultRetry, `Workflow '${spec.name}'`),
      input: spec.input ?? null,
      output: spec.output ?? null,
      signals: spec.signals === undefined ? null : new Map(Object.entries(spec.signals)),
      timeoutMs: spec.timeout === undefined
        ? null : toMilliseconds(spec.timeout, `Workflow '${spec.name}': timeout`),
      attributes: spec.attributes ?? null,
      // The input has been parsed by the schema that gave the handler its type, so the two agree.
      handler: handler as unknown as Handler<unknown, unknown> | null,
      asksClock: { yes: false },
    },
  };
  return made;
}

/** What `workflow()` or `contract()` made of a workflow. Throws NOT_A_WORKFLOW for anything else. */
export function definitionOf(given: Workflow): WorkflowDefinition {
  const found = (given as Partial<Defined> | undefined)?.[definition];
  if (found === undefined) {
    throw new WorkflowError('NOT_A_WORKFLOW', 'This is no workflow: make it with workflow(name, async ' +
      '(ctx, input) => …), or with contract(…), and see that only one copy of @perdure/core is installed.');
  }
  return found;
}

/** A type without a run-time check, where a schema is asked for. */
export function type<T>(): StandardSchemaV1<T, T> {
  return { '~standard': { version: 1, vendor: 'perdure', validate: (value) => ({ value: value as T }) } };
}
