// Nonsense that types would not let pass is told by a code, in words, and does nothing.
import { createClient } from '@perdure/client';
import { workflow, WorkflowError } from '@perdure/core';
import { memoryConnection } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { failure } from '../../testing/test/engine.js';

const connection = memoryConnection();
// What a caller without types has.
const client = createClient({ connection }) as never as Record<string, (...given: unknown[]) => unknown>;
const flow = workflow('flow', async () => 'done');
const tx = (): unknown => connection.store.begin();
const run = { id: 'r', workflow: 'flow' };
const handle = (): Record<string, (...given: unknown[]) => unknown> => client['get']!(run) as never;

/** What a call throws, now or later, or what the iterable that it gives throws. */
async function thrownBy(call: () => unknown): Promise<WorkflowError> {
  return failure<WorkflowError>((async () => {
    const given = await call();
    if (typeof given !== 'object' || given === null || !(Symbol.asyncIterator in given)) return;
    for await (const _ of given as AsyncIterable<unknown>) break;
  })());
}

const calls: ReadonlyArray<readonly [string, () => unknown, string]> = [
  ['start without anything', () => client['start']!(), 'NOT_A_WORKFLOW'],
  ['start of null', () => client['start']!(null, flow), 'NOT_A_TRANSACTION'],
  ['start with null as options', () => client['start']!(flow, undefined, null), 'INVALID_OPTION'],
  ['start with a list as options', () => client['start']!(flow, undefined, []), 'INVALID_OPTION'],
  ['start in a transaction with a text as options', () => client['start']!(tx(), flow, undefined, 'id'),
    'INVALID_OPTION'],
  ['execute with null as options', () => client['execute']!(flow, undefined, null), 'INVALID_OPTION'],
  ['get of nothing', () => client['get']!(), 'INVALID_NAME'],
  ['signal without a transaction', () => client['signal']!(null, run, 'go'), 'NOT_A_TRANSACTION'],
  ['signal to nothing', () => client['signal']!(tx(), undefined, 'go'), 'INVALID_OPTION'],
  ['signal to null', () => client['signal']!(tx(), null, 'go'), 'INVALID_OPTION'],
  ['signal to an id', () => client['signal']!(tx(), 'r', 'go'), 'INVALID_OPTION'],
  ['signal without a name', () => client['signal']!(tx(), run), 'INVALID_NAME'],
  ['signal with null as options', () => client['signal']!(tx(), run, 'go', 1, null), 'INVALID_OPTION'],
  ['signal of a handle with null as options', () => handle()['signal']!('go', 1, null), 'INVALID_OPTION'],
  ['signal of a handle with a text as options', () => handle()['signal']!('go', 1, 'id'), 'INVALID_OPTION'],
  ['cancel of null', () => client['cancel']!(tx(), null), 'INVALID_OPTION'],
  ['cancel for null', () => handle()['cancel']!(null), 'INVALID_OPTION'],
  ['emit of null', () => client['emit']!(null), 'NOT_A_TRANSACTION'],
  ['emit with null as options', () => client['emit']!('paid', 1, null), 'INVALID_OPTION'],
  ['emit in a transaction with null as options', () => client['emit']!(tx(), 'paid', 1, null),
    'INVALID_OPTION'],
  ['emit in a transaction without a name', () => client['emit']!(tx(), null), 'INVALID_NAME'],
  ['complete of null', () => client['complete']!(null), 'NOT_A_TRANSACTION'],
  ['complete in a transaction of null', () => client['complete']!(tx(), null), 'INVALID_TOKEN'],
  ['query of null', () => client['query']!(null), 'INVALID_OPTION'],
  ['query of a workflow', () => client['query']!(flow), 'INVALID_OPTION'],
  ['list of null', () => client['list']!(null), 'INVALID_OPTION'],
  ['list of a filter that is misspelt', () => client['list']!({ state: 'failed' }), 'INVALID_OPTION'],
  ['result with null', () => handle()['result']!(null), 'INVALID_OPTION'],
  ['result with a number', () => handle()['result']!(5_000), 'INVALID_OPTION'],
  ['result with an AbortController', () => handle()['result']!({ abortSignal: new AbortController() }),
    'INVALID_OPTION'],
  ['stream with null', () => handle()['stream']!('progress', null), 'INVALID_OPTION'],
  ['stream with a text as abortSignal', () => handle()['stream']!('progress', { abortSignal: 'x' }),
    'INVALID_OPTION'],
];

test.each(calls)('%s', async (...[, call, code]) => {
  const error = await thrownBy(call);
  expect(error).toBeInstanceOf(WorkflowError);
  expect(error).toMatchObject({ code });
});

describe('a client', () => {
  test.each([
    [undefined], [null], [5], [{}], [{ connection: null }], [{ connection: 'postgres://x' }],
    [{ connection, deadlineMs: '5' }], [{ connection, deadlineMs: -1 }], [{ connection, deadlineMs: NaN }],
  ])('made of %o is refused', (options) => {
    expect(() => createClient(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

test('nothing was written', async () => {
  expect((await createClient({ connection }).query()).runs).toEqual([]);
});
