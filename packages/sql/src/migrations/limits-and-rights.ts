// Migration 5: how long texts may be that no CHECK held so far, and nothing for PUBLIC.
//
//   M11. What clients check the database checks as well, more generously: what is over a limit there was not
//        written by a client. A row of before is not read for it (`not valid`), and is held to it when it is
//        next written.
//   M12. Rights in the schema are given by name. What a default of the owner's gave to PUBLIC is taken back.
import { longestValue, type Migration } from './migration.js';
import { sqlFunctions } from './sql-functions.js';

/** Limits of texts, and what nobody may do who was not allowed to. */
export const limitsAndRights: Migration = {
  number: 5,
  reason: 'limits of all texts that are stored, and no rights for PUBLIC',
  // The functions hold statements of the engine, whose text this version has changed (M9).
  sql: (s) => [limits, sqlFunctions.sql, rights].map((part) => part(s)).join(''),
};

/** Octets of all headers of a run: 8 KiB as JSON, written with or without blanks. */
const longestHeaders = 16_384;

// Names have 191 characters at most, places and boxes are made of several; where a place stands in an index,
// that takes less than these octets. `ready` has copies of what stands in `runs`, and is the one table
// whose rows are written again and again: it has no CHECK.
const nameOctets = 4_000;
const name = (column: string): string => `octet_length(${column}) <= ${nameOctets}`;
const value = (column: string): string => `octet_length(${column}) <= ${longestValue}`;
const both = (...checks: readonly string[]): string => checks.join(' and ');

const limited: Readonly<Record<string, string>> = {
  runs: both(
    ...['workflow', 'queue', 'version', 'codec', 'output_codec', 'reason', 'parent_id', 'parent_place']
      .map(name),
    value('error'), `octet_length(headers) <= ${longestHeaders}`),
  journal: both(...['run_id', 'place', 'kind', 'name', 'codec', 'message'].map(name), value('error')),
  calls: both(...['run_id', 'place', 'kind', 'name', 'progress_codec'].map(name), value('error')),
  messages: both(...['run_id', 'codec'].map(name)),
  events: name('codec'),
  chunks: both(...['run_id', 'source', 'codec'].map(name)),
};

const limits = (s: string): string => Object.entries(limited).map(([table, check]) => `
alter table ${s}.${table} add constraint ${table}_limits check (${check}) not valid;`).join('');

const rights = (s: string): string => `
revoke all on schema ${s} from public;
revoke all on all tables in schema ${s} from public;
revoke all on all functions in schema ${s} from public;
`;
