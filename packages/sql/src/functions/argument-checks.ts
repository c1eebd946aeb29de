// What functions ask of their arguments: the limits of the clients, in PL/pgSQL.
//
//   A1. A value that is stored is read as the same JSON. Beyond 2^53 JavaScript has not every integer, and
//       prints what it has in the fewest digits: up to 15 of them come back. An integer with more is refused,
//       since a number that stands for something, such as a key of a table, would be another one.
import { defaultLimits, longestName, maximumDepth } from '@perdure/core/engine';
import { raise } from './sql-function.js';

// What lies above U+FFFF counts as two, as it does in JavaScript.
const lengthOf = (text: string): string =>
  `2 * length(${text}) - length(regexp_replace(${text}, E'[\\\\U00010000-\\\\U0010FFFF]', '', 'g'))`;

/** Refuses a text that cannot be a key; `name` is a variable, `what` an expression. `why` is overwritten. */
export function checkName(name: string, what: string): string {
  return `
  why := case
    when ${name} is null then 'it is null; give 1 to ${longestName} characters'
    when ${name} = '' then 'it is empty; give 1 to ${longestName} characters'
    when octet_length(${name}) <= ${longestName} then null
    when octet_length(${name}) > ${4 * longestName}
      then format('it has %s characters; ${longestName} are the limit', length(${name}))
    when ${lengthOf(name)} > ${longestName}
      then format('it has %s characters; ${longestName} are the limit', ${lengthOf(name)}) end;
  if why is not null then
    ${raise('INVALID_NAME', `format('Cannot use %s: %s.', ${what}, why)`)}
  end if;`;
}

const longestMs = 36_525 * 86_400_000;

/** Turns an interval into whole milliseconds; null stays null. */
export function toMilliseconds(interval: string, into: string): string {
  const wrong = (problem: string): string => raise('INVALID_DURATION',
    `format('${interval}: %s ${problem}. Give an interval from 0 to 100 years.', ${interval})`);
  return `
  if ${interval} is not null then
    if extract(epoch from ${interval}) < 0 then
      ${wrong('is negative')}
    elsif extract(epoch from ${interval}) * 1000 > ${longestMs} then
      ${wrong('is longer than 100 years')}
    end if;
    ${into} := round(extract(epoch from ${interval}) * 1000)::float8;
  end if;`;
}

/** Turns a value into the text that is stored. `what` is an expression; `odd` is overwritten. */
export function encode(value: string, into: string, what: string): string {
  const { maximumBytes } = defaultLimits;
  return `
  ${into} := ${value}::text;
  if octet_length(${into}) > ${maximumBytes} then
    ${raise('VALUE_TOO_LARGE', `format('%s is %s bytes as JSON; the limit is ${maximumBytes}. Store the '
        'data elsewhere (object storage, a table of your own) and pass a reference to it, such as its key.',
        ${what}, octet_length(${into}))`)}
  elsif octet_length(${into}) > ${2 * maximumDepth} and jsonb_path_exists(${value},
      'strict $.**{${maximumDepth + 1}} ? (@.type() == "object" || @.type() == "array")') then
    ${raise('VALUE_NOT_STORABLE',
    `format('%s cannot be stored: it is nested deeper than ${maximumDepth} levels. Make it '
        'flatter.', ${what})`)}
  elsif ${into} ~ '[0-9]{16}' then
    select number into odd from (
      select found::numeric as number
        from jsonb_path_query(${value}, 'strict $.** ? (@.type() == "number")') as found) numbers
     where case when abs(number) > ${largestNumber} then true
                when abs(number) <= ${2 ** 53} or number <> trunc(number) then false
                else length(rtrim(trunc(abs(number))::text, '0')) > 15 end
     limit 1;
    if odd is not null then
      ${raise('VALUE_NOT_STORABLE', `format('%s cannot be stored: the number %s has more digits than '
          'JavaScript keeps. Pass it as a text.', ${what}, left(odd::text, 40))`)}
    end if;
  end if;`;
}

/** The largest number of JavaScript, as SQL reads it. */
export const largestNumber = '1.7976931348623157e308';
