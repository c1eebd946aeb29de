// What stands between the function of a step and its transaction, by itself: interleavings that no library
// can be brought to at will.
import { expect, test } from 'vitest';
import { failure } from '../../../testing/test/engine.js';
import { BodyGate } from '../../dist/libraries/body-gate.js';

const nothing = async (): Promise<never[]> => [];

// Guards G2. Taken out, the record stands before a statement that fails, and COMMIT is a rollback unseen.
test('what was let through is sent before the record, however long its library thinks', async () => {
  const sent: string[] = [];
  const gate = new BodyGate();
  const tx = gate.guarded({
    write: async (what: string): Promise<void> => {
      for (let hop = 0; hop < 100; hop++) await Promise.resolve();
      sent.push(what);
    },
  });
  await gate.run(async (own: typeof tx, handle) => {
    await handle.query('fence', []);
    void own.write('not awaited');
    await handle.query('record', []);
    expect(() => own.write('late')).toThrow(expect.objectContaining({ code: 'TRANSACTION_ENDED' }));
  }, tx, async (text) => {
    sent.push(text);
    return [];
  });
  expect(sent).toEqual(['fence', 'not awaited', 'record']);
});

// Guards G3. Taken out, the library sends ROLLBACK on a connection that is gone.
test('a library that gave the transaction up hears no more of it', async () => {
  const gate = new BodyGate();
  const lost = new Error('the connection is gone');
  const heard: string[] = [];
  const seen: unknown[] = [];
  let go = (): void => undefined;
  const going = new Promise<void>((resolve) => { go = resolve; });
  const ran = gate.run(async (tx: { write(): void }, handle) => {
    await going;
    seen.push(await failure((async () => tx.write())()), await failure(handle.query('record', [])));
    throw new Error('the function');
  }, gate.guarded({ write: () => undefined }), nothing);
  ran.then(() => heard.push('done'), () => heard.push('failed'));
  const ended = gate.until(Promise.reject(lost));
  const order: string[] = [];
  const told = failure(ended).then((error) => {
    order.push('ended');
    return error;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual([]);
  go();
  expect(await told).toBe(lost);
  await new Promise((resolve) => setImmediate(resolve));
  expect([heard, seen]).toEqual([[], [lost, lost]]);
});

test('properties of a guarded function and object are those of the original', () => {
  const gate = new BodyGate();
  const tx = gate.guarded(Object.assign((text: string) => text, { deep: { n: 1 }, savepoint: () => 'made' }));
  expect([tx('x'), tx.deep.n, tx.savepoint(), typeof tx, 'savepoint' in tx])
    .toEqual(['x', 1, 'made', 'function', true]);
});
