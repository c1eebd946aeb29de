// Migration 4: starts and sends from plain SQL, and so from any language.
//
//   M9. The functions are of one text, whichever version installs them: what a version changes of it, it
//       installs again by a migration of its own. A test holds the text.
import { hashFunctions } from '../functions/hash-functions.js';
import { mailFunctions } from '../functions/mail-functions.js';
import { startFunction } from '../functions/start-function.js';
import type { Migration } from './migration.js';

/** The functions of docs/sql.md. */
export const sqlFunctions: Migration = {
  number: 4,
  reason: 'functions that start runs and send to them, for SQL and for other languages',
  sql: (s) => [hashFunctions, startFunction, mailFunctions, rights].map((part) => part(s)).join(''),
};

// What writes does so with the rights of its owner, so nobody may call it who was not allowed to.
const rights = (s: string): string => `
revoke execute on function
  ${s}.start(text, jsonb, text, text, interval, timestamptz, integer, interval, jsonb, jsonb, text),
  ${s}.signal(text, text, jsonb, text), ${s}.cancel(text, text), ${s}.emit(text, jsonb, text, text)
  from public;
comment on function ${s}.start is 'Starts a run, and gives its id. See docs/sql.md of perdure.';
comment on function ${s}.signal is 'Sends a signal to a run.';
comment on function ${s}.cancel is 'Asks a run to stop.';
comment on function ${s}.emit is 'Tells of an event whoever waits for it.';
`;
