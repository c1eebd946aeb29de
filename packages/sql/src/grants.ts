// Who may do what in the engine's schema, as SQL that its owner runs after each migration.
//
//   G1. Rights are named one by one: what a later version adds is nobody's until it is named here.
//   G2. What is printed takes back first what a role had, so that it has this and no more, however often it
//       is run.
import { WorkflowError } from '@perdure/core';
import { quoteIdentifier } from './quote.js';

/** The roles that are to work with a schema; each may be left out. */
export interface GrantOptions {
  /** Schema of the engine's tables. Default 'perdure'. */
  schema?: string | undefined;
  /** Serves workflows; also for operators, who retry, resume, fork, terminate and delete. */
  worker?: string | undefined;
  /** Starts, sends, cancels, and reads runs and their results. */
  client?: string | undefined;
  /** Looks at runs and their states, and at no value of an application. */
  viewer?: string | undefined;
}

const settled = 'settled_at, parked_at, started_at, settled_epoch';
const ofCall = 'part, run_id, generation, place, kind, name';

/** What stands in a table beside the values of applications, and these. */
const columns: Readonly<Record<string, { readonly facts: string; readonly values: string }>> = {
  meta: { facts: 'key, value', values: '' },
  runs: {
    facts: `part, id, workflow, queue, generation, codec, created_at, status, version, output_codec, reason,
    timeout_ms, parent_id, parent_generation, parent_place, priority, ${settled}`,
    values: 'input, output, error, headers',
  },
  ready: {
    facts: `part, id, lane, home_lane, queue, workflow, version, due_at, epoch, claim, fresh, wake, strikes,
    solo_strikes, rested_from, first_claimed_at, tied`,
    values: '',
  },
  journal: {
    facts: `${ofCall}, position, codec, attempt, started_at, ended_at, message`,
    values: 'value, error',
  },
  calls: { facts: `${ofCall}, due_at, attempt, progress_codec, deadline_at`, values: 'error, progress' },
  messages: {
    facts: 'part, run_id, id, kind, name, codec, outcome, sent_at', values: 'payload, error',
  },
  inbox: { facts: 'part, run_id, kind, name, sent_at, id, noticed', values: '' },
  events: { facts: 'part, id, name, key, codec, emitted_at, noticed', values: 'payload' },
  subscriptions: { facts: 'part, run_id, generation, place, name, key, asked_at', values: '' },
  children: {
    facts: `part, parent_id, generation, place, child_id, child_part, parent_close, watch, noticed,
    created_at`,
    values: '',
  },
  endings: { facts: 'part, run_id, ended_at', values: '' },
  attributes: { facts: 'part, run_id, name, type, text_value, number_value, time_value', values: '' },
  chunks: { facts: 'part, run_id, generation, stream, seq, source, codec, written_at', values: 'value' },
  workers: { facts: 'id, host, pid, concurrency, serves, started_at, seen_at', values: '' },
  definitions: { facts: 'workflow, queue, timeout_ms, told_at', values: '' },
  run_status: {
    facts: `part, id, workflow, version, queue, generation, created_at, settled_at, parked_at, output_codec,
    reason, status, due_at, parent_id, timeout_ms, priority, started_at`,
    values: 'output, error, headers',
  },
};

const tables: readonly string[] = Object.keys(columns);
const view = 'run_status';
const computing = ['hash32_bytes', 'hash32', 'part_of', 'lane_of', 'new_id'];
const writing = ['start', 'signal', 'cancel', 'emit'];

/** The rights of a role: a line each, without the end. */
type Rights = (s: string) => readonly string[];

const functions = (names: readonly string[]): Rights => (s) =>
  [`execute on function ${names.map((name) => `${s}.${name}`).join(', ')}`];

// Only messages and events have values that no client reads. It inserts what a start and a send insert, and
// changes nothing but attributes.
const client: Rights = (s) => [
  `select on ${tables.filter((table) => !['messages', 'events'].includes(table))
    .map((table) => `${s}.${table}`).join(', ')}`,
  ...facts(['messages', 'events'])(s),
  `insert (part, id, workflow, queue, codec, input, created_at, timeout_ms, priority, headers) on ${s}.runs`,
  `insert (part, id, lane, home_lane, queue, workflow, version, due_at, epoch, claim, fresh, first_claimed_at)
    on ${s}.ready`,
  `insert, update (type, text_value, number_value, time_value) on ${s}.attributes`,
  `insert (part, run_id, id, kind, name, codec, payload, error, sent_at) on ${s}.messages`,
  `insert (part, run_id, kind, name, sent_at, id) on ${s}.inbox`,
  `insert (part, id, name, key, codec, payload, emitted_at) on ${s}.events`,
  ...functions([...computing, ...writing])(s),
];

// Of the journal it writes new rows; an operator begins a run anew without its old ones.
const worker: Rights = (s) => [
  `select on ${tables.map((table) => `${s}.${table}`).join(', ')}`,
  `insert, update, delete on ${tables.filter((table) => !['meta', 'journal', view].includes(table))
    .map((table) => `${s}.${table}`).join(', ')}`,
  `insert, delete on ${s}.journal`,
  ...functions([...computing, ...writing])(s),
];

const viewer: Rights = (s) => [...facts(tables)(s), ...functions(computing)(s)];

function facts(which: readonly string[]): Rights {
  return (s) => which.map((table) => `select (${columns[table]?.facts ?? ''})\n    on ${s}.${table}`);
}

const rights: Readonly<Record<'worker' | 'client' | 'viewer', Rights>> = { worker, client, viewer };

/**
 * The SQL that gives roles what they need in the schema, and no more: to read, and to be run by the owner of
 * the schema after each migration. Roles have to be there. Throws INVALID_SCHEMA and INVALID_ROLE.
 */
export function grantsSql(options: GrantOptions = {}): string {
  const s = quoteIdentifier(options.schema ?? 'perdure');
  const lines = (['worker', 'client', 'viewer'] as const).flatMap((kind) => {
    const name = options[kind];
    return name === undefined ? [] : granted(s, quoteRole(name), { kind, lines: rights[kind](s) });
  });
  return ['begin;', ...lines, 'commit;', ''].join('\n');
}

function granted(
  s: string, role: string, { kind, lines }: { kind: string; lines: readonly string[] },
): readonly string[] {
  return [
    `-- ${kind}`,
    `revoke all on schema ${s} from ${role};`,
    `revoke all on all tables in schema ${s} from ${role};`,
    `revoke all on all functions in schema ${s} from ${role};`,
    `grant usage on schema ${s} to ${role};`,
    ...lines.map((line) => `grant ${line} to ${role};`),
  ];
}

/** The columns of each table and view: those that a viewer reads, and those that hold values. For tests. */
export function grantedColumns(): Readonly<Record<string, { facts: string[]; values: string[] }>> {
  const listed = (text: string): string[] => text.split(',').map((each) => each.trim()).filter(Boolean);
  return Object.fromEntries(Object.entries(columns).map(([table, { facts: open, values }]) => (
    [table, { facts: listed(open), values: listed(values) }])));
}

// In quotation marks as without them: PUBLIC is everybody, and NONE nobody.
const noRoles: readonly unknown[] = ['public', 'none'];

function quoteRole(name: string): string {
  try {
    if (!noRoles.includes(name)) return quoteIdentifier(name);
  } catch {
    // What cannot be the name of a schema cannot be that of a role.
  }
  throw new WorkflowError('INVALID_ROLE', `'${String(name).slice(0, 100)}' cannot be the name of a role: ` +
    'give 1 to 63 bytes of whole characters without NUL, and neither public nor none.');
}
