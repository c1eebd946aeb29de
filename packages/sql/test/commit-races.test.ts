// A commit that begins to look before something else is done, and locks after it: what it writes is decided
// by the rows as they are then.
import type { Entry, TurnAnswer, TurnWrite } from '@perdure/core/engine';
import { expect, test } from 'vitest';
import {
  carry, claimed, ending, ends, heard, inbox, json, leased, signal, tied, watch,
} from './mail-words.js';
import { raceStage } from './race-stage.js';

const stage = await raceStage();
const { store } = await stage.connection('owner');
const { store: late } = await stage.looker('late');

/** Commits by a snapshot that is older than what `meanwhile` does. */
async function committedLate(
  writes: readonly TurnWrite[], meanwhile: () => Promise<unknown>,
): Promise<readonly TurnAnswer[]> {
  const gate = await stage.hold('late', 'look');
  const committing = late.commit(writes);
  await gate.there;
  await meanwhile();
  await gate.open();
  return committing;
}

const entry = (position: number, message: string | null): Entry => ({
  place: String(position), position, kind: 'signal', name: 'go', value: json('1'), error: null, attempt: 1,
  tookMs: 0, message,
});

// Taken out (`tied` of the snapshot), the parent never hears of the end.
test('a settlement hears of a tie that is newer than its snapshot', async () => {
  const [parent, child] = await leased(store, 'p1', 'c1');
  await tied(store, watch(parent!, 'c1'));
  const answers = await committedLate([ending(child!, ends.settle)], () => carry(store));
  expect(answers).toMatchObject([{ kind: 'done' }]);
  expect(await carry(store)).toEqual(['p1']);
  expect(await heard(store, parent!)).toEqual(['completed']);
});

// A row that a carrier marked since is another version: one that is looked up by its place is not found.
test.each([1, 3])('%i messages are taken though a carrier has marked them since', async (count) => {
  const id = `taker-${count}`;
  const [lease] = await leased(store, id);
  const messages = Array.from({ length: count }, (_, index) => `m${index}`);
  await store.sendMessages(messages.map((message) => signal(id, message)));
  const entries = messages.map((message, index) => entry(index + 1, message));
  const answers = await committedLate([{ ...ending(lease!, ends.renew), entries }], async () => {
    expect(await carry(store)).toEqual([id]);
  });
  expect(answers).toMatchObject([{ kind: 'done', wake: true }]);
  expect(await inbox(store, lease!)).toEqual([]);
});

test('a rest honours a wake that is newer than its snapshot', async () => {
  const [lease] = await leased(store, 'sleeper');
  const answers = await committedLate([ending(lease!, ends.rest)], () => store.wake(['sleeper']));
  expect(answers).toMatchObject([{ kind: 'done', wake: true }]);
  expect([...(await claimed(store)).keys()]).toEqual(['sleeper']);
});

test('a write whose lease was taken since its snapshot is lost, and nothing of it stays', async () => {
  const [lease] = await leased(store, 'taken');
  const write = { ...ending(lease!, ends.settle), entries: [entry(1, null)] };
  const answers = await committedLate([write], () =>
    stage.sql("update perdure.ready set epoch = epoch + 1 where id = 'taken'"));
  expect(answers).toEqual([{ kind: 'lost' }]);
  const [history] = await store.readHistories([lease!]);
  expect(history!.entries).toEqual([]);
});

test('what was sent before and commits after the snapshot is found by the next sending', async () => {
  const [lease] = await leased(store, 'twice');
  const write = { ...ending(lease!, ends.renew), entries: [entry(1, null)] };
  let first: readonly TurnAnswer[] = [];
  const answers = await committedLate([write], async () => {
    first = await store.commit([write]);
  });
  expect(first).toMatchObject([{ kind: 'done' }]);
  expect(answers).toMatchObject([{ kind: 'done', at: (first[0] as { at: number }).at }]);
});
