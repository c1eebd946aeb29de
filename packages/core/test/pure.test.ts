// The small pure pieces: frozen hashes, frozen chance, retry decisions, names.
import { NonRetryableError, RetryAfterError } from '@perdure/core';
import { checkName, hash32, laneOf, partOf } from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';
import { Chance } from '../dist/chance.js';
import { decideRetry, defaultRetry, resolveRetry } from '../dist/retry.js';

describe('part and lane are part of the data format and never change', () => {
  test.each([
    ['', 2166103257, 25], ['a', 3826044192, 32], ['order-1', 729802258, 18],
    ['01KAX7ZZZZZZZZZZZZZZZZZZZZ', 841795355, 27], ['Größe', 1219693257, 9], ['訂單-7', 3553138708, 20],
    ['😀', 866297258, 42],
  ])('of %j', (text, hash, part) => {
    expect([hash32(text), partOf(text)]).toEqual([hash, part]);
  });

  test('of what a worker serves', () => {
    expect(laneOf('default', 'hello', null, 'normal')).toBe(1445917439);
    expect(laneOf('default', 'hello', 'v1', 'quarantine')).toBe(367859840);
    expect(laneOf('default', 'hello', null, 'normal', 0)).toBe(1445917439);
    expect([2, 1, -1, -2].map((priority) => laneOf('default', 'hello', 'v1', 'normal', priority)))
      .toEqual([1446628998, 1463405931, -885748748, -835417267]);
  });

  test('parts are even', () => {
    const counts = new Array<number>(64).fill(0);
    for (let n = 0; n < 64_000; n++) counts[partOf(`order-${n}`)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });
});

test('the chance of a run is frozen, and differs between runs and generations', () => {
  const chance = new Chance('order-1', 1);
  expect(chance.random()).toBe(0.27065098322772563);
  expect(chance.uuid()).toBe('69280879-b826-4546-ab19-874d1d4e22b5');
  expect(chance.random()).toBe(0.6607039068442989);
  expect(new Chance('order-2', 1).random()).not.toBe(0.27065098322772563);
  expect(new Chance('order-1', 2).random()).not.toBe(0.27065098322772563);
});

describe('retry', () => {
  const error = new Error('no');

  test('without a wait stays without, however often', () => {
    const atOnce = resolveRetry({ initialInterval: 0, maximumAttempts: Infinity }, defaultRetry, 'x');
    for (const attempt of [1, 2, 1_100, 1_000_000]) {
      expect(decideRetry(atOnce, { attempt, error }, 0.5)).toEqual({ kind: 'after', delayMs: 0 });
    }
  });
  const plain = resolveRetry({ jitter: false }, defaultRetry, 'test');
  const delay = (attempt: number, chance = 1): unknown => decideRetry(plain, { attempt, error }, chance);

  test('waits double from one second to one minute, for five attempts', () => {
    expect([1, 2, 3, 4].map((n) => delay(n))).toEqual([1_000, 2_000, 4_000, 8_000].map(
      (delayMs) => ({ kind: 'after', delayMs })));
    expect(delay(5)).toEqual({ kind: 'give-up' });
    const patient = resolveRetry({ jitter: false, maximumAttempts: Infinity }, defaultRetry, 'test');
    expect(decideRetry(patient, { attempt: 10_000, error }, 1)).toEqual({ kind: 'after', delayMs: 60_000 });
  });

  test('full jitter takes a random share of the wait', () => {
    expect(decideRetry(defaultRetry, { attempt: 3, error }, 0.25)).toEqual({ kind: 'after', delayMs: 1_000 });
  });

  test('what the code says wins: never again, or not before', () => {
    const never = new NonRetryableError('x');
    expect(decideRetry(plain, { attempt: 1, error: never }, 1)).toEqual({ kind: 'give-up' });
    const typed = resolveRetry({ nonRetryableErrors: [TypeError] }, defaultRetry, 'test');
    expect(decideRetry(typed, { attempt: 1, error: new TypeError('x') }, 1)).toEqual({ kind: 'give-up' });
    const later = new RetryAfterError('x', '90 seconds');
    expect(decideRetry(plain, { attempt: 1, error: later }, 1)).toEqual({ kind: 'after', delayMs: 90_000 });
    const at = new RetryAfterError('x', new Date(5_000));
    expect(decideRetry(plain, { attempt: 1, error: at }, 1)).toEqual({ kind: 'at', atMs: 5_000 });
  });

  test.each([0, -1, 1.5, NaN])('%d attempts are refused', (attempts) => {
    expect(() => resolveRetry(attempts, defaultRetry, 'Step x')).toThrow(/Step 'x'|Step x: maximumAttempts/);
  });
});

test.each([
  ['', 'empty'], ['a\0b', 'NUL'], ['x'.repeat(192), '191'], ['half \ud800', 'surrogate'], [7, 'number'],
])('the name %j is refused and the reason is said', (name, reason) => {
  expect(() => checkName(name, 'the name of a step')).toThrow(reason);
});
