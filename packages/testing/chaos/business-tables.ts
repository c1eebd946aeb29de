// The tables of the business, and triggers that write down what must never happen to the engine's own rows.
//
//   B1. Effects and payments are only ever added, and nothing about them is unique: nothing that happened
//       twice can hide.
//   B2. A trigger records and lets pass, so that it changes nothing of what it watches.
import type pg from 'pg';

/** Accounts that everybody pays into: rows on which transactions meet. */
export const accounts = 4;

const tables = `
create table orders (
  id text primary key,
  price integer not null,
  at timestamptz not null default clock_timestamp()
);
create table effects (
  run text not null,
  generation integer not null,
  step text not null,
  attempt integer not null,
  key text not null,
  pid integer not null,
  claim integer not null,
  at timestamptz not null default clock_timestamp()
);
create index on effects (run);
create table payments (
  run text not null,
  generation integer not null,
  step text not null,
  key text not null,
  account integer not null,
  amount integer not null,
  at timestamptz not null default clock_timestamp()
);
create table accounts (id integer primary key, balance bigint not null);
insert into accounts select n, 0 from generate_series(0, ${accounts - 1}) n;
create table broken (what text not null, run text, facts text, at timestamptz default clock_timestamp());
`;

const watched = `
create function note_broken() returns trigger language plpgsql as $$
begin
  insert into public.broken (what, run, facts)
    values (tg_argv[0], coalesce(to_jsonb(old) ->> 'run_id', to_jsonb(old) ->> 'id'),
            left(to_jsonb(old)::text || ' -> ' || coalesce(to_jsonb(new)::text, 'nothing'), 2000));
  return null;
end $$;
create trigger final after update on perdure.runs for each row
  when (old.status in ('completed', 'failed', 'cancelled') and new.generation = old.generation
        and (new.status, new.output, new.error) is distinct from (old.status, old.output, old.error))
  execute function note_broken('a settled run was changed');
create trigger kept after delete on perdure.runs for each row
  execute function note_broken('a run was deleted');
create trigger append_only after update on perdure.journal for each row
  execute function note_broken('an answer was changed');
create trigger messages_append_only after update on perdure.messages for each row
  execute function note_broken('a message was changed');
create trigger epochs_rise after update on perdure.ready for each row
  when (new.epoch < old.epoch) execute function note_broken('an epoch went back');
create trigger strikes_of_dead after update on perdure.ready for each row
  when (new.first_claimed_at is null and old.first_claimed_at is not null)
  execute function note_broken('a claimed run became unclaimed');
`;

/** Makes them, in a database that has the engine's tables. */
export async function createBusinessTables(db: pg.ClientBase): Promise<void> {
  await db.query(tables);
  await db.query(watched);
}
