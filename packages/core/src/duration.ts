// Durations as people write them, turned into milliseconds.
import type { Duration } from './duration-type.js';
import { WorkflowError } from './errors.js';

export type { Duration } from './duration-type.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const week = 7 * day;
const longest = 36_525 * day;
const longestText = 40;

const units: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', second], ['second', second], ['seconds', second],
  ['m', minute], ['minute', minute], ['minutes', minute],
  ['h', hour], ['hour', hour], ['hours', hour],
  ['d', day], ['day', day], ['days', day],
  ['w', week], ['week', week], ['weeks', week],
]);

// What TypeScript takes for `${number}`, but for '0x10' and the like, which nobody means.
const pattern = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?) ?([a-z]+)$/i;

/**
 * Milliseconds of a duration, rounded to whole ones. `what` names the option in the error. Throws
 * INVALID_DURATION for what is no duration, negative, or longer than 100 years.
 */
export function toMilliseconds(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (ms === undefined) throw invalid(duration, what, 'is not a duration');
  if (Number.isNaN(ms)) throw invalid(duration, what, 'is not a number');
  if (ms < 0) throw invalid(duration, what, 'is negative');
  if (ms > longest) throw invalid(duration, what, 'is longer than 100 years');
  return Math.round(ms) + 0;
}

// Takes `unknown` because callers without types exist.
function parse(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > longestText) return undefined;
  const [, amount, name] = pattern.exec(text) ?? [];
  const unit = name === undefined ? undefined : units.get(name);
  return unit === undefined ? undefined : Number(amount) * unit;
}

function invalid(duration: unknown, what: string, problem: string): WorkflowError {
  const message = `${what}: ${quote(duration)} ${problem}. Give milliseconds as a number, or a text such ` +
    "as '500 ms', '30 seconds', '1.5h', '2 days', '1w'; at most 100 years.";
  return new WorkflowError('INVALID_DURATION', message);
}

function quote(duration: unknown): string {
  if (typeof duration === 'string') return `'${duration.slice(0, longestText)}'`;
  if (typeof duration === 'number' || duration === null) return String(duration);
  return `a value of type ${typeof duration}`;
}
