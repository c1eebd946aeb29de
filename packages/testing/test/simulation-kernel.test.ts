// The kernel of the simulation: one seed is one story, and what befalls its processes is what is said of it.
import { workflow } from '@perdure/core';
import { describe, expect, test } from 'vitest';
import { Chance } from '../dist/simulation/chance.js';
import { FaultPlan } from '../dist/simulation/fault-plan.js';
import { SimLoop } from '../dist/simulation/sim-loop.js';
import { SimProcess } from '../dist/simulation/sim-process.js';
import { SimWorld } from '../dist/simulation/sim-world.js';

interface Story {
  readonly hash: string;
  readonly results: readonly unknown[];
  readonly faults: number;
  readonly violations: readonly string[];
}

async function tell(seed: number): Promise<Story> {
  const double = workflow('double', async (ctx, input: number) => {
    const half = await ctx.step('half', () => input);
    await ctx.sleep('1s');
    return half + await ctx.transaction('other', async () => input);
  });
  const plan = FaultPlan.swarm(new Chance(seed));
  const world = new SimWorld({ seed, plan });
  await world.addWorker({ workflows: [double] });
  await world.addWorker({ workflows: [double] });
  const results: unknown[] = [];
  const ask = (id: number): void => void world.addClient(({ client }) => {
    void client.execute(double, id, { id: `run-${id}` }).then((result) => void (results[id] = result))
      .catch(() => undefined);
  });
  for (let id = 0; id < 3; id++) ask(id);
  await world.run(5_000);
  world.heal();
  for (let id = 0; id < 3; id++) ask(id);
  await world.runUntil(() => results.filter((each) => each !== undefined).length === 3, 120_000);
  const { violations, loop } = world;
  return { hash: loop.trace.text, results, faults: plan.total, violations: [...violations] };
}

describe('a world', () => {
  test('comes to its end whatever failed, and is the same again by the same seed', async () => {
    const hashes = new Set<string>();
    let faults = 0;
    for (let seed = 0; seed < 30; seed++) {
      const story = await tell(seed);
      expect([seed, story.results, story.violations]).toEqual([seed, [0, 2, 4], []]);
      expect((await tell(seed)).hash).toBe(story.hash);
      hashes.add(story.hash);
      faults += story.faults;
    }
    expect(hashes.size).toBe(30);
    expect(faults).toBeGreaterThan(100);
  });
});

describe('a process', () => {
  const make = (): { loop: SimLoop; process: SimProcess; seen: string[] } => {
    const loop = new SimLoop(() => 0, 0);
    return { loop, process: new SimProcess({ name: 'one', loop, chance: new Chance(1) }), seen: [] };
  };

  test('that is stopped does later what fell due meanwhile, in its order', async () => {
    const { loop, process, seen } = make();
    process.after(10, () => seen.push(`b ${loop.now}`));
    process.after(5, () => seen.push(`a ${loop.now}`));
    process.freeze();
    loop.add({ at: 100, actor: 'machine', label: 'thaw', run: () => process.thaw() });
    await loop.run({ until: 200, maxEvents: 100 });
    expect(seen).toEqual(['a 100', 'b 100']);
  });

  test('can call off while it is stopped what falls due meanwhile', async () => {
    const { loop, process, seen } = make();
    process.after(5, () => other.cancel());
    const other = process.after(10, () => seen.push('fired'));
    process.freeze();
    loop.add({ at: 100, actor: 'machine', label: 'thaw', run: () => process.thaw() });
    await loop.run({ until: 200, maxEvents: 100 });
    expect(seen).toEqual([]);
  });

  test('that is dead does nothing', async () => {
    const { loop, process, seen } = make();
    process.after(5, () => seen.push('fired'));
    process.nextTurn(() => seen.push('turn'));
    process.kill();
    expect(await loop.run({ until: 200, maxEvents: 100 })).toBe('quiet');
    expect(seen).toEqual([]);
  });
});

test('the chooser decides who goes first, within the order of each lane', async () => {
  for (const [chosen, order] of [[0, 'a1 a2 b'], [1, 'b a1 a2']] as const) {
    const loop = new SimLoop(() => chosen, 0);
    const seen: string[] = [];
    for (const label of ['a1', 'a2', 'b']) {
      loop.add({ at: 0, actor: label, label, lane: label[0] ?? null, run: () => seen.push(label) });
    }
    await loop.run({ until: 0, maxEvents: 10 });
    expect(seen.join(' ')).toBe(order);
  }
});
