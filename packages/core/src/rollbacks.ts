// What undoes a run: handlers that the code registered, run as steps once its function has thrown.
//
//   B3. Nothing is undone before everything that ran beside has ended: it may have registered how to undo it.
//   B4. The last registered handler runs first, one after the other, each to its recorded end. One that fails
//       for good parks the run: its failure is no answer, so that it is tried again when the run is
//       re-opened.
import { Branch } from './branch.js';
import type { BranchHost } from './branch-host.js';
import type { StepInfo } from './context.js';

type Handler = (step: StepInfo, cause: Error) => unknown;

/** The handlers of one run. */
export class Rollbacks {
  readonly #host: BranchHost;
  readonly #handlers: Array<{ readonly name: string; readonly body: Handler }> = [];
  #resume: (() => void) | null = null;

  constructor(host: BranchHost) {
    this.#host = host;
  }

  /** Whether it waits for everything else to end (B3). */
  get waits(): boolean {
    return this.#resume !== null;
  }

  add(name: string, body: Handler): void {
    this.#handlers.push({ name, body });
  }

  /** Everything else has ended. */
  resume(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  /** Runs the handlers, for what the workflow function has thrown. */
  async run(thrown: unknown, root: Branch): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
    const branch = new Branch(root, 'rollback/');
    for (let handler = this.#handlers.pop(); handler !== undefined; handler = this.#handlers.pop()) {
      const { name, body } = handler;
      await this.#host.call(branch, {
        kind: 'step', name, body: (step) => body(step, cause), retry: this.#host.definition.retry,
        timeoutMs: null, totalTimeoutMs: null, heartbeatMs: null, rollback: cause,
      });
    }
  }
}
