// The steps of one seed: stand-ins, attempts, and the keys that were used.
import { toMilliseconds, type AttemptFacts, type AttemptWatch } from '@perdure/core/engine';
import type { SimLoop } from '../simulation/sim-loop.js';
import { StepBook, type StepCall } from '../step-book.js';
import type { SimulatedStep } from './simulation.js';

/** What is known of the steps of one seed. */
export class SimulatedSteps {
  readonly #workflow: string;
  readonly #book = new StepBook();
  readonly #names = new Set<string>();
  /** Which step of which run each key was given to. */
  readonly #keys = new Map<string, string>();
  readonly #accuse: (what: string) => void;

  constructor(workflow: string, accuse: (what: string) => void) {
    this.#workflow = workflow;
    this.#accuse = accuse;
  }

  /** Puts stand-ins in the places of bodies. */
  replace(steps: Readonly<Record<string, SimulatedStep>>, loop: SimLoop): void {
    for (const [step, body] of Object.entries(steps)) {
      this.#book.mock(this.#workflow, step, (call) => body({
        ...call,
        sleep: (duration) => new Promise((resolve) => {
          const at = loop.now + toMilliseconds(duration, 'the sleep of a step');
          loop.add({ at, actor: 'world', label: `step ${step}`, run: resolve });
        }),
      }));
    }
  }

  /** An attempt begins. One key is one effect: it belongs to one step of one run. */
  watch(attempt: AttemptFacts): AttemptWatch {
    const { runId, workflow, step, idempotencyKey } = attempt;
    if (workflow === this.#workflow) this.#names.add(step);
    const owner = `step '${step}' of run '${runId}'`;
    const known = this.#keys.get(idempotencyKey);
    if (known !== undefined && known !== owner) {
      this.#accuse(`The idempotency key ${idempotencyKey} was given to ${known} and to ${owner}.`);
    }
    this.#keys.set(idempotencyKey, owner);
    return this.#book.watch(attempt);
  }

  /** Names of the steps of the workflow that began. */
  get names(): readonly string[] {
    return [...this.#names].sort();
  }

  calls(step: string): readonly StepCall[] {
    return this.#book.calls(this.#workflow, step);
  }
}
