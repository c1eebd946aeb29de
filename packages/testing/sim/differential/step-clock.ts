// What an instant is in both stores: the step of the schedule in which it was, and so many whole hours after.
// Clocks differ; steps do not.
import type { Instant } from '@perdure/core/engine';

const hour = 3_600_000_000;
const mostHours = 8;

/** The instants at which the steps of one schedule began on one store. */
export class StepClock {
  readonly #begins: Instant[] = [];
  readonly #epochs = new Map<string, number>();
  readonly #late = new Map<number, number>();

  /** A step begins. */
  begin(at: Instant): void {
    this.#begins.push(at);
  }

  /** What this step asked was answered in the present one: it waited, and its instants are of either. */
  late(step: number): void {
    this.#late.set(step, this.step);
  }

  /** The number of the present step. */
  get step(): number {
    return this.#begins.length - 1;
  }

  /** An epoch of a run: in which step it was heard of first. */
  epoch(run: string, epoch: number): string {
    const key = `${run} ${epoch}`;
    const heard = this.#epochs.get(key) ?? this.step;
    this.#epochs.set(key, heard);
    return `epoch of step ${heard}`;
  }

  /** The caller's instant that is so many hours from half an hour before the schedule. */
  callers(hours: number): Instant {
    const [first = 0] = this.#begins;
    return Math.floor(first / 1_000) * 1_000 - hour / 2 + hours * hour;
  }

  /** The instant in words that are the same on every store. */
  describe(at: Instant): string {
    if (at === Infinity) return 'never';
    const fromCallers = (at - this.callers(0)) / hour;
    if (Number.isInteger(fromCallers)) return `caller's +${fromCallers} h`;
    for (let hours = 0; hours < mostHours; hours++) {
      const step = this.#stepAt(at - hours * hour);
      if (step !== null) return hours === 0 ? `step ${step}` : `step ${step} + ${hours} h`;
    }
    return `instant ${at}`;
  }

  #stepAt(at: Instant): number | null {
    const last = this.#begins.length - 1;
    if (at > (this.#begins[last] ?? 0) + hour / 4) return null;
    for (let step = last; step >= 0; step--) {
      if (at >= (this.#begins[step] ?? Infinity)) return this.#late.get(step) ?? step;
    }
    return null;
  }
}
