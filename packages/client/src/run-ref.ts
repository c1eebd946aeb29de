// What names a run, and what is known of its workflow where the caller had its definition in hand.
import type { NoSignals, Workflow } from '@perdure/core';
import { checkName, definitionOf, type WorkflowDefinition } from '@perdure/core/engine';

/**
 * A run that exists, or will when the caller's transaction commits. Make a handle of it with `client.get`.
 */
export interface RunRef<Out = unknown, Sig = NoSignals> {
  readonly id: string;
  readonly workflow: string;
  /** Exists at compile time only. */
  readonly __out?: Out;
  /** Exists at compile time only. */
  readonly __sig?: Sig;
}

/** A reference of any types. */
export type AnyRef = RunRef<unknown, unknown>;

/** A reference that remembers the definition, unseen: copies of it, such as JSON, do not. */
export class KnownRun implements RunRef {
  readonly id: string;
  readonly workflow: string;
  readonly #definition: WorkflowDefinition | null;

  constructor(id: string, workflow: string, definition: WorkflowDefinition | null) {
    this.id = id;
    this.workflow = workflow;
    this.#definition = definition;
  }

  /** The definition of the run's workflow, if `run` was made from one. */
  static definitionOf(run: AnyRef): WorkflowDefinition | null {
    return #definition in run ? run.#definition : null;
  }

  /** From what `client.get` is given. Throws NOT_A_WORKFLOW and INVALID_NAME. */
  static from(given: AnyRef | Workflow, id: string | undefined): KnownRun {
    if (id !== undefined) {
      const definition = definitionOf(given as Workflow);
      checkName(id, 'the id of a run');
      return new KnownRun(id, definition.name, definition);
    }
    const ref = given as AnyRef;
    checkName((given as AnyRef | null | undefined)?.id, 'the id of a run');
    return new KnownRun(ref.id, ref.workflow, KnownRun.definitionOf(ref));
  }
}
