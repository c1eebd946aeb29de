// Has the deeds of a story done by the clients of a world: each until it is known to be done, whoever dies in
// between. A deed that was begun may have happened; done again, it is the same by its id.
import { WorkflowError, type Workflow } from '@perdure/core';
import type { Inhabitant, SimWorld } from '../dist/simulation/sim-world.js';
import { nameOf } from './interpret.js';
import type { Outcome, ProgramInput, Program } from './program.js';
import { nameOf as nameOfDeed, type Deed } from './script.js';

type AnyWorkflow = Workflow<ProgramInput, ProgramInput, unknown, Record<string, string>>;

/** What became of a deed. */
export interface DeedState {
  readonly deed: Deed;
  begun: boolean;
  /** True time at which it was known to be done. */
  doneAt: number | null;
  /** What it came to, where it asked for something. */
  outcome: Outcome | null;
}

const pauseMs = 50;
/** What means that there is nothing left to be done. */
const settledCodes: ReadonlySet<string> = new Set(['RUN_SETTLED']);

/** The director of one story. */
export class Director {
  readonly deeds: readonly DeedState[];
  readonly #world: SimWorld;
  readonly #programs: readonly Program[];
  readonly #workflows: readonly AnyWorkflow[];
  readonly #beganAt: number;

  constructor(
    world: SimWorld, { deeds, programs }: { deeds: readonly Deed[]; programs: readonly Program[] },
    workflows: readonly AnyWorkflow[],
  ) {
    this.#world = world;
    this.#programs = programs;
    this.#workflows = workflows;
    this.#beganAt = world.loop.now;
    this.deeds = deeds.map((deed) => ({ deed, begun: false, doneAt: null, outcome: null }));
  }

  /** So many clients share the deeds. */
  direct(clients: number): void {
    for (let index = 0; index < clients; index++) {
      const mine = this.deeds.filter((_, number) => number % clients === index);
      this.#world.addClient((client) => {
        for (const state of mine) if (state.doneAt === null) void this.#do(client, state);
      });
    }
  }

  get isDone(): boolean {
    return this.deeds.every(({ doneAt }) => doneAt !== null);
  }

  async #do(by: Inhabitant, state: DeedState): Promise<void> {
    const { deed } = state;
    const { process } = by;
    await process.sleep(this.#beganAt + deed.at - this.#world.loop.now);
    for (;;) {
      state.begun = true;
      try {
        const outcome = await this.#once(by, deed);
        this.#done(state, outcome);
        return;
      } catch (error) {
        if (error instanceof WorkflowError && settledCodes.has(error.code)) {
          this.#done(state, null);
          return;
        }
        if (deed.kind === 'result' && isOutcome(error)) {
          this.#done(state, { ok: false, error: nameOf(error) });
          return;
        }
      }
      await process.sleep(pauseMs);
    }
  }

  #done(state: DeedState, outcome: Outcome | null): void {
    state.doneAt = this.#world.loop.now;
    state.outcome = outcome;
  }

  async #once(by: Inhabitant, deed: Deed): Promise<Outcome | null> {
    const { client } = by;
    switch (deed.kind) {
      case 'start': await this.#start(by, deed); return null;
      case 'signal': await this.#signal(by, deed); return null;
      case 'event': await client.emit('news', deed.payload, { key: deed.key, id: deed.payload }); return null;
      case 'cancel': await client.get(this.#any, deed.run).cancel('as the story says'); return null;
      case 'result': {
        const value = await client.get(this.#workflow(deed.program), deed.run).result();
        return { ok: true, value };
      }
    }
  }

  async #start(by: Inhabitant, deed: Extract<Deed, { kind: 'start' }>): Promise<void> {
    const program = this.#workflow(deed.program);
    const input: ProgramInput = { again: this.#programs[deed.program]?.again ?? 0 };
    if (deed.how === 'alone') {
      await by.client.start(program, input, { id: deed.run });
      return;
    }
    await this.#world.within(by, async (tx) => {
      await by.client.start(tx as never, program, input, { id: deed.run });
      await tx.write(nameOfDeed(deed));
    });
  }

  async #signal(by: Inhabitant, deed: Extract<Deed, { kind: 'signal' }>): Promise<void> {
    const { run, signal, payload, how } = deed;
    const handle = by.client.get(this.#any, run);
    if (how === 'alone') {
      await handle.signal(signal, payload, { id: payload });
      return;
    }
    await this.#world.within(by, async (tx) => {
      await by.client.signal(tx as never, handle, signal, payload, { id: payload });
      await tx.write(payload);
    });
  }

  get #any(): AnyWorkflow {
    return this.#workflow(0);
  }

  #workflow(index: number): AnyWorkflow {
    const found = this.#workflows[index];
    if (found === undefined) throw new Error(`There is no program ${index}.`);
    return found;
  }
}

/** Whether an error is how the run ended. */
function isOutcome(error: unknown): boolean {
  return error instanceof WorkflowError && ['RUN_FAILED', 'RUN_CANCELLED'].includes(error.code);
}
