// Fences: a worker that lost its run writes nothing (P2), and items of a batch do not touch each other (P4).
import assert from 'node:assert/strict';
import type { TurnWrite } from '../store.js';
import {
  ends, ending, entry, idsOf, json, longMs, newRun, promise, sleep, write, type Scene,
} from './scene.js';
import type { StoreCase } from './store-world.js';

const allEnds = [null, ends.settle(), ends.park(), ends.rest(0), ends.renew()] as const;

/** Sends settlement and claim together at the moment the lease of a suspect ends, in the given order. */
async function race(scene: Scene, claimFirst: boolean): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const id = `run-${round}`;
    await scene.claimed(id);
    const run = await scene.suspect(id);
    await scene.world.expireLease(id);
    const settle = async (): Promise<boolean> => {
      const { kind } = await scene.commit(ending(run, ends.settle()));
      return kind === 'done';
    };
    const claim = async (): Promise<boolean> => (await scene.claimIds({ suspects: true })).length > 0;
    const wins = await Promise.all(claimFirst ? [claim(), settle()] : [settle(), claim()]);
    assert.notEqual(wins[0], wins[1], wins[0] ? 'both won' : 'nobody won');
    const settled = wins[claimFirst ? 1 : 0] === true;
    assert.equal(await scene.status(id), settled ? 'completed' : 'running');
    if (!settled) await scene.done(ending(await scene.suspect(id), ends.settle()));
  }
}

