// The world outside of the engine, in a small scenario: what step bodies did to it, and what the code of
// workflows saw. It knows what the engine cannot know, and must promise.
//
//   N1. No body begins whose answer is recorded.
//   N2. However often the code of a run is begun, it sees the same values in the same order.
import { type, workflow, type Ctx, type StepInfo, type Workflow } from '@perdure/core';
import { masked } from './left-rows.js';

/** The signals that every workflow of a scenario has. */
export interface Signals {
  readonly go: string;
  readonly note: string;
}

/** Notes what the code of a workflow was answered with, and passes it on. */
export type Saw = <T>(value: T) => T;

/** The code of a workflow of a scenario. */
export type WitnessedCode = (ctx: Ctx<Signals>, input: string, saw: Saw) => Promise<unknown>;

/** A workflow of a scenario. */
export type WitnessedWorkflow = Workflow<string, string, unknown, Signals>;

/** Whether a place of a generation has an answer. */
export type IsAnswered = (runId: string, generation: number, place: string) => boolean;

/** What one run of a scenario did and saw. */
export class Witness {
  /** How often each attempt of a step was begun, by its idempotency key and number. */
  readonly bodies = new Map<string, number>();
  readonly violations: string[] = [];
  readonly #isAnswered: IsAnswered;
  readonly #seen = new Map<string, string[]>();

  constructor(isAnswered: IsAnswered) {
    this.#isAnswered = isAnswered;
  }

  /** A workflow whose code is watched (N2). */
  flow(name: string, code: WitnessedCode): WitnessedWorkflow {
    const signals = { go: type<string>(), note: type<string>() };
    return workflow({ name, signals }, async (ctx, input: string): Promise<unknown> => {
      const saw = this.#watch(`${ctx.runId}:${ctx.attempt}`);
      return code(ctx, input, (value) => {
        saw(JSON.stringify([value, ctx.random()]));
        return value;
      });
    });
  }

  /** What a body does to the world outside (N1). */
  effect<T>({ idempotencyKey, attempt }: StepInfo, value: T): T {
    const key = masked(`${idempotencyKey} attempt ${attempt}`);
    this.bodies.set(key, (this.bodies.get(key) ?? 0) + 1);
    const [, runId = '', generation = '', place = ''] = /^(.*):(\d+):([^:]*)$/.exec(idempotencyKey) ?? [];
    if (this.#isAnswered(runId, Number(generation), place)) {
      this.violations.push(`N1: the body of ${key} began, and its answer is recorded`);
    }
    return value;
  }

  #watch(run: string): (line: string) => void {
    const before = this.#seen.get(run) ?? [];
    this.#seen.set(run, before);
    let at = 0;
    return (line) => {
      const known = before[at] ??= line;
      if (known !== line) this.violations.push(`N2: answer ${at} of ${run} was ${known}, and is ${line}`);
      at++;
    };
  }
}
