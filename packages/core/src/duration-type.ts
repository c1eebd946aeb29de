// The type of a duration alone: errors carry one, and the parser of durations throws errors.

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'second' | 'seconds' | 'minute' | 'minutes'
  | 'hour' | 'hours' | 'day' | 'days' | 'week' | 'weeks';

/**
 * A length of time wherever the engine asks for one: a number of milliseconds, or a text such as '30
 * seconds', '1.5h', '2 days'. Zero to 100 years.
 */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;
