// What a worker process tells its parent over IPC: the engine's own events, and one of the step bodies'.
import type { EngineEvents } from 'perdure';

/** The events of the engine that are passed on. */
export const passedOn = [
  'perdure:run.claimed', 'perdure:run.rested', 'perdure:run.settled', 'perdure:run.parked',
  'perdure:run.lost', 'perdure:step.replayed', 'perdure:step.started', 'perdure:step.ended',
] as const satisfies ReadonlyArray<keyof EngineEvents>;

/** One message of a worker process. */
export type WorkerEvent =
  | { readonly name: 'ready' }
  /** A step body wrote its row, and has not returned. */
  | { readonly name: 'effect'; readonly runId: string; readonly step: string }
  | { [K in typeof passedOn[number]]: { readonly name: K } & EngineEvents[K] }[typeof passedOn[number]];
