// When the code of a run may speak, and what is known of it whatever it says. The ground floor of `Code`.
//
//   R5. A call is legal only inside the run's own window, from a delivery to the end of its drain. Mistakes
//       of code are faults, which park the run; errors thrown by user code are outcomes, which fail it.
import type { BranchHost } from './branch-host.js';
import type { CodeHost } from './code-host.js';
import * as faults from './faults.js';
import { describeCall, type CallIdentity } from './journal.js';
import { currentScope } from './scope.js';
import type { AttemptEnd } from './step-info.js';
import type { WorkflowDefinition } from './workflow.js';

/** The windows of one run. */
export class CodeWindow {
  /** How the function ended, once it has. */
  outcome: AttemptEnd | null = null;
  /** The first mistake, once there is one; the code is not listened to after it. */
  fault: faults.Fault | null = null;
  protected readonly host: CodeHost;
  /** Counts the windows. */
  protected windows = 0;
  #open = false;
  #deaf = false;

  constructor(host: CodeHost) {
    this.host = host;
  }

  /** Whether the window is open: code of this run may be running. */
  get window(): boolean {
    return this.#open;
  }

  /** Takes no further call: this memory is spoilt. */
  deafen(): void {
    this.#deaf = true;
  }

  /** Whether the code is not listened to any more. */
  protected get ignored(): boolean {
    return this.fault !== null || this.#deaf;
  }

  protected openWindow(): void {
    this.#open = true;
    this.windows++;
  }

  protected closeWindow(): void {
    this.#open = false;
  }

  protected isLegal(call: CallIdentity): boolean {
    if (!this.isInWindow(describeCall(call))) return false;
    if (this.outcome === null) return true;
    this.mistake(faults.lateCall(call));
    return false;
  }

  // Also asked for what is no call, but is counted, or has to be said again at a replay.
  protected isInWindow(what: string): boolean {
    if (this.ignored) return false;
    const step = currentScope()?.step ?? null;
    if (step !== null) this.mistake(faults.nestedCall(what, step));
    else if (!this.#open) this.host.strayed(`${what} was called`);
    else return true;
    return false;
  }

  // Mistakes also come from step bodies, which run outside of the window: then the run must be told.
  protected mistake(fault: faults.Fault): void {
    if (this.ignored) return;
    this.fault = fault;
    if (!this.#open) this.host.strayed(fault.message);
  }

  // ---- what it passes on ---------------------------------------------------------------------------------

  get runId(): string {
    return this.host.runId;
  }

  get generation(): number {
    return this.host.generation;
  }

  get startedAtMs(): number {
    return this.host.startedAtMs;
  }

  get headers(): BranchHost['headers'] {
    return this.host.headers;
  }

  get definition(): WorkflowDefinition {
    return this.host.definition;
  }

  get log(): BranchHost['log'] {
    return this.host.log;
  }

  get chance(): BranchHost['chance'] {
    this.isInWindow('ctx.random or ctx.uuid');
    return this.host.chance;
  }

  now(): number {
    return this.host.now();
  }

  publish(stream: string, chunk: unknown): void {
    if (this.isInWindow('ctx.publish')) this.host.outside.publish(stream, chunk);
  }
}
