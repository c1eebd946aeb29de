// Crashes that a test has asked for: at the next answers of a step.
import { WorkflowError } from '@perdure/core';
import type { DurableWrite } from './durable-write.js';

/** How `crashAfter` crashes. */
export interface CrashOptions {
  /**
   * 'recorded' (default): the worker dies when the result of the step is durable, before anybody knows.
   * 'lost': it dies when the body has ended, before anything is durable: the step will run again.
   */
  result?: 'recorded' | 'lost' | undefined;
  /** How often, at one result each. Default 1. */
  times?: number | undefined;
}

interface Order {
  readonly workflow: string;
  readonly step: string;
  readonly when: 'before' | 'after';
  left: number;
}

/** The crashes that were asked for and have not come. */
export class CrashOrders {
  readonly #orders: Order[] = [];

  /** Throws INVALID_OPTION. */
  add(workflow: string, step: string, { result = 'recorded', times = 1 }: CrashOptions): void {
    if (typeof step !== 'string' || step === '') {
      throw new WorkflowError('INVALID_OPTION', 'crashAfter needs the name of a step.');
    }
    if (result !== 'recorded' && result !== 'lost') {
      throw new WorkflowError('INVALID_OPTION', `result is '${String(result)}'; give 'recorded' or 'lost'.`);
    }
    if (!Number.isInteger(times) || times < 1) {
      throw new WorkflowError('INVALID_OPTION', `times is ${String(times)}; give a whole number from 1 up.`);
    }
    this.#orders.push({ workflow, step, when: result === 'lost' ? 'before' : 'after', left: times });
  }

  /** Whether the worker dies here; that is one crash less. */
  take(when: 'before' | 'after', { steps }: DurableWrite): boolean {
    const order = this.#orders.find((each) => each.left > 0 && each.when === when &&
      steps.some(({ workflow, step }) => workflow === each.workflow && step === each.step));
    if (order === undefined) return false;
    order.left--;
    return true;
  }
}
