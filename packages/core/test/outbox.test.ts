// The writing side of one run, without a run.
import { nothing, type Entry, type Lease } from '@perdure/core/engine';
import { expect, test } from 'vitest';
import { Outbox } from '../src/outbox.js';

const lease: Lease = { runId: 'a', part: 0, generation: 1, epoch: 1 };
const entry = (position: number): Entry => ({
  place: String(position), position, kind: 'step', name: 'step', attempt: 1, value: nothing, error: null,
  tookMs: 0, message: null,
});

// Guards O1. Taken out, the answer to the first write is taken for one to the second.
test('one write is under way at a time, and the next is taken when that is answered', () => {
  const outbox = new Outbox();
  outbox.entry(entry(1));
  const first = outbox.take(lease);
  expect(first?.entries.map(({ place }) => place)).toEqual(['1']);
  outbox.entry(entry(2));
  expect(outbox.take(lease)).toBeNull();
  expect(outbox.answered()).toBe(first);
  expect(outbox.take(lease)?.entries.map(({ place }) => place)).toEqual(['2']);
});
