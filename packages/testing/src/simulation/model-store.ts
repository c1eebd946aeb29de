// The database of a simulation: the memory store, whose verbs take effect whole in the event in which they
// arrive. Only what waits for a stranger's transaction takes events of its own.
import {
  MemoryStore, type Attributes, type Encoded, type Message, type RecordedCall, type RecordedChunk,
  type RecordedEntry, type StoredStatus,
} from '@perdure/core/engine';
import type { Chance } from './chance.js';
import type { SimLoop } from './sim-loop.js';
import { SimProcess } from './sim-process.js';

/** How long a statement waits between two looks at who holds what it needs. */
const lookMs = 1;

/** A run as its row says. */
export interface ModelRun {
  readonly id: string;
  readonly workflow: string;
  readonly status: StoredStatus;
  readonly generation: number;
  readonly output: Encoded;
  readonly error: string | null;
  readonly reason: string | null;
  readonly settledEpoch: number | null;
  readonly parent: { readonly id: string } | null;
}

class DatabaseEnv extends SimProcess {
  arriving = false;

  override nextTurn(next: () => void): void {
    if (this.arriving) next();
    else this.after(lookMs, next);
  }
}

/** The database of one simulation. */
export class ModelStore extends MemoryStore {
  readonly #env: DatabaseEnv;
  readonly #broken: { failures: number };

  constructor(loop: SimLoop, chance: Chance) {
    const env = new DatabaseEnv({ name: 'database', loop, chance });
    const broken = { failures: 0 };
    super({ env, now: () => Math.floor(loop.now * 1_000), shuffle: broken });
    this.#env = env;
    this.#broken = broken;
  }

  /** Lets a verb take effect in this event; `breaksOff`: not all items of its batch. */
  arrive<Answer>(verb: () => Promise<Answer>, breaksOff = false): Promise<Answer> {
    this.#env.arriving = true;
    try {
      const answer = verb();
      // Batches are served in the reaction to this one's arrival, before anybody else's.
      this.#broken.failures = breaksOff ? 0.8 : 0;
      return answer;
    } finally {
      this.#env.arriving = false;
    }
  }

  // ---- what lies in the tables, for who judges them ------------------------------------------------------

  get runs(): ReadonlyMap<string, ModelRun> {
    return this.tables.runs;
  }

  /** Recorded answers of a generation, by place. */
  entriesOf(runId: string, generation: number): ReadonlyMap<string, RecordedEntry> {
    return this.tables.journal(runId, generation);
  }

  /** Every message that a run was sent, also those that were taken. */
  messagesTo(runId: string): ReadonlyMap<string, Message> {
    return this.tables.mail.messages.get(runId) ?? new Map<string, Message>();
  }

  /** Those that were not. */
  inboxOf(runId: string): ReadonlyMap<string, Message> {
    return this.tables.mail.inbox.get(runId) ?? new Map<string, Message>();
  }

  /** What a run waits for. */
  callsOf(runId: string, generation: number): Iterable<RecordedCall> {
    return this.tables.calls(runId, generation).values();
  }

  /** What a generation published, stream by stream. */
  chunksOf(runId: string, generation: number): readonly RecordedChunk[] {
    return [...this.tables.chunks(runId, generation).values()];
  }

  attributesOf(runId: string): Attributes {
    return Object.fromEntries(this.tables.attributes(runId));
  }
}
