// What is set on the engine's sessions, by the statements that run there. The statements are written for one
// plan, by primary key; the settings keep the planner from being clever about tables whose statistics are
// always wrong. Behind a transaction pooler nothing is set.

/** For sessions that start and read runs, listen, and migrate. */
export const plannerSettings: string = `set jit = off; set enable_seqscan = off; set enable_bitmapscan = off;
set plan_cache_mode = force_generic_plan; set default_transaction_isolation = 'read committed';
set default_transaction_read_only = off; set search_path = pg_catalog; set standard_conforming_strings = on;
set client_min_messages = warning`;

/** For sessions that claim: every row is found from the one before it. */
export const claimSettings: string =
  `${plannerSettings}; set enable_hashjoin = off; set enable_mergejoin = off`;

/** For sessions that commit: a batch and the rows that it locked meet by hash. */
export const commitSettings: string =
  `${plannerSettings}; set enable_nestloop = off; set enable_mergejoin = off`;
