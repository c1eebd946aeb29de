// What the code of a run offers to the contexts of its branches, and to those who join them.
import type { Branch } from './branch.js';
import type { Chance } from './chance.js';
import type { StepInfo } from './context.js';
import type { Logger } from './logger.js';
import type { CallRequest } from './requests.js';
import type { WorkflowDefinition } from './workflow.js';

/** What a context needs of the code behind it. */
export interface BranchHost {
  readonly runId: string;
  readonly generation: number;
  readonly startedAtMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly definition: WorkflowDefinition;
  readonly log: Logger;
  readonly chance: Chance;
  /** Milliseconds since 1970 of the last delivered answer. */
  now(): number;
  call(branch: Branch, request: CallRequest): Promise<unknown>;
  join(
    branch: Branch, kind: 'race' | 'all' | 'map', run: (group: Branch) => Promise<unknown>): Promise<unknown>;
  unwind(scope: Branch, reason: Error): void;
  /** Whether a call at this place was recorded, answered or pending. */
  isRecorded(place: string): boolean;
  /** What was recorded for items that a map of this name does not have any more is passed over. */
  passOver(group: Branch, map: { readonly name: string; readonly keys: ReadonlySet<string> }): void;
  /** Whether the branch takes new code at its next place. */
  patched(branch: Branch, id: string): Promise<boolean>;
  continueAsNew(branch: Branch, input: unknown): Promise<never>;
  onRollback(name: string, body: (step: StepInfo, cause: Error) => unknown): void;
  publish(stream: string, chunk: unknown): void;
  signalOf(branch: Branch): AbortSignal;
}
