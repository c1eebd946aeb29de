// Finds runs by what they are and what they show.
import { WorkflowError, type Attributes, type RunStatus, type Workflow } from '@perdure/core';
import {
  attributesOf, checkName, definitionOf, type RunListed, type RunQuery, type Store,
} from '@perdure/core/engine';
import { checkObject, givenOptions, kindOf } from './given.js';
import type { Opening } from './parts.js';
import type { AnyRef, RunRef } from './run-ref.js';

const defaultLimit = 100;
const largestLimit = 1_000;
// Each id is looked for by itself.
const idsAtATime = 50;
const statuses: readonly unknown[] = [
  'pending', 'running', 'waiting', 'parked', 'completed', 'failed', 'cancelled',
] satisfies RunStatus[];

/** Which runs are looked for: all that is given must hold. */
export interface RunFilter {
  /** The workflow, or its name. */
  workflow?: Workflow | string | undefined;
  /** One status, or any of several. */
  status?: RunStatus | readonly RunStatus[] | undefined;
  /** Attributes that have exactly these values. */
  attributes?: Attributes | undefined;
  /** Runs of these ids; none for an empty list. */
  ids?: readonly string[] | undefined;
  queue?: string | undefined;
  /** The version that runs them. */
  version?: string | undefined;
  /** Reason code of parked runs. */
  reason?: string | undefined;
  /** Children that this run started; or its id. */
  parent?: AnyRef | string | undefined;
  /** Created at this instant or after it. */
  createdAfter?: Date | undefined;
  /** Created before this instant. */
  createdBefore?: Date | undefined;
}

const filters: ReadonlySet<string> = new Set([
  'workflow', 'status', 'attributes', 'ids', 'queue', 'version', 'reason', 'parent', 'createdAfter',
  'createdBefore',
] satisfies (keyof RunFilter)[]);

/** A page of such runs. */
export interface RunSearch extends RunFilter {
  /** Runs of a page, 1 to 1,000. Default 100. */
  limit?: number | undefined;
  /** Goes on after the page that gave it. */
  cursor?: string | undefined;
}

/** A run as it was when it was looked for; `client.get` makes a handle of it. */
export interface RunSummary extends RunRef {
  readonly status: RunStatus;
  readonly queue: string;
  /** Null before its first claim, and for runs of a workflow without versions. */
  readonly version: string | null;
  /** How often it has begun. */
  readonly generation: number;
  /** Reason code of a parked run. */
  readonly reason: string | null;
  readonly createdAt: Date;
  /** When it completed, failed or was cancelled. */
  readonly settledAt: Date | null;
  readonly attributes: Attributes;
}

/** What a query found: runs in the order of their ids, and the cursor of the next page, if there is one. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  readonly cursor: string | null;
}

/** One page; throws INVALID_OPTION, INVALID_NAME, INVALID_ATTRIBUTE, INVALID_TIME. */
export async function queryRuns(opening: Opening, given: RunSearch | undefined): Promise<RunPage> {
  const { limit = defaultLimit, cursor, ...filter } = givenOptions(given, 'a query');
  if (!Number.isInteger(limit) || limit < 1 || limit > largestLimit) {
    throw new WorkflowError('INVALID_OPTION', `limit is ${String(limit)}; give a whole number from 1 to ` +
      `${largestLimit}, and ask for the next page with the cursor.`);
  }
  if (cursor !== undefined) checkName(cursor, 'the cursor of a query');
  const sought = soughtBy(filter);
  const { connection } = await opening.open();
  // One more than asked for tells whether there is a next page.
  const found = await findRuns(connection.store, sought, { after: cursor ?? null, limit: limit + 1 });
  const runs = found.slice(0, limit).map(summaryOf);
  return { runs, cursor: found.length > limit ? runs.at(-1)?.id ?? null : null };
}

/** All pages, one after the other. */
export async function* listRuns(
  opening: Opening, given: RunFilter | undefined,
): AsyncGenerator<RunSummary, void> {
  const filter = givenOptions(given, 'a list');
  let cursor: string | null = null;
  do {
    const search = { ...filter, limit: defaultLimit, cursor: cursor ?? undefined };
    const page: RunPage = await queryRuns(opening, search);
    yield* page.runs;
    cursor = page.cursor;
  } while (cursor !== null);
}

/** A filter that was checked, as the store takes it. */
export interface Sought {
  readonly query: Omit<RunQuery, 'id' | 'after' | 'limit'>;
  /** In the order of the store, none twice; null for all. */
  readonly ids: readonly string[] | null;
}

