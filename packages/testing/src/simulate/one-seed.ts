// One seed: a workflow on simulated workers and a simulated client, under faults; then without them, until it
// has ended.
//
//   B1. While the run rests and nothing is under way, time leaps to the next moment at which something is
//       due: a month takes no longer than a second.
//   B2. Faults last for a while of time that does not leap. Once they are over, the run must end.
import { DatabaseUnavailableError, WorkflowError, type Workflow } from '@perdure/core';
import { decode, decodeError, toMilliseconds, type AttemptFacts, type RunDetail } from '@perdure/core/engine';
import { Chance } from '../simulation/chance.js';
import { FaultPlan } from '../simulation/fault-plan.js';
import { SimWorld, type Inhabitant } from '../simulation/sim-world.js';
import { judgedRunOf, type ReplayedEnd } from './replayed-end.js';
import { SimulatedSteps } from './simulated-steps.js';
import type { SimulatedSignal, SimulateOptions, Simulated } from './simulation.js';

/** What came of one seed. */
export interface SeedEnd {
  readonly violations: readonly string[];
  readonly cause?: unknown;
  readonly end: Simulated<unknown> | null;
  readonly plan: FaultPlan;
  readonly deaths: number;
  readonly steps: SimulatedSteps;
  readonly trace: string;
}

const runId = 'simulated';
const workers = 2;
const stride = 1_000;
/** Strides in which nothing may be under way before time leaps. */
const quietStrides = 3;
const faultyStrides = 60;
/** After the last fault, without leaps: for a retry of everything that was under way. */
const fairStrides = 600;
const mostEvents = 100_000;
const mostLeaps = 2_000;

/** Runs one seed to its end. */
export async function runSeed<In, World>(
  workflow: Workflow<In>, options: SimulateOptions<In, World>, seed: number,
): Promise<SeedEnd> {
  const simulated = new SimulatedRun(workflow, options as SimulateOptions<unknown, unknown>, seed);
  return simulated.live();
}

class SimulatedRun {
  readonly #workflow: Workflow;
  readonly #options: SimulateOptions<unknown, unknown>;
  readonly #seed: number;
  readonly #world: SimWorld;
  readonly #plan: FaultPlan;
  readonly #steps: SimulatedSteps;
  /** When clients go on that wait for time to pass, by themselves. */
  readonly #alarms = new Set<number>();
  #deaths = 0;
  #leaps = 0;

  constructor(workflow: Workflow, options: SimulateOptions<unknown, unknown>, seed: number) {
    const name = `simulate ${seed}`;
    this.#workflow = workflow;
    this.#options = options;
    this.#seed = seed;
    this.#plan = FaultPlan.swarm(new Chance(name));
    this.#world = new SimWorld({ seed: name, plan: this.#plan });
    this.#steps = new SimulatedSteps(workflow.name, (what) => this.#world.accuse(what));
  }

