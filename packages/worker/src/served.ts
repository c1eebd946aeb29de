// What a worker serves: its workflows by name, and the kinds of runs it asks for.
import { WorkflowError, type Workflow } from '@perdure/core';
import { definitionOf, type Served, type WorkflowDefinition } from '@perdure/core/engine';

/** The workflows of one worker. */
export interface Serving {
  readonly definitions: ReadonlyMap<string, WorkflowDefinition>;
  readonly served: readonly Served[];
}

/** Collects what is served. Throws DUPLICATE_WORKFLOW and NO_WORKFLOWS. */
export function serve(workflows: readonly Workflow[], version: string | undefined): Serving {
  const definitions = new Map<string, WorkflowDefinition>();
  for (const workflow of workflows) {
    const definition = definitionOf(workflow);
    if (definitions.has(definition.name)) {
      throw new WorkflowError('DUPLICATE_WORKFLOW', `Two workflows of this worker are named ` +
        `'${definition.name}'. A name stands for one function: rename one of them.`);
    }
    definitions.set(definition.name, definition);
  }
  if (definitions.size === 0) {
    throw new WorkflowError('NO_WORKFLOWS', 'This worker has no workflows, so it would never do anything. ' +
      'Pass createWorker({ workflows: [ … ] }).');
  }
  const served = [...definitions.values()].flatMap(({ name, queue, version: own }) => {
    const stamp = own ?? version ?? null;
    const unversioned = { queue, workflow: name, version: null, stamp };
    return stamp === null ? [unversioned] : [unversioned, { queue, workflow: name, version: stamp, stamp }];
  });
  return { definitions, served };
}
