// What TypeScript computes for a row of a run, in SQL: core/src/part.ts has the same, and the tests compare.
import { partCount } from '@perdure/core/engine';
import { createFunction } from './sql-function.js';

// FNV-1a with a final fold. A product is below 2^57.
const hashBytes = (s: string): string => createFunction(s, {
  signature: 'hash32_bytes(bytes bytea) returns bigint strict',
  does: 'compute',
  body: `
declare
  hash bigint := 2166136261;
begin
  for at in 0 .. length(bytes) - 1 loop
    hash := ((hash # get_byte(bytes, at)) * 16777619) & 4294967295;
  end loop;
  return hash # (hash >> 16);
end`,
});

const hash = (s: string): string => createFunction(s, {
  signature: 'hash32(value text) returns bigint strict',
  does: 'compute',
  body: `
begin
  return ${s}.hash32_bytes(convert_to(value, 'UTF8'));
end`,
});

const part = (s: string): string => createFunction(s, {
  signature: 'part_of(run_id text) returns smallint strict',
  does: 'compute',
  body: `
begin
  return ${s}.hash32_bytes(convert_to(run_id, 'UTF8')) % ${partCount};
end`,
});

// A text cannot hold the NUL characters that keep the parts of a lane's name apart; bytes can.
const lane = (s: string): string => createFunction(s, {
  signature: `lane_of(queue text, workflow text, version text default null, kind text default 'normal',
  priority integer default 0) returns integer`,
  does: 'compute',
  body: `
declare
  nul bytea := decode('00', 'hex');
  hash bigint := ${s}.hash32_bytes(convert_to(queue, 'UTF8') || nul || convert_to(workflow, 'UTF8') || nul
    || convert_to(coalesce(version, ''), 'UTF8') || nul
    || convert_to(kind || case when priority > 0 then '+' || priority when priority < 0 then priority::text
                               else '' end, 'UTF8'));
begin
  return case when hash > 2147483647 then hash - 4294967296 else hash end;
end`,
});

// A ULID: 48 bits of milliseconds, 80 of chance, five bits a character. Of a random UUID the seventh and the
// ninth octet are not left to chance, so none of these.
const newId = (s: string): string => createFunction(s, {
  signature: 'new_id() returns text',
  does: 'draw',
  body: `
declare
  digits text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  chance text := encode(uuid_send(gen_random_uuid()), 'hex');
  now_ms bigint := trunc(extract(epoch from clock_timestamp()) * 1000);
  first bigint := ('x' || substr(chance, 1, 10))::bit(40)::bigint;
  second bigint := ('x' || substr(chance, 19, 10))::bit(40)::bigint;
  id text := '';
begin
  for at in reverse 9 .. 0 loop
    id := id || substr(digits, (now_ms >> at * 5 & 31)::integer + 1, 1);
  end loop;
  for at in reverse 7 .. 0 loop
    id := id || substr(digits, (first >> at * 5 & 31)::integer + 1, 1);
  end loop;
  for at in reverse 7 .. 0 loop
    id := id || substr(digits, (second >> at * 5 & 31)::integer + 1, 1);
  end loop;
  return id;
end`,
});

/** The functions that only compute, and the one that makes ids; `s` is the quoted schema. */
export function hashFunctions(s: string): string {
  return [hashBytes, hash, part, lane, newId].map((each) => each(s)).join('');
}
