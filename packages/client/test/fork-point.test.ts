// What of its record a run keeps when it begins anew.
import { describe, expect, test } from 'vitest';
import type { RecordedCall, RecordedEntry } from '@perdure/core/engine';
import { encodeError, nothing } from '@perdure/core/engine';
import { keptBefore } from '../src/fork-point.js';

const failed = encodeError(new Error('no'));
const dealtWith = encodeError(new Error('dealt with'));

function entry(position: number, place: string, more: Partial<RecordedEntry> = {}): RecordedEntry {
  return {
    position, place, kind: 'step', name: `at ${place}`, value: nothing, error: null, attempt: 1, tookMs: 0,
    message: null, at: position, ...more,
  };
}

function call(place: string, name: string): Pick<RecordedCall, 'place' | 'name'> {
  return { place, name };
}

/** Places that are kept. */
function kept(
  entries: readonly RecordedEntry[], from: string,
  { calls = [], error = failed }: { calls?: ReturnType<typeof call>[]; error?: string | null } = {},
): string {
  return keptBefore({ runId: 'r', error, entries, calls }, from).map(({ place }) => place).join(' ');
}

function refusal(entries: readonly RecordedEntry[], from: string): Error & { code?: string } {
  try {
    kept(entries, from);
  } catch (error) {
    return error as Error;
  }
  throw new Error('It was found.');
}

const plain = [entry(1, '1'), entry(2, '2', { name: 'charge' }), entry(3, '3')];

describe('from the start', () => {
  test('nothing is kept', () => {
    expect(kept(plain, 'start')).toBe('');
    expect(kept([], 'start')).toBe('');
  });
});

describe('from the failure', () => {
  test('what was recorded before the first answer with the error of the run is kept', () => {
    const twice = [...plain, entry(4, '4', { error: failed }), entry(5, '5', { error: failed })];
    expect(kept(twice, 'failure')).toBe('1 2 3');
    expect(kept([entry(1, '1', { error: failed }), entry(2, '2')], 'failure')).toBe('');
  });

  test('a failure that the code has dealt with is no reason to do again what followed', () => {
    const entries = [
      entry(1, '1', { error: dealtWith }), entry(2, '2', { name: 'charge' }),
      entry(3, '3', { error: failed }),
    ];
    expect(kept(entries, 'failure')).toBe('1 2');
    expect(kept(entries, 'failure', { error: encodeError(new Error('thrown by the code')) })).toBe('1 2 3');
    expect(kept(entries, 'failure', { error: null })).toBe('1 2 3');
    expect(kept(entries, 'failure', { error: 'not to be read' })).toBe('1 2 3');
  });

  test('the error of the run may have been caused by that of the call, or be made of it', () => {
    const entries = [...plain, entry(4, '4', { error: failed }), entry(5, '5')];
    const no = new Error('no');
    const errors = [
      new Error('outer', { cause: new Error('between', { cause: no }) }), new AggregateError([dealtWith, no]),
      new Error('outer', { cause: new AggregateError([no]) }),
    ];
    for (const error of errors) {
      expect(kept(entries, 'failure', { error: encodeError(error) })).toBe('1 2 3');
    }
    const texts = [entry(1, '1'), entry(2, '2', { error: encodeError('no text') })];
    expect(kept(texts, 'failure', { error: encodeError('no text') })).toBe('1');
    expect(kept(texts, 'failure', { error: encodeError('another') })).toBe('1 2');
  });

  test('a cancel and a timeout count as failures, a wait whose time was up does not', () => {
    const waited = entry(4, '4', { kind: 'signal', attempt: 0 });
    expect(kept([...plain, waited, entry(5, 'cancel', { kind: 'cancel' }), entry(6, '5')], 'failure'))
      .toBe('1 2 3 4');
    expect(kept([...plain, entry(4, 'timeout', { kind: 'timeout' })], 'failure')).toBe('1 2 3');
  });

  test('all is kept if nothing failed: the code itself threw', () => {
    expect(kept(plain, 'failure')).toBe('1 2 3');
    expect(kept([], 'failure')).toBe('');
  });

  test('nothing is kept once anything was rolled back', () => {
    expect(kept([...plain, entry(4, '4', { error: failed }), entry(5, 'rollback/1')], 'failure')).toBe('');
    expect(kept([...plain, entry(4, 'rollback/1')], 'failure')).toBe('');
  });

  test('positions decide, not places nor the order in which they are given', () => {
    const beside = [
      entry(3, '3/b/1'), entry(1, '1'), entry(4, '3/b/2', { error: failed }), entry(2, '3/a/1'),
      entry(5, '3/a/2'),
    ];
    expect(kept(beside, 'failure')).toBe('3/b/1 1 3/a/1');
  });
});

describe('from a call', () => {
  test('by its place, what was recorded before it is kept', () => {
    expect(kept(plain, '2')).toBe('1');
    expect(kept(plain, '1')).toBe('');
  });

  test('by its name, if it stands there once', () => {
    expect(kept(plain, 'charge')).toBe('1');
    const twice = [...plain, entry(4, '4/a/1', { name: 'charge' })];
    const error = refusal(twice, 'charge');
    expect(error).toMatchObject({ code: 'FORK_AMBIGUOUS', runId: 'r' });
    expect(error.message).toMatch(/2 calls: at '2', '4\/a\/1'\. Give one of these places/);
    expect(kept(twice, '4/a/1')).toBe('1 2 3');
  });

  test('a place comes before a name', () => {
    expect(kept([entry(1, '1', { name: '2' }), entry(2, '2')], '2')).toBe('1');
  });

  test('by the place around it, before the first of those that were made side by side', () => {
    const beside = [entry(1, '1'), entry(2, '2/b/1'), entry(3, '2/a/1'), entry(4, '22')];
    expect(kept(beside, '2')).toBe('1');
    expect(kept(beside, '2/a')).toBe('1 2/b/1');
  });

  test('that has no answer yet, all is kept', () => {
    expect(kept(plain, '4', { calls: [call('4', 'wait')] })).toBe('1 2 3');
    expect(kept(plain, 'wait', { calls: [call('4', 'wait')] })).toBe('1 2 3');
    expect(kept(plain, '4', { calls: [call('4/a/1', 'wait')] })).toBe('1 2 3');
    expect(refusal(plain, 'wait')).toMatchObject({ code: 'FORK_UNKNOWN' });
  });

  test('whose row has outlived its answer, it stands there once', () => {
    expect(kept(plain, 'charge', { calls: [call('2', 'charge')] })).toBe('1');
  });

  test('that is not in the record is refused, and so is what is no call', () => {
    const marks = [entry(1, '1'), entry(1, '2~new', { kind: 'patch', name: 'new' }),
      entry(2, 'cancel', { kind: 'cancel', name: 'cancel' })];
    for (const from of ['7', 'pay', '', 'new', '2~new', 'cancel']) {
      const error = refusal(marks, from);
      expect(error).toMatchObject({ code: 'FORK_UNKNOWN', runId: 'r' });
      expect(error.message).toContain(`'${from}'`);
    }
  });
});

test('a mark of changed code is kept with the answer that it follows', () => {
  const marked = [
    entry(0, '1~a', { kind: 'patch' }), entry(1, '1'), entry(1, '2~b', { kind: 'patch' }), entry(2, '2'),
    entry(2, '3~c', { kind: 'patch' }), entry(3, '3'),
  ];
  expect(kept(marked, '3')).toBe('1~a 1 2~b 2 3~c');
  expect(kept(marked, '2')).toBe('1~a 1 2~b');
  expect(kept(marked, '1')).toBe('1~a');
});
