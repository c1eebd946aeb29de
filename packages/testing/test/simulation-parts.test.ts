// The parts of the simulation: chance, faults and what callers hear of them, leases.
import { workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { Chance } from '../dist/simulation/chance.js';
import { fairWeather, FaultPlan, faultKinds, type FaultKind } from '../dist/simulation/fault-plan.js';
import { SimWorld } from '../dist/simulation/sim-world.js';

const sure = (kind: FaultKind): FaultPlan => (
  new FaultPlan({ chance: new Chance(1), rates: new Map([[kind, 1]]), weather: fairWeather }));
const call = { verb: 'x', inTransaction: true, items: 2 };

describe('chance', () => {
  test('is the same by the same seed, and a fork is a stream of its own', () => {
    const draw = (chance: Chance): number[] => Array.from({ length: 5 }, () => chance.next());
    expect(draw(new Chance(7))).toEqual(draw(new Chance(7)));
    expect(draw(new Chance(7))).not.toEqual(draw(new Chance(8)));
    const [one, other] = [new Chance(7), new Chance(7)];
    other.next();
    expect(draw(one.fork('a'))).toEqual(draw(other.fork('a')));
    expect(draw(one.fork('a'))).not.toEqual(draw(one.fork('b')));
  });

  test('keeps to its bounds, and reaches them', () => {
    const chance = new Chance(1);
    const seen = new Set(Array.from({ length: 200 }, () => chance.between(2, 4)));
    expect(seen).toEqual(new Set([2, 3, 4]));
    expect(new Set(Array.from({ length: 200 }, () => chance.pick(['a', 'b']))).size).toBe(2);
    expect(chance.hex(31)).toMatch(/^[0-9a-f]{31}$/);
  });
});

describe('a plan of faults', () => {
  test('strikes only what a kind fits, numbers what it draws, and stops when it is healed', () => {
    expect(sure('conflict').draw({ ...call, inTransaction: false })).toBeNull();
    expect(sure('partial').draw({ ...call, items: 1 })).toBeNull();
    const plan = sure('refused');
    expect([plan.draw(call), plan.draw(call), plan.drawn]).toEqual(['refused', 'refused', 2]);
    plan.heal();
    expect([plan.draw(call), plan.drawn]).toEqual([null, 2]);
  });

  test('draws what it leaves out all the same', () => {
    const rates = new Map<FaultKind, number>([['refused', 1]]);
    const plan = new FaultPlan({ chance: new Chance(1), rates, only: new Set([1]) });
    expect([plan.draw(call), plan.draw(call), plan.draw(call)]).toEqual([null, 'refused', null]);
  });

  test('kills no more than it may', () => {
    const plan = new FaultPlan({ chance: new Chance(1), rates: new Map([['kill-after', 1]]), kills: 2 });
    expect([plan.draw(call), plan.draw(call), plan.draw(call)]).toEqual(['kill-after', 'kill-after', null]);
  });

  test('of all seeds has every kind', () => {
    const drawn = new Set<FaultKind>();
    for (let seed = 0; seed < 200; seed++) {
      for (const kind of FaultPlan.swarm(new Chance(seed)).kinds) drawn.add(kind);
    }
    expect([...drawn].sort()).toEqual([...faultKinds].sort());
  });
});

/** What a client hears, and what is in the database, when its one start is struck. */
async function strike(kind: FaultKind): Promise<{ told: string; exists: boolean }> {
  const plan = sure(kind);
  const world = new SimWorld({ seed: 1, plan, rebirthMs: null, exact: true });
  const nothing = workflow('nothing', async () => undefined);
  const { connection } = world.addClient();
  let told = 'nothing';
  const input = { codec: 'json', text: null } as const;
  void connection.store.startRuns([{ id: 'r', workflow: nothing.name, queue: 'default', input }])
    .then(() => void (told = 'done'), (error: Error) => void (told = error.name));
  plan.heal();
  await world.run(60_000);
  return { told, exists: world.store.runs.has('r') };
}

test.each<[FaultKind, string, boolean]>([
  ['refused', 'DatabaseUnavailableError', false],
  ['timed-out', 'DatabaseUnavailableError', false],
  ['reply-lost', 'DatabaseUnavailableError', true],
  ['late', 'DatabaseUnavailableError', true],
  ['kill-before', 'nothing', false],
  ['kill-after', 'nothing', true],
  ['freeze', 'done', true],
  ['block', 'done', true],
])('%s: its caller hears of it as %s, and it happened: %s', async (kind, told, exists) => {
  expect(await strike(kind)).toEqual({ told, exists });
});

test('a worker that stops past its lease loses its run, one whose loop is blocked does not', async () => {
  const lost: Record<string, boolean> = {};
  for (const how of ['freeze', 'block'] as const) {
    const world = new SimWorld({ seed: 1, exact: true });
    const bodies: string[] = [];
    const work = workflow('work', async (ctx) => {
      await ctx.step('slow', async () => {
        bodies.push('begun');
        await first.process.sleep(100);
      });
    });
    const first = await world.addWorker({ workflows: [work] });
    void first.client.start(work, undefined, { id: 'r' });
    await world.runUntil(() => bodies.length === 1, 5_000, 10);
    await world.addWorker({ workflows: [work] });
    first.process[how]();
    await world.run(1.4 * world.leaseMs);
    first.process.thaw();
    await world.run(1_000);
    lost[how] = bodies.length > 1;
  }
  expect(lost).toEqual({ freeze: true, block: false });
});
