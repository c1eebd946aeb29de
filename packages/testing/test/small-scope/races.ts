// The critical races: two things that happen to one run at the same time.
import { lifeRaces } from './life-races.js';
import type { RaceScenario } from './race.js';

const claims: RaceScenario = {
  name: 'a claim and a claim',
  run: async (race) => {
    const flow = race.flow('flow', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => race.effect(step, input)))));
    const client = race.caller();
    await race.worker(flow);
    await race.worker(flow);
    race.begin();
    const runs = ['a', 'b'].map((id) => client.start(flow, id, { id }));
    const results = runs.map((run) => race.tell(run.then((handle) => handle.result())));
    await race.settle();
    race.expect('results', await race.told(...results), ['"a"', '"b"']);
  },
};

/** The owner is stopped, and goes on just before, at, or just after the end of its lease. */
function expiry(stoppedMs: number): RaceScenario {
  return {
    name: `a claim and the end of a lease, after ${stoppedMs} ms`,
    stops: true,
    run: async (race) => {
      // No two bodies return the same: whose answer it was is seen in the result.
      let bodies = 0;
      const flow = race.flow('flow', async (ctx, _input, saw) => {
        const one = saw(await ctx.step('one', (step) => race.effect(step, ++bodies)));
        return [one, saw(await ctx.step('two', (step) => race.effect(step, ++bodies)))];
      });
      const client = race.caller();
      const owner = await race.worker(flow);
      const run = client.start(flow, 'in', { id: 'run' });
      const result = race.tell(run.then((handle) => handle.result()));
      race.machine('stops', 0, () => owner.process.freeze());
      race.machine('goes on', stoppedMs, () => owner.process.thaw());
      race.begin();
      await race.worker(flow);
      await race.settle();
      const entries = [...race.world.store.entriesOf('run', 1).values()];
      const recorded = entries.map(({ value }) => value.text).join(',');
      race.expect('result', await race.told(result), [`[${recorded}]`]);
    },
  };
}

const cancel: RaceScenario = {
  name: 'an end and a cancel',
  run: async (race) => {
    const flow = race.flow('flow', async (ctx, _input, saw) => {
      saw(await ctx.waitFor('go'));
      return saw(await ctx.step('work', (step) => race.effect(step, 'done')));
    });
    const [one, other] = [race.caller(), race.caller()];
    await race.worker(flow);
    const run = one.start(flow, 'in', { id: 'run' });
    await race.world.run(3_000);
    race.begin();
    const told = [
      race.tell(run.then((handle) => handle.result())), race.tell(other.get(flow, 'run').cancel('enough')),
      race.tell(run.then((handle) => handle.signal('go', 'on'))),
    ];
    await race.settle();
    race.expect('result, cancel, signal', await race.told(...told),
      ['"done"', 'nothing', 'nothing'], ['"done"', 'RUN_SETTLED', 'nothing'],
      ['RUN_CANCELLED', 'nothing', 'nothing'], ['RUN_CANCELLED', 'nothing', 'RUN_SETTLED']);
  },
};

const signal: RaceScenario = {
  name: 'a rest and a signal',
  run: async (race) => {
    const flow = race.flow('flow', async (ctx, _input, saw) => {
      saw(await ctx.step('before', (step) => race.effect(step, 'before')));
      const first = saw(await ctx.waitFor('go'));
      return [first, saw(await ctx.waitFor('go'))];
    });
    const client = race.caller();
    await race.worker(flow);
    race.begin();
    const run = client.start(flow, 'in', { id: 'run' });
    const result = race.tell(run.then(async (handle) => {
      await handle.signal('go', '1');
      await handle.signal('go', '2');
      return handle.result();
    }));
    await race.settle();
    race.expect('result', await race.told(result), ['["1","2"]']);
  },
};

const child: RaceScenario = {
  name: 'a rest and the end of a child',
  run: async (race) => {
    const inner = race.flow('inner', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => race.effect(step, `${input} done`)))));
    const outer = race.flow('outer', async (ctx, input, saw) => saw(await ctx.execute(inner, input)));
    const client = race.caller();
    await race.worker(outer);
    await race.worker(inner);
    race.begin();
    const result = race.tell(client.start(outer, 'in', { id: 'run' }).then((handle) => handle.result()));
    await race.settle();
    race.expect('result', await race.told(result), ['"in done"']);
  },
};

/** All of them. */
export const races: readonly RaceScenario[] = [
  claims, expiry(2_000), expiry(2_001), cancel, signal, child, ...lifeRaces,
];
