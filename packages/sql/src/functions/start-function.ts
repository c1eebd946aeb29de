// `start`: the row of a run, as the client writes it, by the same statement.
//
//   T1. What another transaction may hold is waited for as by any INSERT, and a run that exists is no error
//       of the database: the caller's transaction goes on.
//   T2. Where nobody says so, the queue and the timeout are those that the workers of the workflow have told.
import { longestAttribute, mostHeaderBytes, mostHeaders } from '@perdure/core/engine';
import { startStatements } from '../postgres/start-statements.js';
import { checkName, encode, largestNumber, toMilliseconds } from './argument-checks.js';
import { createFunction, inFunction, raise } from './sql-function.js';

/** The function that starts a run; `s` is the quoted schema. */
export function startFunction(s: string): string {
  return createFunction(s, {
    signature: `start(workflow text, input jsonb default null, id text default null, queue text default null,
  delay interval default null, start_at timestamptz default null, priority integer default 0,
  timeout interval default null, attributes jsonb default null, headers jsonb default null,
  on_conflict text default 'use-existing') returns text`,
    does: 'write',
    body: `
declare${variables(s)}
begin${checks}
  ${attributeChecks}
  ${headerChecks}
  ${encode('input', 'input_text', `format('the input of workflow ''%s''', the_workflow)`)}
  ${defaults(s)}
  the_part := ${s}.part_of(the_id);
  the_lane := ${s}.lane_of(the_queue, the_workflow, null, 'normal', the_priority);
  -- A run that is deleted between two statements is looked for again.
  for trial in 1 .. 10 loop
    if names is null and conflict <> 'restart-if-failed' then
      ${insert(s)}
    else
      ${insertWhole(s)}
    end if;
    if made is not null then
      return the_id;
    end if;
    select r.workflow into standing from ${s}.runs r where r.id = the_id and r.part = the_part;
    ${judge}
  end loop;
  ${raise('START_BLOCKED', `format('Run ''%s'' was not started: it is deleted and started by others at the '
      'same time. Try again.', the_id)`)}
end`,
  });
}

const variables = (s: string): string => `
  the_id text := coalesce(start.id, ${s}.new_id());
  the_workflow text := start.workflow;
  the_queue text := start.queue;
  the_priority smallint;
  conflict text := coalesce(start.on_conflict, 'use-existing');
  the_part smallint;
  the_lane integer;
  input_text text;
  delay_ms float8;
  timeout_ms float8;
  start_at_ms float8;
  headers_text text;
  item record;
  names text[];
  types text[];
  texts text[];
  numbers float8[];
  times float8[];
  moment timestamptz;
  made text;
  made_epoch bigint;
  standing text;
  why text;
  odd numeric;`;