/** Checks a filter. Throws INVALID_OPTION, INVALID_NAME, INVALID_ATTRIBUTE, INVALID_TIME. */
export function soughtBy(filter: RunFilter): Sought {
  for (const key of Object.keys(filter)) {
    // One that is misspelt would find more than was meant.
    if (filters.has(key)) continue;
    throw new WorkflowError('INVALID_OPTION', `There is no filter '${key}'; there are ` +
      `${[...filters].join(', ')}.`);
  }
  const { workflow, status, attributes = {}, ids, queue, version, reason, parent } = filter;
  checkAttributes(attributes);
  return {
    query: {
      workflow: nameOf(workflow), status: statusesOf(status), attributes,
      queue: checkedName(queue, 'the queue of a query'),
      version: checkedName(version, 'the version of a query'),
      reason: checkedName(reason, 'the reason of a query'),
      parent: parent === undefined ? undefined : parentIdOf(parent),
      createdFromMs: instantIn(filter, 'createdAfter'),
      createdToMs: instantIn(filter, 'createdBefore'),
    },
    ids: ids === undefined ? null : idsOf(ids),
  };
}

function nameOf(workflow: Workflow | string | undefined): string | null {
  const name = typeof workflow === 'object' ? definitionOf(workflow).name : workflow;
  return checkedName(name, 'the name of a workflow') ?? null;
}

function parentIdOf(parent: AnyRef | string): string {
  // Null is an object as well, and no reference.
  const id: unknown = typeof parent === 'object' ? (parent as AnyRef | null)?.id : parent;
  checkName(id, 'the parent of a query');
  return id;
}

function checkedName(name: string | undefined, what: string): string | undefined {
  if (name !== undefined) checkName(name, what);
  return name;
}

function statusesOf(status: RunFilter['status']): readonly RunStatus[] | null {
  if (status === undefined) return null;
  const sought = typeof status === 'string' ? [status] : status;
  if (!Array.isArray(sought)) {
    throw new WorkflowError('INVALID_OPTION', `status is ${kindOf(status)}; give a text, or an array.`);
  }
  for (const one of sought) {
    if (statuses.includes(one)) continue;
    throw new WorkflowError('INVALID_OPTION', `status is '${String(one)}'; give one of ` +
      `${statuses.join(', ')}.`);
  }
  return sought;
}

function checkAttributes(attributes: Attributes): void {
  checkObject(attributes, 'attributes');
  if (Object.values<unknown>(attributes).includes(null)) {
    throw new WorkflowError('INVALID_ATTRIBUTE', 'A query cannot look for null: leave it out. Runs ' +
      'that lack an attribute cannot be looked for.');
  }
  attributesOf(attributes);
}

function instantIn(filter: RunFilter, key: 'createdAfter' | 'createdBefore'): number | undefined {
  const time: unknown = filter[key];
  if (time === undefined) return undefined;
  const ms = time instanceof Date ? time.getTime() : NaN;
  if (Number.isNaN(ms)) throw new WorkflowError('INVALID_TIME', `${key} is no valid Date.`);
  return ms;
}

function idsOf(ids: readonly string[]): readonly string[] {
  if (!Array.isArray(ids)) {
    throw new WorkflowError('INVALID_OPTION', `ids is ${kindOf(ids)}; give an array of ids.`);
  }
  for (const id of ids) checkName(id, 'the id of a run');
  return [...new Set(ids)].sort(byBytes);
}

// The order in which a store gives runs: that of the bytes of their ids.
function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Runs in the order of their ids. */
export async function findRuns(
  store: Store, { query, ids }: Sought, { after, limit }: Pick<RunQuery, 'after' | 'limit'>,
): Promise<readonly RunListed[]> {
  if (ids === null) return store.queryRuns({ ...query, after, limit });
  const left = after === null ? ids : ids.filter((id) => byBytes(id, after) > 0);
  const found: RunListed[] = [];
  for (let from = 0; from < left.length && found.length < limit; from += idsAtATime) {
    const some = await Promise.all(left.slice(from, from + idsAtATime).map((id) => (
      store.queryRuns({ ...query, id, after: null, limit: 1 }))));
    found.push(...some.flat());
  }
  return found.slice(0, limit);
}

/** The one run of an id; undefined when there is none. */
export async function findRun(opening: Opening, id: string): Promise<RunSummary | undefined> {
  const { connection } = await opening.open();
  const [found] = await findRuns(connection.store, soughtBy({ ids: [id] }), { after: null, limit: 1 });
  return found === undefined ? undefined : summaryOf(found);
}

function summaryOf({ createdAt, settledAt, ...run }: RunListed): RunSummary {
  const { id, workflow, status, queue, version, generation, reason, attributes } = run;
  return {
    id, workflow, status, queue, version, generation, reason, attributes,
    createdAt: new Date(createdAt / 1_000),
    settledAt: settledAt === null ? null : new Date(settledAt / 1_000),
  };
}
