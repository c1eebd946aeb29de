// Races between a run and those who end it, delete it, or begin it anew.
import type { RaceScenario } from './race.js';

/** The cancel comes so long after the moment at which the timer is over. */
function timer(afterMs: number): RaceScenario {
  return {
    name: `a timer and a cancel ${afterMs} ms after it`,
    run: async (race) => {
      const flow = race.flow('flow', async (ctx, _input, saw) => {
        ctx.onRollback('undo', (step) => race.effect(step, undefined));
        await ctx.sleep('5 seconds');
        return saw(await ctx.step('work', (step) => race.effect(step, 'slept')));
      });
      const client = race.caller();
      await race.worker(flow);
      const run = client.start(flow, 'in', { id: 'run' });
      await race.world.run(1_000);
      const inMs = Math.ceil(race.dueAt('run')) - race.world.loop.now + afterMs;
      const asked = race.tell(race.in(inMs).then(() => client.get(flow, 'run').cancel('enough')));
      race.begin();
      await race.world.run(6_000);
      await race.settle();
      const result = race.tell(run.then((handle) => handle.result()));
      race.expect('result, cancel', await race.told(result, asked),
        ['"slept"', 'nothing'], ['"slept"', 'RUN_SETTLED'], ['RUN_CANCELLED', 'nothing']);
    },
  };
}

const starts: RaceScenario = {
  name: 'a start and a start of the same id',
  run: async (race) => {
    const flow = race.flow('flow', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => race.effect(step, input)))));
    const clients = [race.caller(), race.caller()];
    await race.worker(flow);
    race.begin();
    const results = clients.map((client, at) => (
      race.tell(client.start(flow, `of ${at}`, { id: 'run' }).then((run) => run.result()))));
    await race.settle();
    race.expect('results', await race.told(...results), ['"of 0"', '"of 0"'], ['"of 1"', '"of 1"']);
  },
};

const terminate: RaceScenario = {
  name: 'a rest and a termination',
  run: async (race) => {
    const inner = race.flow('inner', async (ctx, _input, saw) => saw(await ctx.waitFor('go')));
    const outer = race.flow('outer', async (ctx, input, saw) => (
      saw(await ctx.execute(inner, input, { id: 'child', parentClose: 'terminate' }))));
    const client = race.caller();
    await race.worker(outer, inner);
    race.begin();
    const result = race.tell(client.start(outer, 'in', { id: 'run' }).then((run) => run.result()));
    const ended = race.tell(race.once(() => race.world.store.runs.has('child'))
      .then(() => client.get(outer, 'run').terminate('by hand')));
    await race.settle();
    race.expect('result, end', await race.told(result, ended), ['RUN_FAILED', 'nothing']);
    race.expect('its child', race.world.store.runs.get('child')?.status, 'failed');
  },
};

const deletion: RaceScenario = {
  name: 'a deletion and those who read',
  run: async (race) => {
    const inner = race.flow('inner', async (ctx, input, saw) => (
      saw(await ctx.step('work', (step) => race.effect(step, `${input} done`)))));
    const outer = race.flow('outer', async (ctx, input, saw) => (
      saw(await ctx.execute(inner, input, { id: 'child' }))));
    const [client, other] = [race.caller(), race.caller()];
    await race.worker(outer, inner);
    race.begin();
    const result = race.tell(client.start(outer, 'in', { id: 'run' }).then((run) => run.result()));
    const ended = race.once(() => race.world.store.runs.get('child')?.status === 'completed');
    const deleted = race.tell(ended.then(() => other.get(inner, 'child').delete()));
    const read = race.tell(ended.then(() => client.get(inner, 'child').result()));
    await race.settle();
    race.expect('result of the parent, deletion, result of the child', await race.told(result, deleted, read),
      ['"in done"', 'nothing', '"in done"'], ['"in done"', 'nothing', 'RUN_NOT_FOUND']);
    race.expect('the child', race.world.store.runs.has('child'), false);
  },
};

const continuation: RaceScenario = {
  name: 'a next generation and a signal',
  run: async (race) => {
    const flow = race.flow('flow', async (ctx, input, saw) => {
      const said = `${input}${saw(await ctx.waitFor('go'))}`;
      return said.length < 3 ? ctx.continueAsNew(said) : said;
    });
    const client = race.caller();
    await race.worker(flow);
    race.begin();
    const result = race.tell(client.start(flow, '', { id: 'run' }).then(async (run) => {
      for (const letter of ['a', 'b', 'c']) await run.signal('go', letter);
      return run.result();
    }));
    await race.settle();
    race.expect('result', await race.told(result), ['"abc"']);
  },
};

/** They. */
export const lifeRaces: readonly RaceScenario[] = [
  timer(0), timer(1), starts, terminate, deletion, continuation,
];