/** What fences promise. */
export const fenceCases: readonly StoreCase[] = [
  ...allEnds.map((end) => promise(`fence: after a lease is lost, nothing is written with ${
    end?.kind ?? 'entries alone'}`, async (scene) => {
    const lost = await scene.claimed('a');
    const owner = await scene.suspect('a');
    const item = { entries: [entry('0', 1)], calls: [sleep('1', 5)], end };
    await scene.answered('lost', write(lost, item));
    assert.equal(await scene.status('a'), 'running');
    assert.deepEqual(await scene.history(owner), { entries: [], calls: [], streams: [] });
    await scene.answered('done', ending(owner, ends.settle('"mine"')));
    await scene.answered('lost', write(lost, item));
    const [run] = await scene.store.readRuns(['a']);
    assert.deepEqual(run?.output, json('"mine"'));
  })),
  promise('fence: a lost lease closes no call', async (scene) => {
    const lost = await scene.claimed('a');
    await scene.done(write(lost, { calls: [sleep('0', 5)] }));
    const owner = await scene.suspect('a');
    await scene.answered('lost', write(lost, { closed: ['0'] }));
    assert.equal((await scene.history(owner)).calls.length, 1);
  }),
  promise('fence: a run that rested is not written by who gave it back', async (scene) => {
    const run = await scene.claimed('a');
    await scene.rest(run);
    for (const end of [null, ends.settle(), ends.park(), ends.renew()]) {
      await scene.answered('lost', write(run, { entries: [entry('0', 1)], end }));
    }
    assert.deepEqual(await scene.places(run), []);
    assert.equal(await scene.status('a'), 'waiting');
  }),
  promise('fence: a run that does not exist is lost', async (scene) => {
    const lease = { runId: 'nobody', part: 0, generation: 1, epoch: 1 };
    for (const end of allEnds) await scene.answered('lost', write(lease, { entries: [entry('0', 1)], end }));
    assert.deepEqual(await scene.store.readRuns(['nobody']), []);
  }),
  promise('fence: every change of ownership has a new epoch, and it grows', async (scene) => {
    const { epoch: born } = await scene.start('a');
    const first = await scene.claimOne('a');
    const rested = await scene.rest(first, 0);
    const second = await scene.claimOne('a');
    const suspect = await scene.suspect('a');
    const again = await scene.suspect('a');
    const epochs = [
      born, first.lease.epoch, rested, second.lease.epoch, suspect.before, suspect.lease.epoch,
      again.lease.epoch,
    ];
    assert.deepEqual(epochs, [...new Set(epochs)].sort((one, other) => one - other));
  }),
  promise('fence: a wake and a renewal leave the owner its epoch', async (scene) => {
    const run = await scene.claimed('a');
    await scene.store.wake(['a']);
    await scene.answered('done', ending(run, ends.renew()));
    await scene.answered('done', write(run, { entries: [entry('0', 1)] }));
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('fence: an id that is deleted and started again has no epoch twice', async (scene) => {
    const first = await scene.claimed('a');
    await scene.rest(first, 0);
    await scene.claimOne('a');
    await scene.world.forget('a');
    assert.deepEqual(await scene.store.readRuns(['a']), []);
    await scene.start('a');
    for (let round = 0; round < 5; round++) {
      const run = await scene.claimOne('a');
      assert.ok(run.before > first.lease.epoch, `${run.before} is not after ${first.lease.epoch}`);
      await scene.answered('lost', write(first, { entries: [entry('0', 1)] }));
      await scene.rest(run, 0);
    }
  }),
  promise('fence: an owner whose lease ended goes on until another one claims', async (scene) => {
    const run = await scene.claimed('a');
    await scene.world.expireLease('a');
    await scene.answered('done', write(run, { entries: [entry('0', 1)] }));
    await scene.answered('done', ending(run, ends.renew()));
    assert.deepEqual(await scene.claimIds({ suspects: true }), []);
    await scene.answered('done', ending(run, ends.settle()));
  }),
  promise('fence: a renewal extends the lease', async (scene) => {
    await scene.start('a');
    const run = await scene.claimOne('a', { leaseMs: longMs / 2 });
    const { at } = await scene.done(ending(run, ends.renew()));
    assert.equal(await scene.nextDue(), at + longMs * 1_000);
  }),
  promise('fence: at the end of a lease, settlement or claim: exactly one wins', async (scene) => {
    await race(scene, false);
  }),
  promise('fence: at the end of a lease, claim or settlement: exactly one wins', async (scene) => {
    await race(scene, true);
  }),
  promise('fence: items of a batch have no influence on each other', async (scene) => {
    const names = ['busy', 'lost', 'settles', 'rests', 'refused', 'records'];
    await scene.store.startRuns(names.map((id) => newRun(id)));
    const { runs } = await scene.claim();
    assert.deepEqual(idsOf(runs), [...names].sort());
    const of = (id: string): TurnWrite['lease'] => {
      const run = runs.find(({ lease }) => lease.runId === id);
      assert.ok(run !== undefined);
      return run.lease;
    };
    const release = await scene.world.lockRow('busy');
    const answers = await scene.store.commit([
      write(of('busy'), { entries: [entry('0', 1)], end: ends.settle() }),
      write(of('settles'), { entries: [entry('0', 1)], end: ends.settle() }),
      write({ ...of('lost'), epoch: of('lost').epoch - 1 }, { entries: [entry('0', 1)], end: ends.settle() }),
      write({ ...of('lost'), runId: 'nobody' }, { entries: [entry('0', 1)], end: ends.settle() }),
      write(of('rests'), { entries: [entry('0', 1)], calls: [sleep('1', 5)], end: ends.rest(5) }),
      write(of('refused'), { entries: [entry('0', 1), entry('1', 2, { value: json('"\0"') })] }),
      write(of('records'), { entries: [entry('0', 1)] }),
    ]);
    const kinds = ['busy', 'done', 'lost', 'lost', 'done', 'refused', 'done'];
    assert.deepEqual(answers.map(({ kind }) => kind), kinds);
    await release();
    const histories = await scene.store.readHistories(names.map(of));
    assert.deepEqual(histories.map(({ entries }) => entries.length), [0, 0, 1, 1, 0, 1]);
    for (const id of ['busy', 'lost', 'refused', 'records']) {
      assert.equal(await scene.status(id), 'running', id);
    }
    await scene.answered('done', ending(of('busy'), ends.settle()));
    await scene.answered('done', ending(of('refused'), ends.settle()));
  }),
  promise('fence: a batch of 1,000 is answered one by one', async (scene) => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `run-${index}`);
    await scene.store.startRuns(ids.map((id) => newRun(id)));
    const { runs } = await scene.claim({ limit: 1_000 });
    assert.equal(runs.length, 1_000);
    // In no order that a store could have by itself.
    const items = [...runs].reverse().map(({ lease }, index) => {
      const epoch = index % 100 === 7 ? lease.epoch - 1 : lease.epoch;
      return write({ ...lease, epoch }, { entries: [entry('0', 1)], end: ends.settle(`"${lease.runId}"`) });
    });
    const answers = await scene.store.commit(items);
    const wanted = items.map((_, index) => (index % 100 === 7 ? 'lost' : 'done'));
    assert.deepEqual(answers.map(({ kind }) => kind), wanted);
    const records = await scene.store.readRuns(ids);
    assert.equal(records.length, 1_000);
    assert.equal(records.filter(({ status }) => status === 'completed').length, 990);
    for (const { id, output, status } of records) {
      assert.equal(output.text, status === 'completed' ? `"${id}"` : null);
    }
  }),
];
