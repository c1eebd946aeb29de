// What the engine tells logs, metrics and tests, on `diagnostics_channel`. Nobody listening costs one
// comparison.
import { channel } from 'node:diagnostics_channel';

/**
 * Everything that is published, by channel name. Subscribe with `diagnostics_channel.subscribe(name,
 * listener)`.
 */
export interface EngineEvents {
  /** A worker made a run its own. */
  'perdure:run.claimed': { runId: string; workflow: string; epoch: number; fresh: boolean; strikes: number };
  /** A run gave its lease back and waits. */
  'perdure:run.rested': { runId: string; workflow: string };
  /** A run goes on as new; `generation` is the one that has ended. Durable when published. */
  'perdure:run.continued': { runId: string; workflow: string; generation: number };
  /** A run settled; durable when published. */
  'perdure:run.settled': { runId: string; workflow: string; status: 'completed' | 'failed' | 'cancelled' };
  /** A run needs a person. */
  'perdure:run.parked': { runId: string; workflow: string; reason: string; message: string };
  /**
   * A turn ended because the lease was gone. `blockedBy` names steps that held the event loop for too long.
   */
  'perdure:run.lost': { runId: string; workflow: string; epoch: number; blockedBy: readonly string[] };
  /** A step body begins. */
  'perdure:step.started': { runId: string; step: string; attempt: number };
  /** A step body ended; not durable yet. */
  'perdure:step.ended': { runId: string; step: string; attempt: number; tookMs: number; error: unknown };
  /** A recorded answer was delivered instead of running the step. */
  'perdure:step.replayed': { runId: string; step: string };
  /** A value came close to the limit for stored values. */
  'perdure:value.large': { runId: string; what: string; bytes: number };
  /** The database did not answer; said once an outage. `back` when it answers again. */
  'perdure:database.unavailable': { error: unknown };
  'perdure:database.back': { afterMs: number };
  /** It is not the one that a worker knew: `runs` that it drove were given back, and `why`. */
  'perdure:database.restored': { why: string; runs: number };
  /** A listener of ours failed, or a connection that only shortens waits was lost. Never fatal. */
  'perdure:trouble': { what: string; error: unknown };
}

const channels = new Map<keyof EngineEvents, ReturnType<typeof channel>>();

/** Publishes one event. `make` runs only when somebody listens. */
export function publish<K extends keyof EngineEvents>(name: K, make: () => EngineEvents[K]): void {
  let found = channels.get(name);
  if (found === undefined) {
    found = channel(name);
    channels.set(name, found);
  }
  if (found.hasSubscribers) found.publish(make());
}
