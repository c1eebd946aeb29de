import { describe, expect, test } from 'vitest';
import { WorkflowError, type Duration } from '@perdure/core';
import { toMilliseconds } from '@perdure/core/engine';

const day = 86_400_000;

describe('toMilliseconds', () => {
  const cases: Array<[Duration, number]> = [
    [0, 0], [250, 250], [1.6, 2],
    ['500ms', 500], ['500 ms', 500],
    ['1s', 1_000], ['1 second', 1_000], ['30 seconds', 30_000],
    ['1m', 60_000], ['1 minute', 60_000], ['2minutes', 120_000],
    ['1h', 3_600_000], ['1 hour', 3_600_000], ['1.5 hours', 5_400_000],
    ['1d', day], ['1 day', day], ['3 days', 3 * day],
    ['1w', 7 * day], ['1 week', 7 * day], ['2 weeks', 14 * day],
    ['0.1 s', 100], ['.5s', 500], ['1e3 ms', 1_000], ['+2 s', 2_000],
    ['36525 days', 36_525 * day], [36_525 * day, 36_525 * day],
  ];
  test.each(cases)('%s is %d ms', (duration, ms) => {
    expect(toMilliseconds(duration, 'timeout')).toBe(ms);
  });

  test('gives 0 for -0, which no database knows', () => {
    expect(Object.is(toMilliseconds(-0, 'timeout'), 0)).toBe(true);
    expect(Object.is(toMilliseconds('-0 s', 'timeout'), 0)).toBe(true);
  });

  const wrong: Array<[unknown, RegExp]> = [
    [-1, /-1 is negative/], ['-1 s', /'-1 s' is negative/],
    [Number.NaN, /NaN is not a number/],
    [Infinity, /Infinity is longer than 100 years/], [36_525 * day + 1, /longer than 100 years/],
    ['101 weeks 2', /not a duration/], ['5300 weeks', /longer than 100 years/],
    ['1e999 s', /longer than 100 years/],
    ['5 fortnights', /'5 fortnights' is not a duration/], ['5 months', /not a duration/],
    ['5 MS', /not a duration/],
    ['5', /not a duration/], ['', /not a duration/], ['s', /not a duration/], ['1  s', /not a duration/],
    [' 1 s', /not a duration/], ['1 s ', /not a duration/], ['0x10 s', /not a duration/],
    ['1 s\n', /not a duration/],
    ['Infinity s', /not a duration/], ['1_000 ms', /not a duration/], ['5 constructor', /not a duration/],
    [null, /null is not a duration/], [undefined, /type undefined/], [5n, /type bigint/],
    [new Date(0), /type object/],
    ['9'.repeat(100_000), /not a duration/], [`${'0'.repeat(40)}5 s`, /not a duration/],
  ];
  for (const [duration, problem] of wrong) {
    test(`refuses ${String(duration).slice(0, 40)}: ${problem.source}`, () => {
      let error: unknown;
      try {
        toMilliseconds(duration as Duration, 'sleep');
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(WorkflowError);
      const { code, message } = error as WorkflowError;
      expect(code).toBe('INVALID_DURATION');
      expect(message).toMatch(problem);
      expect(message).toMatch(/^sleep: .*'30 seconds'/s);
      expect(message.length).toBeLessThan(300);
    });
  }
});