const checks = `${checkName('the_workflow', `'the name of a workflow'`)}
  ${checkName('the_id', `'the id of a run'`)}
  if the_queue is not null then
    ${checkName('the_queue', `format('the queue of workflow ''%s''', the_workflow)`)}
  end if;
  if conflict not in ('use-existing', 'fail', 'restart-if-failed') then
    ${raise('INVALID_OPTION', `format('on_conflict is ''%s''; give ''use-existing'', ''fail'' or '
        '''restart-if-failed''.', conflict)`)}
  elsif start.priority not between -2 and 2 then
    ${raise('INVALID_OPTION', `format('priority is %s; give a whole number from -2 to 2.', start.priority)`)}
  elsif start.delay is not null and start.start_at is not null then
    ${raise('INVALID_OPTION', `'delay and start_at exclude each other; give one of them.'`)}
  elsif not isfinite(start.start_at) or start.start_at > '275760-09-13 00:00:00+00' then
    ${raise('INVALID_TIME', `format('start_at is %s. Give an instant before the year 275760.',
        start.start_at)`)}
  end if;
  the_priority := coalesce(start.priority, 0);
  start_at_ms := greatest(0, extract(epoch from start.start_at) * 1000);
  if start.start_at is null then
    start_at_ms := null;
  end if;${toMilliseconds('delay', 'delay_ms')}${toMilliseconds('timeout', 'timeout_ms')}`;

// As the client writes a Date: in UTC, without a fraction of a millisecond that no Date has.
const instant = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?'
  + '(Z|[+-][0-9]{2}:?[0-9]{2})$';

const attributeChecks = `
  if jsonb_typeof(attributes) not in ('object', 'null') then
    ${raise('INVALID_ATTRIBUTE', `format('attributes is of type %s; give an object: values by name.',
        jsonb_typeof(attributes))`)}
  end if;
  for item in select key, value, jsonb_typeof(value) as type, value #>> '{}' as said
                from jsonb_each(case jsonb_typeof(attributes) when 'object' then attributes else '{}' end)
  loop
    ${checkName('item.key', `'the name of an attribute'`)}
    moment := null;
    if item.type = 'object' and (item.value ->> 'time') ~ '${instant}'
        and item.value - 'time' = '{}' then
      -- The calendar is asked by trying: there is no other way before PostgreSQL 16.
      begin
        moment := date_trunc('milliseconds', (item.value ->> 'time')::timestamptz);
      exception when data_exception then
        moment := null;
      end;
    end if;
    why := case item.type
      when 'boolean' then null
      when 'string' then case when octet_length(item.said) > ${longestAttribute}
        then format('has %s bytes in UTF-8; ${longestAttribute} are the limit', octet_length(item.said)) end
      when 'number' then case when abs(item.said::numeric) not between 5e-324 and ${largestNumber}
        and item.said::numeric <> 0 then 'is a number out of range' end
      when 'object' then case when moment is null then 'is an object' end
      else format('is of type %s', item.type) end;
    if why is not null then
      ${raise('INVALID_ATTRIBUTE', `format('Attribute ''%s'' %s. Attributes are texts, finite numbers, '
          'booleans and instants, such as {"time": "2026-12-24T18:00:00Z"}.', item.key, why)`)}
    end if;
    names := names || item.key;
    types := types || case item.type when 'string' then 'text' when 'object' then 'time' else item.type end;
    texts := texts || case when item.type in ('string', 'boolean') then item.said end;
    numbers := numbers || case when item.type = 'number' then item.said::float8 end;
    times := times || (extract(epoch from moment) * 1000000)::float8;
  end loop;`;

// Their JSON has a blank behind every colon and comma here, and none in the clients.
const headerChecks = `
  if jsonb_typeof(headers) not in ('object', 'null') then
    ${raise('INVALID_OPTION', `format('headers is of type %s; give an object of texts.',
        jsonb_typeof(headers))`)}
  elsif jsonb_typeof(headers) = 'object' and headers <> '{}' then
    select case
        when count(*) > ${mostHeaders} then format('has %s members', count(*))
        when count(*) filter (where jsonb_typeof(value) <> 'string') > 0
          then format('''%s'' is of type %s',
                      min(left(key, 191)) filter (where jsonb_typeof(value) <> 'string'),
                      min(jsonb_typeof(value)) filter (where jsonb_typeof(value) <> 'string'))
        when octet_length(headers::text) - 2 * count(*) + 1 > ${mostHeaderBytes}
          then format('has %s bytes as JSON', octet_length(headers::text) - 2 * count(*) + 1) end
      into why from jsonb_each(headers);
    if why is not null then
      ${raise('INVALID_OPTION', `format('headers %s. Give texts by name: at most ${mostHeaders}, of '
          '${mostHeaderBytes} bytes together as JSON.', why)`)}
    end if;
    headers_text := headers::text;
  end if;`;

const defaults = (s: string): string => `
  if the_queue is null or timeout_ms is null then
    select d.queue as queue, d.timeout_ms as timeout_ms into item
      from ${s}.definitions d where d.workflow = the_workflow;
    if found then
      the_queue := coalesce(the_queue, item.queue);
      timeout_ms := coalesce(timeout_ms, item.timeout_ms);
    end if;
    the_queue := coalesce(the_queue, 'default');
  end if;`;

const judge = `if standing <> the_workflow then
      ${raise('RUN_ID_TAKEN', `format('Run ''%s'' exists and is of workflow ''%s'', not ''%s''. Ids are '
          'shared by all workflows of a schema: put the name of the workflow into the id.', the_id, standing,
          the_workflow)`)}
    elsif standing is not null and conflict = 'fail' then
      ${raise('RUN_EXISTS', `format('Run ''%s'' of workflow ''%s'' exists. Use another id, or on_conflict => '
          '''use-existing'' to get that run.', the_id, the_workflow)`)}
    elsif standing is not null then
      return the_id;
    end if;`;

// In the order of startValues: without a lease.
const row = ['the_part', 'the_id', 'the_workflow', 'the_queue', `'json'`, 'input_text', 'the_lane',
  'delay_ms', 'start_at_ms', 'null', 'null', 'null', 'timeout_ms', 'the_priority', 'headers_text'];

const insert = (s: string): string =>
  `${inFunction(s, (schema) => startStatements(schema, 'caller').one, row)} into made, made_epoch;`;

// In the order of startCall.
const wholeRow = [...row.map((value) => `array[${value}]`),
  `case conflict when 'restart-if-failed' then array[the_id] else '{}' end`,
  `array_fill(the_id, array[coalesce(cardinality(names), 0)])`, 'names', 'types', 'texts', 'numbers',
  'times'];

const insertWhole = (s: string): string =>
  `${inFunction(s, (schema) => startStatements(schema, 'caller').whole, wholeRow)} into made, made_epoch;`;
