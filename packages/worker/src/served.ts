// What a worker serves: its workflows by name and version, and the kinds of runs it asks for.
//
//   J1. A run that has a version is run by the definition of that version, and by no other. One that has none
//       is taken by the first definition of its name, which stamps it with its own.
import { WorkflowError, type Workflow } from '@perdure/core';
import {
  checkName, definitionOf, type ClaimedRun, type Served, type WorkflowDefinition,
} from '@perdure/core/engine';

/** The workflows of one worker. */
export interface Serving {
  /** The definition that runs a claimed run; undefined if the worker asked for no such runs. */
  definitionFor(run: Pick<ClaimedRun, 'workflow' | 'version'>): WorkflowDefinition | undefined;
  readonly served: readonly Served[];
}

interface Version {
  readonly definition: WorkflowDefinition;
  readonly stamp: string | null;
}

/** What a worker is told of it beside its workflows. */
export interface ServeOptions {
  /** For workflows that have no version of their own. */
  readonly version?: string | undefined;
  /** Serves all workflows in these, instead of each in its own. */
  readonly queues?: readonly string[] | undefined;
}

/**
 * Collects what is served. Throws DUPLICATE_WORKFLOW, NO_HANDLER, NO_WORKFLOWS, INVALID_NAME and
 * INVALID_OPTION.
 */
export function serve(workflows: readonly Workflow[], { version, queues }: ServeOptions): Serving {
  if (version !== undefined) checkName(version, 'the version of a worker');
  if (queues !== undefined) checkQueues(queues);
  const byName = new Map<string, Version[]>();
  for (const workflow of workflows) {
    const definition = definitionOf(workflow);
    if (definition.handler === null) throw noHandler(definition.name);
    const versions = byName.get(definition.name) ?? [];
    versions.push({ definition, stamp: definition.version ?? version ?? null });
    byName.set(definition.name, versions);
  }
  if (byName.size === 0) {
    throw new WorkflowError('NO_WORKFLOWS', 'This worker has no workflows, so it would never do anything. ' +
      'Pass createWorker({ workflows: [ … ] }).');
  }
  for (const [name, versions] of byName) demandDistinct(name, versions);
  return {
    definitionFor: (run) => byName.get(run.workflow)?.find(({ stamp }) => stamp === run.version)?.definition,
    served: [...byName.values()].flatMap((versions) => kindsOf(versions, queues)),
  };
}

// The first of a name takes new runs (J1).
function kindsOf(versions: readonly Version[], queues: readonly string[] | undefined): Served[] {
  return versions.flatMap(({ definition, stamp }, index) => (
    [...new Set(queues ?? [definition.queue])].flatMap((queue) => {
      const own = { queue, workflow: definition.name, version: stamp, stamp };
      return index > 0 || stamp === null ? [own] : [{ ...own, version: null }, own];
    })));
}

function checkQueues(queues: readonly string[]): void {
  if (!Array.isArray(queues) || queues.length === 0) {
    throw new WorkflowError('INVALID_OPTION', 'queues is to be a list of names, at least one. Leave it out ' +
      'to serve each workflow in the queue that it names.');
  }
  for (const queue of queues) checkName(queue, 'a queue of a worker');
}

function demandDistinct(name: string, versions: readonly Version[]): void {
  if (versions.length === 1) return;
  const stamps = new Set<string>();
  for (const { stamp } of versions) {
    if (stamp === null) {
      throw new WorkflowError('DUPLICATE_WORKFLOW', `${versions.length} workflows of this worker are named ` +
        `'${name}', and one of them has no version. Give each its own, workflow({ name, version }, …), or ` +
        'another name: the version of a run says which of them runs it.');
    }
    if (stamps.has(stamp)) {
      throw new WorkflowError('DUPLICATE_WORKFLOW', `Two workflows of this worker are named '${name}' and ` +
        `have the version '${stamp}'. A name and a version stand for one function: rename one of them, or ` +
        'give it another version.');
    }
    stamps.add(stamp);
  }
}

function noHandler(name: string): WorkflowError {
  return new WorkflowError('NO_HANDLER', `'${name}' is a contract, which has no code: a worker cannot run ` +
    'it. Pass what contract.implement(async (ctx, input) => …) gives.');
}
