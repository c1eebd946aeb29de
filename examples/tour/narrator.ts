// Tells what worker processes do with one order, as it happens.
import { fulfilSteps } from '../order-service/fulfil.js';
import type { WorkerEvent } from '../order-service/worker-event.js';
import { screen, seconds } from './screen.js';

type StepName = typeof fulfilSteps[number];

/** `3 book courier`, padded to a column. */
export function numbered(step: string): string {
  return `${fulfilSteps.indexOf(step as StepName) + 1} ${step}`.padEnd(17);
}

/** Tells the story of one order. */
export class Narrator {
  readonly #begun = new Set<string>();
  #killedAt: number | null = null;
  #early: Array<() => void> | null = [];

  /** The order is on the screen: what came before that is told now. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const tell of early) tell();
  }

  /** A worker was killed while it had the order. */
  killed(pid: number): void {
    this.#killedAt = performance.now();
    screen.worker(pid, 'killed with SIGKILL', true);
  }

  /** Tells one event of a worker. */
  tell(event: WorkerEvent, pid: number): void {
    if (this.#early === null) this.#tell(event, pid);
    else this.#early.push(() => this.#tell(event, pid));
  }

  #tell(event: WorkerEvent, pid: number): void {
    if (event.name === 'perdure:run.claimed') {
      const killed = this.#killedAt;
      const since = killed === null ? '' : `, ${seconds(performance.now() - killed)} after the kill`;
      screen.worker(pid, `takes run ${event.runId}${since}`);
    } else if (event.name === 'perdure:step.replayed') {
      screen.worker(pid, `  ${numbered(event.step)}from the record, not run again`);
    } else if (event.name === 'perdure:step.started') {
      if (this.#begun.has(event.step)) {
        screen.worker(pid, `  ${numbered(event.step)}runs again: it began, but nothing was recorded of it`);
      }
      this.#begun.add(event.step);
    } else if (event.name === 'perdure:step.ended') {
      screen.worker(pid, `  ${numbered(event.step)}done in ${Math.round(event.tookMs)} ms`);
    }
  }
}
