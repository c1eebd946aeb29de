// The words of explanations: instants and distances as people read them, and texts of others made short.
import { decodeError } from './codec.js';
import { micros } from './micros.js';
import type { Instant } from './store.js';

const units = [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]] as const;

/** Longest name, and longest message of an error, in characters. */
const longestQuote = 100;
const longestMessage = 300;

/** A duration in its two largest units, such as `2 d 3 h`. */
export function lengthOf(ms: number): string {
  if (!Number.isFinite(ms)) return 'a time without end';
  let left = Math.round(Math.abs(ms) / 1_000);
  const parts: string[] = [];
  for (const [unit, seconds] of units) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(`${count} ${unit}`);
    // The second unit is the one right below: `2 d`, not `2 d 5 s`.
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? 'less than 1 s' : parts.join(' ');
}

/** An instant, and how far it is from another one: `2030-01-01T00:00:00.000Z (in 40 s)`. */
export function when(at: Instant, now: Instant): string {
  const date = new Date(at / 1_000);
  if (Number.isNaN(date.getTime())) return 'a time that no calendar has';
  if (!Number.isFinite(now)) return date.toISOString();
  const length = lengthOf((at - now) / 1_000);
  return `${date.toISOString()} (${at > now ? `in ${length}` : `${length} ago`})`;
}

/** The end of a time limit that began at an instant. */
export function endOf(begun: Instant, limitMs: number): Instant {
  return begun + micros(limitMs);
}

/** A name that somebody chose, in quotes. */
export function quoted(name: string): string {
  return `'${oneLine(name, longestQuote)}'`;
}

/** A text on one line, cut, without what would end a sentence. */
export function shortened(text: string): string {
  return oneLine(text, longestMessage).replace(/[.!?\s]+$/, '');
}

function oneLine(text: string, longest: number): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // No half of a pair is left at the end.
  return line.length > longest ? `${line.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
}

/** An error as it was recorded: its name and its message. */
export function errorWords(encoded: string | null): string {
  if (encoded === null) return 'an error that was not recorded';
  const { name, message } = decodeError(encoded);
  const said = shortened(String(message));
  const known = shortened(String(name)) || 'Error';
  return said === '' ? known : `${known}: ${said}`;
}

/** `1 worker`, `3 workers`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Some of them, and how many more there are. */
export function listed(texts: readonly string[], most: number, separator: string): string {
  const more = texts.length - most;
  const shown = texts.slice(0, most).join(separator);
  return more > 0 ? `${shown}${separator}and ${more} more` : shown;
}
