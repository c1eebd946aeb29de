// What a simulation leaves behind for its judges.
import { decode, decodeError } from '@perdure/core/engine';
import type { ModelRun, ModelStore } from '../dist/simulation/model-store.js';
import type { DeedState } from './director.js';
import { nameOf } from './interpret.js';
import type { Outcome, Program } from './program.js';
import type { Recorder } from './recorder.js';
import type { Story } from './story.js';

/** What is judged. */
export interface Evidence {
  readonly story: Story;
  readonly store: ModelStore;
  readonly recorder: Recorder;
  readonly deeds: readonly DeedState[];
  /** Rows of the business, as often as they were written. */
  readonly rows: ReadonlyMap<string, number>;
  /** Signals that were sent so that nobody waits for ever. */
  readonly released: ReadonlySet<string>;
  /** Nothing failed and nothing was slow: no body had a reason to run twice. */
  readonly calm: boolean;
  accuse(what: string): void;
}

/** How a run ended, as whoever waits for it is told. */
export function outcomeOf(run: ModelRun): Outcome | null {
  if (run.status === 'completed') return { ok: true, value: decode(run.output) };
  if (run.status === 'cancelled') return { ok: false, error: 'RUN_CANCELLED' };
  if (run.status !== 'failed') return null;
  const cause = run.error === null ? 'nothing' : nameOf(decodeError(run.error));
  return { ok: false, error: `RUN_FAILED ${cause}` };
}

/** The program that a run runs. */
export function programOf({ programs }: Story, run: ModelRun): Program | undefined {
  return programs.find(({ name }) => name === run.workflow);
}
