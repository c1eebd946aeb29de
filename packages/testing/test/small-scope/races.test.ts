// Every critical race in every order of its calls to the database, with two preemptions at most. A schedule
// that breaks something is told as the list of its choices: `runRace(scenario, new Schedule([…]))` runs it.
import { expect, test } from 'vitest';
import { Race, searchRace, type RaceScenario } from './race.js';
import { races } from './races.js';
import { Schedule } from './schedule.js';

/** How many schedules each has: a search of fewer would find less. */
const schedules: Readonly<Record<string, number>> = {
  'a claim and a claim': 6,
  'a claim and the end of a lease, after 2000 ms': 1_126,
  'a claim and the end of a lease, after 2001 ms': 2_790,
  'an end and a cancel': 63,
  'a rest and a signal': 38,
  'a rest and the end of a child': 1_306,
  'a timer and a cancel 0 ms after it': 36,
  'a timer and a cancel 1 ms after it': 3,
  'a start and a start of the same id': 16,
  'a rest and a termination': 37,
  'a deletion and those who read': 144,
  'a next generation and a signal': 74,
};

const cases = races.map((race) => ({ race, name: race.name, count: schedules[race.name] ?? 0 }));

test.each(cases)('$name: $count schedules', { timeout: 300_000 }, async ({ race, count }) => {
  const found = await searchRace(race);
  expect(found.violations).toEqual([]);
  expect(found.schedules).toBe(count);
});

async function traceOf(race: RaceScenario, choices: readonly number[]): Promise<string> {
  const run = new Race(new Schedule(choices));
  await race.run(run);
  return run.world.loop.trace.text;
}

test('the same choices take the same way, and others another one', async () => {
  const [race] = races;
  const once = await traceOf(race!, [1]);
  expect(await traceOf(race!, [1])).toBe(once);
  expect(await traceOf(race!, [])).not.toBe(once);
});