  async live(): Promise<SeedEnd> {
    const { world: make, steps, workflows = [], expect } = this.#options;
    const outside = make?.(this.#seed);
    this.#steps.replace(steps?.(outside) ?? {}, this.#world.loop);
    const serving = {
      workflows: [this.#workflow, ...workflows],
      harness: { watch: (attempt: AttemptFacts) => this.#steps.watch(attempt) },
    };
    for (let at = 0; at < workers; at++) await this.#world.addWorker(serving, (born) => this.#count(born));
    this.#world.addClient((born) => {
      this.#count(born);
      void this.#script(born);
    });
    const detail = await this.#untilEnd();
    if (detail === null) return this.#seedEnd(null);
    const end = this.#endOf(detail, outside);
    if (end.status === 'parked') this.#world.accuse(end.error?.message ?? 'Its run is parked.');
    await this.#demandReplay(detail);
    try {
      await expect?.(end);
    } catch (error) {
      this.#world.accuse(error instanceof Error ? error.message : String(error));
      return this.#seedEnd(end, error);
    }
    return this.#seedEnd(end);
  }

  #count({ process }: Inhabitant): void {
    process.onDeath(() => void this.#deaths++);
  }

  // ---- the client ----------------------------------------------------------------------------------------

  /** What the client does, from the beginning again when it has died: everything in it may be sent twice. */
  async #script(inhabitant: Inhabitant): Promise<void> {
    const { client, process } = inhabitant;
    const { input, signals = [] } = this.#options;
    const bornAt = this.#world.loop.now;
    try {
      const workflow: Workflow<unknown> = this.#workflow;
      await this.#insist(inhabitant, () => client.start(workflow, input, { id: runId }));
      for (const [index, { name, payload, after = 0 }] of inOrder(signals).entries()) {
        const at = bornAt + toMilliseconds(after, `'after' of signal '${name}'`);
        this.#alarms.add(at);
        // A clock that goes wrong may wake it early.
        while (this.#world.loop.now < at) await process.sleep(at - this.#world.loop.now);
        this.#alarms.delete(at);
        await this.#insist(inhabitant, () => (
          client.get(this.#workflow, runId).signal(name, payload, { id: `signal ${index}` })));
      }
    } catch (error) {
      if (error instanceof WorkflowError && error.code === 'RUN_SETTLED') return;
      this.#world.accuse(`Its client failed: ${String(error)}`);
    }
  }

  async #insist({ process }: Inhabitant, deed: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await deed();
        return;
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        await process.sleep(100);
      }
    }
  }

  // ---- time ----------------------------------------------------------------------------------------------

  /** How the run ended; null if it did not. */
  async #untilEnd(): Promise<RunDetail | null> {
    const { loop } = this.#world;
    let still = 0;
    for (let strides = 0; strides < faultyStrides + fairStrides; strides++) {
      if (strides === faultyStrides) this.#world.heal();
      if (await this.#world.run(stride, mostEvents) === 'events') break;
      await this.#resumePoisoned();
      const detail = await this.#detail();
      if (detail !== null && isOver(detail)) return detail;
      still = await this.#rests() ? still + 1 : 0;
      if (still < quietStrides) continue;
      const next = this.#nextMoment();
      // What leaps is not counted (B1), but not without end.
      if (next === null || next <= loop.now) continue;
      loop.leap(next);
      still = 0;
      strides = Math.max(0, strides - quietStrides);
      if (++this.#leaps > mostLeaps) break;
    }
    await this.#tellStuck();
    return null;
  }

  /** A run whose workers all died is not to be blamed for it here: its operator opens it again. */
  async #resumePoisoned(): Promise<void> {
    const { store } = this.#world;
    const poisoned = [...store.runs.values()].filter(({ status, reason }) => (
      status === 'parked' && reason === 'POISONED'));
    if (poisoned.length === 0) return;
    await store.arrive(() => store.resumeRuns(poisoned.map(({ id }) => ({ runId: id }))));
  }

  #nextMoment(): number | null {
    const due = this.#world.store.nextDueAt();
    const next = Math.min(due === null ? Infinity : Math.ceil(due / 1_000), ...this.#alarms);
    return next === Infinity ? null : next;
  }

  /** Whether no run is driven, or could be. */
  async #rests(): Promise<boolean> {
    const { store } = this.#world;
    const [busy] = await store.arrive(() => store.queryRuns({
      workflow: null, status: ['pending', 'running'], attributes: {}, after: null, limit: 1,
    }));
    return busy === undefined;
  }

  async #detail(): Promise<RunDetail | null> {
    const { store } = this.#world;
    const [detail] = await store.arrive(() => store.readDetails([runId]));
    return detail ?? null;
  }

  async #tellStuck(): Promise<void> {
    const detail = await this.#detail();
    if (detail === null) {
      this.#world.accuse('Its run was never started.');
      return;
    }
    const waits = detail.calls.map(({ kind, name }) => `${kind} '${name}'`).join(', ');
    this.#world.accuse(`Its run did not end: it is ${detail.status}` +
      `${waits === '' ? '' : `, and waits in ${waits}`}. Send what it waits for (signals), and let bodies ` +
      'wait for nothing but promises of this process and the sleep that they are given.');
  }

  // ---- the end -------------------------------------------------------------------------------------------

  #endOf({ status, output, error }: RunDetail, world: unknown): Simulated<unknown> {
    return {
      seed: this.#seed, status, world,
      result: status === 'completed' ? decode(output) : undefined,
      error: error === null ? null : decodeError(error),
      calls: (step) => this.#steps.calls(step),
    };
  }

  /** What is recorded must lead its code to the same end again. */
  async #demandReplay(detail: RunDetail): Promise<void> {
    const { store } = this.#world;
    const { workflows = [] } = this.#options;
    const lease = { runId, part: 0, generation: detail.generation, epoch: 0 };
    const [history] = await store.arrive(() => store.readHistories([lease]));
    if (history === undefined) return;
    const replayed: ReplayedEnd = await judgedRunOf({ detail, history }, [this.#workflow, ...workflows]);
    if (replayed !== 'same') this.#world.accuse(`Its replay differs: ${replayed.differs}`);
  }

  #seedEnd(end: Simulated<unknown> | null, cause?: unknown): SeedEnd {
    return {
      violations: [...this.#world.violations], cause, end, plan: this.#plan, deaths: this.#deaths,
      steps: this.#steps, trace: this.#world.loop.trace.text,
    };
  }
}

function isOver({ status }: RunDetail): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'parked';
}

function inOrder(signals: readonly SimulatedSignal[]): readonly SimulatedSignal[] {
  const at = ({ after = 0 }: SimulatedSignal): number => toMilliseconds(after, 'after');
  return [...signals].sort((one, other) => at(one) - at(other));
}
