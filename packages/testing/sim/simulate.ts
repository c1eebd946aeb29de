// One simulation: a story told under faults, healed, brought to its end, and judged.
import type { Client } from '@perdure/client';
import { decode, type RecordedEntry } from '@perdure/core/engine';
import { Chance } from '../dist/simulation/chance.js';
import { FaultPlan, type FaultKind } from '../dist/simulation/fault-plan.js';
import type { SimEvent } from '../dist/simulation/sim-loop.js';
import type { SimProcess } from '../dist/simulation/sim-process.js';
import { SimWorld, type Inhabitant } from '../dist/simulation/sim-world.js';
import { Director } from './director.js';
import { ending, interpret } from './interpret.js';
import { judge } from './oracle.js';
import { nodesOf } from './program.js';
import { Recorder, type Call, type View } from './recorder.js';
import { signals, type Story } from './story.js';

/** What became of a simulation. */
export interface Report {
  readonly seed: number;
  readonly hash: string;
  readonly events: number;
  /** Faults that hit, by kind. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Faults that were drawn. */
  readonly drawn: number;
  readonly runs: number;
  readonly violations: readonly string[];
}

/** How long everything may take to settle once nothing fails any more. */
const settleMs = 120_000;
/** After how long everything that can go on by itself has done so. */
const patienceMs = 8_000;
const releaseEveryMs = 2_000;

/** Tells a story. */
export function simulate(story: Story, watch: ((event: SimEvent) => void) | null = null): Promise<Report> {
  return new Simulation(story, watch).run();
}

class Simulation {
  readonly #story: Story;
  readonly #world: SimWorld;
  readonly #recorder: Recorder;
  readonly #rows = new Map<string, number>();
  readonly #released = new Set<string>();
  readonly #plan: FaultPlan;
  /** Nodes whose answers are found in the record by name. */
  readonly #steps: ReadonlySet<string>;

  constructor(story: Story, watch: ((event: SimEvent) => void) | null) {
    this.#story = story;
    const { seed, faults } = story;
    this.#steps = new Set(story.programs.flatMap(({ body }) => [...nodesOf(body)])
      .filter(({ op }) => op === 'step' || op === 'transaction').map(({ id }) => id));
    this.#plan = FaultPlan.swarm(new Chance(seed), faults === null ? undefined : new Set(faults));
    this.#world = new SimWorld({
      seed, plan: this.#plan,
      business: { wrote: (rows) => {
        for (const row of rows) this.#rows.set(row, (this.#rows.get(row) ?? 0) + 1);
      } },
    });
    this.#world.loop.watch = watch;
    const { loop } = this.#world;
    this.#recorder = new Recorder(() => loop.now, (what) => this.#world.accuse(what));
  }

  async run(): Promise<Report> {
    const { programs, workers, clients, deeds, chaosMs } = this.#story;
    const world = this.#world;
    const workflows = interpret(programs, this.#hostOf(null));
    const director = new Director(world, { programs, deeds }, workflows);
    for (let index = 0; index < workers; index++) await this.#addWorker();
    director.direct(clients);
    await world.runUntil(() => director.isDone && this.#unsettled.length === 0, chaosMs);
    world.heal();
    const settled = await this.#settle(director);
    if (!settled) world.accuse('unsettled: not everything has come to its end');
    await world.look();
    judge({
      story: this.#story, store: world.store, recorder: this.#recorder, deeds: director.deeds,
      rows: this.#rows, released: this.#released, calm: this.#plan.isCalm,
      accuse: (what) => world.accuse(what),
    });
    return {
      seed: this.#story.seed, hash: world.loop.trace.text, events: world.loop.taken,
      faults: Object.fromEntries(this.#plan.counts), drawn: this.#plan.drawn, runs: world.store.runs.size,
      violations: [...world.violations],
    };
  }

  async #addWorker(): Promise<void> {
    const { programs, forgetful, concurrency } = this.#story;
    await this.#world.addWorker({
      workflows: (process, connected) => interpret(programs, this.#hostOf({ process, connected })),
      concurrency, harness: { forgetful },
    });
  }

  /** Lets everything come to its end; what waits for a signal for ever is sent one again and again. */
  async #settle(director: Director): Promise<boolean> {
    const isOver = (): boolean => director.isDone && !this.#unsettled.length;
    const until = this.#world.loop.now + settleMs;
    if (await this.#world.runUntil(isOver, patienceMs)) return true;
    this.#mustHaveHeard();
    while (this.#world.loop.now < until) {
      this.#release();
      if (await this.#world.runUntil(isOver, releaseEveryMs)) return true;
    }
    return isOver();
  }

  /** Nothing that a run waits for lies in its inbox for long. */
  #mustHaveHeard(): void {
    const { store, loop } = this.#world;
    const long = (loop.now - patienceMs / 2) * 1_000;
    for (const { id, generation, status } of store.runs.values()) {
      if (status !== 'live') continue;
      const lies = new Set([...store.inboxOf(id).values()]
        .filter(({ sentAt }) => sentAt < long).map(({ kind, name }) => `${kind} ${name}`));
      for (const { kind, name, place } of store.callsOf(id, generation)) {
        if (!lies.has(`${kind} ${name}`)) continue;
        this.#world.accuse(`unheard: run ${id} waits at ${place} for ${kind} '${name}', which lies there`);
      }
      if (lies.has('cancel cancel')) this.#world.accuse(`unheard: run ${id} was not told of its cancel`);
    }
  }

  get #unsettled(): string[] {
    return [...this.#world.store.runs.values()].filter(({ status }) => status === 'live').map(({ id }) => id);
  }

  #release(): void {
    const [by] = this.#world.inhabitants;
    const workflow = interpret(this.#story.programs, this.#hostOf(null))[0];
    if (by === undefined || workflow === undefined) return;
    for (const id of this.#unsettled) {
      for (const signal of signals) {
        const payload = `release ${this.#released.size}`;
        this.#released.add(payload);
        void by.client.get(workflow, id).signal(signal, payload, { id: payload }).catch(() => undefined);
      }
    }
  }

  #hostOf(at: { process: SimProcess; connected: () => Inhabitant } | null): Parameters<typeof interpret>[1] {
    return {
      recorder: this.#recorder,
      get env() {
        if (at === null) throw new Error('Code runs in workers alone.');
        return at.process;
      },
      client: (): Client => {
        if (at === null) throw new Error('Code runs in workers alone.');
        return at.connected().client;
      },
      mustBeDurable: (view, calls) => this.#mustBeDurable(view, calls),
    };
  }

  /** What leads to something that is felt outside is recorded before. */
  #mustBeDurable({ run, generation }: View, calls: readonly Call[]): void {
    // A zombie may still look at what a later generation has left behind.
    if (this.#world.store.runs.get(run)?.generation !== generation) return;
    const recorded = new Map<string, RecordedEntry>();
    const entries = this.#world.store.entriesOf(run, generation);
    for (const entry of entries.values()) recorded.set(entry.name, entry);
    for (const { node, outcome } of calls) {
      if (!this.#steps.has(node) || outcome === null) continue;
      if (!outcome.ok && outcome.error === ending) continue;
      const entry = recorded.get(node);
      if (entry !== undefined && (!outcome.ok || decode(entry.value) === outcome.value)) continue;
      this.#world.accuse(`acted-before-durable: ${run}/${generation}: ${node} was shown ` +
        `${JSON.stringify(outcome)}, recorded is ${entry?.value.text ?? 'nothing'}`);
    }
  }
}
