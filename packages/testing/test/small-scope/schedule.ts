// One schedule of a race: who goes first wherever two calls to the database are ready at the same moment.
// What happens inside a process touches nobody else, so it is done before the next call arrives.
//
//   H1. The process that was served last is served on as long as it calls; to serve another one instead is a
//       preemption. Between calls of one process the oldest goes first; another order is one as well.
//   H2. A schedule is the list of its choices, by number; what is not in the list is 0: no preemption.
import type { Chooser, SimEvent } from '../../dist/simulation/sim-loop.js';

/** A moment at which several calls were ready. */
export interface Choice {
  /** Which was taken. */
  readonly taken: number;
  /** What each costs, in preemptions. */
  readonly costs: readonly number[];
  /** The calls. */
  readonly calls: readonly string[];
}

const ofNoMatter = /(register|see|forget)Worker$/;

/** Whether it is the arrival of a call, which others may see. */
function isCall({ actor, label }: SimEvent): boolean {
  return actor === 'database' && !ofNoMatter.test(label);
}

function processOf({ label }: SimEvent): string {
  return label.slice(0, label.indexOf(' '));
}

/** One schedule. */
export class Schedule {
  /** The choices that were made, in order. */
  readonly choices: Choice[] = [];
  /** Whether it is the time of the race; before and after it nothing is chosen. */
  armed = false;
  readonly #given: readonly number[];
  #served = '';

  constructor(given: readonly number[]) {
    this.#given = given;
  }

  /** For the loop: who goes first. */
  readonly choose: Chooser = (ready) => {
    const inside = ready.findIndex((event) => !isCall(event));
    if (inside >= 0) return inside;
    const own = ready.findIndex((event) => processOf(event) === this.#served);
    const first = Math.max(0, own);
    if (!this.armed) return first;
    const order = [first, ...ready.keys()].filter((index, at) => at === 0 || index !== first);
    const costs = order.map((index) => costOf(ready, index, own));
    const taken = this.#given[this.choices.length] ?? 0;
    this.choices.push({ taken, costs, calls: order.map((index) => ready[index]?.label ?? '') });
    const index = order[taken];
    if (index !== undefined) return index;
    throw new Error(`There is no call ${taken} at choice ${this.choices.length - 1}.`);
  };

  /** For the loop: what it took. */
  readonly watch = (event: SimEvent): void => {
    if (isCall(event)) this.#served = processOf(event);
  };
}

function costOf(ready: readonly SimEvent[], index: number, own: number): number {
  const process = ready.map(processOf);
  const preempts = own >= 0 && process[index] !== process[own];
  const overtakes = process.indexOf(process[index]!) < index;
  return Number(preempts) + Number(overtakes);
}

/** What a search found. */
export interface Search {
  readonly schedules: number;
  /** Most choices that one schedule had. */
  readonly choices: number;
  /** What broke, with the schedule that broke it. */
  readonly violations: readonly string[];
}

/** How far a search goes. */
export interface SearchLimits {
  readonly preemptions: number;
  /** More schedules than this are an error: the search would be none. */
  readonly schedules: number;
}

/** Runs every schedule with so many preemptions at most. `run` says what a schedule broke. */
export async function searchSchedules(
  run: (schedule: Schedule) => Promise<readonly string[]>, limits: SearchLimits,
): Promise<Search> {
  const violations: string[] = [];
  const open: number[][] = [[]];
  let schedules = 0;
  let choices = 0;
  for (let given = open.pop(); given !== undefined && violations.length < 3; given = open.pop()) {
    const schedule = new Schedule(given);
    const broken = await run(schedule);
    violations.push(...broken.map((what) => `${JSON.stringify(given)}: ${what}\n${told(schedule)}`));
    open.push(...nextOf(given, schedule.choices, limits.preemptions));
    choices = Math.max(choices, schedule.choices.length);
    if (++schedules > limits.schedules) throw new Error(`There are over ${limits.schedules} schedules.`);
  }
  return { schedules, choices, violations };
}

/** Schedules that go as this one, and otherwise at one later choice. */
function* nextOf(
  given: readonly number[], choices: readonly Choice[], preemptions: number,
): Iterable<number[]> {
  let spent = 0;
  for (const [at, { taken, costs }] of choices.entries()) {
    if (at >= given.length) {
      for (const [other, cost] of costs.entries()) {
        if (other === taken || spent + cost > preemptions) continue;
        yield [...choices.slice(0, at).map((choice) => choice.taken), other];
      }
    }
    spent += costs[taken] ?? 0;
  }
}

function told({ choices }: Schedule): string {
  return choices.map(({ taken, calls }, at) => `  ${at}: ${calls[taken]} of ${calls.join(', ')}`).join('\n');
}
