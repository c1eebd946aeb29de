// One run of a race: a world in which nothing fails and every call takes no time, so that its order is a
// matter of choice alone.
import type { Client } from '@perdure/client';
import { FaultPlan } from '../../dist/simulation/fault-plan.js';
import { Chance } from '../../dist/simulation/chance.js';
import { SimWorld, type Inhabitant } from '../../dist/simulation/sim-world.js';
import { searchSchedules, type Schedule, type Search } from './schedule.js';
import { Witness, type WitnessedWorkflow } from './witness.js';

/** A race between two things that are done at the same time. */
export interface RaceScenario {
  readonly name: string;
  /** Sets the stage, begins the race, lets it come to its end, and says what must be so. */
  run(race: Race): Promise<void>;
  /** An owner is stopped and goes on: it may begin what another one has ended, and see what never counts. */
  readonly stops?: boolean;
}

const settleMs = 60_000;

/** One run of a race. */
export class Race extends Witness {
  readonly world: SimWorld;
  readonly #schedule: Schedule;
  /** What is to happen as soon as something holds. */
  readonly #reactions: Array<{ readonly holds: () => boolean; readonly act: () => void }> = [];

  constructor(schedule: Schedule) {
    const chance = new Chance(1);
    const world = new SimWorld({
      seed: 1, plan: FaultPlan.none(chance), chooser: schedule.choose, exact: true, rebirthMs: null,
      done: () => this.#react(),
    });
    super((runId, generation, place) => world.store.entriesOf(runId, generation).has(place));
    this.world = world;
    this.#schedule = schedule;
    world.loop.watch = schedule.watch;
  }

  /** A worker in a process of its own. */
  async worker(...workflows: readonly WitnessedWorkflow[]): Promise<Inhabitant> {
    const adding = this.world.addWorker({ workflows });
    await this.world.run(100);
    return adding;
  }

  /** A client in a process of its own. */
  caller(): Client {
    return this.world.addClient().client;
  }

  /** From now on every order is tried, until nothing is left to do at this moment. */
  begin(): void {
    this.#schedule.armed = true;
  }

  /** Resolves as soon as a call to the database has made something so. */
  once(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => void this.#reactions.push({ holds, act: resolve }));
  }

  #react(): void {
    const at = this.#reactions.findIndex(({ holds }) => holds());
    if (at < 0) return;
    for (const { act } of this.#reactions.splice(at, 1)) act();
  }

  /** Resolves so much later. */
  in(ms: number): Promise<void> {
    const { loop } = this.world;
    return new Promise((resolve) => {
      loop.add({ at: loop.now + ms, actor: 'somebody', label: 'acts', run: resolve });
    });
  }

  /** When a run in line is due, in milliseconds; never if it is in none. */
  dueAt(runId: string): number {
    return (this.world.store['tables'].ready.get(runId)?.dueAt ?? Infinity) / 1_000;
  }

  /** Something that happens to a machine, in the race as a call is. */
  machine(label: string, inMs: number, run: () => void): void {
    const { loop } = this.world;
    loop.add({ at: loop.now + inMs, actor: 'database', label: `machine ${label}`, run });
  }

  /** Nothing is chosen any more, and whatever still waits comes to its end. */
  async settle(): Promise<void> {
    await this.world.run(2_000);
    this.#schedule.armed = false;
    const { runs } = this.world.store;
    const isSettled = (): boolean => [...runs.values()].every(({ status }) => status !== 'live');
    if (!await this.world.runUntil(isSettled, settleMs)) this.violations.push('a run never settled');
    await this.world.run(2_000);
  }

  /** What a promise comes to, as a text. */
  tell(promise: Promise<unknown>): Promise<string> {
    const told = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
    return promise.then(told, (error: Error & { code?: string }) => error.code ?? error.name);
  }

  /** What has been told, once time has passed. */
  async told(...promises: readonly Promise<string>[]): Promise<readonly string[]> {
    const texts = promises.map(() => 'no answer');
    let open = promises.length;
    for (const [at, promise] of promises.entries()) {
      void promise.then((text) => {
        texts[at] = text;
        open--;
      });
    }
    await this.world.runUntil(() => open === 0, settleMs);
    return texts;
  }

  /** One of these must be so. */
  expect(what: string, found: unknown, ...allowed: readonly unknown[]): void {
    const text = JSON.stringify(found);
    const texts = allowed.map((each) => JSON.stringify(each));
    if (!texts.includes(text)) this.violations.push(`${what}: ${text}, not ${texts.join(' or ')}`);
  }
}

/** Runs a race in every order with two preemptions at most. */
export function searchRace(scenario: RaceScenario): Promise<Search> {
  return searchSchedules((schedule) => runRace(scenario, schedule), { preemptions: 2, schedules: 20_000 });
}

/** Runs a race in one order; says what broke. */
export async function runRace(scenario: RaceScenario, schedule: Schedule): Promise<readonly string[]> {
  const race = new Race(schedule);
  await scenario.run(race);
  const { world, violations, bodies } = race;
  for (const [body, times] of bodies) {
    if (times > (scenario.stops === true ? 2 : 1)) violations.push(`${body} began ${times} times`);
  }
  await world.look();
  for (const { process } of world.inhabitants) process.kill();
  const zombies = scenario.stops === true ? /^N[12]/ : null;
  return [...violations.filter((what) => zombies?.test(what) !== true), ...world.violations];
}
