// `signal`, `cancel`, `emit`: what the client of the same names writes, by the same statements.
import { cancelId, signalId } from '@perdure/core/engine';
import { emitStatement, sendStatement } from '../postgres/mail-statements.js';
import { checkName, encode } from './argument-checks.js';
import { createFunction, inFunction, raise } from './sql-function.js';

/** What a cancel says where no reason is given. */
const cancelReason = 'a statement in SQL asked for it';

const texts = (...values: readonly string[]): readonly string[] => values.map((value) => `array[${value}]`);

// Sends the message in `payload_text`, or says why not.
function send(s: string, message: { kind: string; id: string; name: string; what: string }): string {
  const { kind, id, name, what } = message;
  const values = texts('run_part', 'to_run', id, `'${kind}'`, name, `'json'`, 'payload_text', 'null', '0');
  return `
  run_part := ${s}.part_of(to_run);
  ${inFunction(s, (schema) => sendStatement(schema, 'caller'), values)}
    into answered, answer;
  if answer = 'no-run' then
    ${raise('RUN_NOT_FOUND', `format('There is no run ''%s''. Was the transaction that started it committed?',
        to_run)`)}
  elsif answer = 'settled' then
    ${raise('RUN_SETTLED', `format('Run ''%s'' has settled: %s cannot reach it any more.', to_run, ${what})`)}
  end if;`;
}

const variables = `
  run_part smallint;
  payload_text text;
  answered integer;
  answer text;
  why text;
  odd numeric;`;

const signal = (s: string): string => createFunction(s, {
  signature: `signal(run_id text, name text, payload jsonb default null, id text default null) returns void`,
  does: 'write',
  body: `
declare
  to_run text := signal.run_id;
  box text := signal.name;
  message text := coalesce(signal.id, ${s}.new_id());${variables}
begin${checkName('to_run', `'the id of a run'`)}${checkName('box', `'the name of a signal'`)}
  ${checkName('message', `'the id of a signal'`)}
  ${encode('payload', 'payload_text', `format('the payload of signal ''%s''', box)`)}
  ${send(s, { kind: 'signal', id: `'${signalId('')}' || message`, name: 'box',
    what: `format('signal ''%s''', box)` })}
end`,
});

const cancel = (s: string): string => createFunction(s, {
  signature: `cancel(run_id text, reason text default '${cancelReason}') returns void`,
  does: 'write',
  body: `
declare
  to_run text := cancel.run_id;
  payload jsonb := to_jsonb(coalesce(cancel.reason, '${cancelReason}'));${variables}
begin${checkName('to_run', `'the id of a run'`)}
  ${encode('payload', 'payload_text', `'the reason of a cancel'`)}
  ${send(s, { kind: 'cancel', id: `'${cancelId}'`, name: `''`, what: `'a cancel'` })}
end`,
});

const emit = (s: string): string => createFunction(s, {
  signature: `emit(event text, payload jsonb default null, key text default null, id text default null)
  returns void`,
  does: 'write',
  body: `
declare
  event_name text := emit.event;
  event_key text := emit.key;
  event_id text := coalesce(emit.id, ${s}.new_id());${variables}
begin${checkName('event_name', `'the name of an event'`)}
  if event_key is not null then
    ${checkName('event_key', `format('the key of event ''%s''', event_name)`)}
  end if;
  event_key := coalesce(event_key, '');
  ${checkName('event_id', `'the id of an event'`)}
  ${encode('payload', 'payload_text', `format('the payload of event ''%s''', event_name)`)}
  ${inFunction(s, (schema) => emitStatement(schema, 'caller'),
    texts(`${s}.part_of(event_id)`, 'event_id', 'event_name', 'event_key', `'json'`, 'payload_text', '0'))};
end`,
});

/** The functions that send; `s` is the quoted schema. */
export function mailFunctions(s: string): string {
  return [signal, cancel, emit].map((each) => each(s)).join('');
}
