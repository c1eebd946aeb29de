// The lineage of a database: whether the server behind a new connection has the past that this process
// knows. How a restore is told from a mere restart:
//
//   I1. A new connection is looked at before its first statement: no restore leaves a connection standing.
//       Behind a pooler, which does, every transaction that writes begins with a look.
//   I2. Another cluster, another timeline, a log that is shorter than it was seen to be, a restart of a
//       server that may forget what it committed, and, where nothing else may be asked, any restart: each is
//       another past. A restart alone is none.
//   I3. A gate belongs to an era. When that has ended nothing passes it any more, in either direction.
//   I4. A standby is not judged: what connects to one is looked at before each statement until it leads.
import { DatabaseUnavailableError } from '@perdure/core';
import type { Continuity } from '@perdure/core/engine';
import { Looker, type Ask, type ServerLook } from './server-look.js';

/** The statement, or its answer, belongs to an era that has ended: nothing was written in the present one. */
export class PastEraError extends DatabaseUnavailableError {}

/** What a session asks before it lets statements pass. */
export interface Gate {
  /** Throws a PastEraError once the era has ended. */
  demand(): void;
  /** Looks at the server of a connection; throws where nothing may be sent to it. */
  admit(ask: Ask): Promise<'leads' | 'follows'>;
}

type Known = Omit<ServerLook, 'standby'>;

/** What is known of the past of one database. */
export class Lineage implements Continuity {
  era = 0;
  readonly #looker = new Looker();
  readonly #listeners = new Set<(why: string) => void>();
  readonly #askAgain: () => Promise<void>;
  #known: Known | null = null;

  /** `look` sends a look through a session of the present era. */
  constructor(look: () => Promise<void> = () => Promise.resolve()) {
    this.#askAgain = look;
  }

  /** When the server process started that was looked at last; null if nobody may ask. */
  get server(): string | null {
    return this.#known?.server ?? null;
  }

  onBreak(listener: (why: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  look(): Promise<void> {
    return this.#askAgain();
  }

  /** A gate for the sessions of the present era. */
  gate(): Gate {
    const { era } = this;
    const demand = (): void => {
      if (this.era === era) return;
      throw new PastEraError('The database was restored, or has moved to another server. What this ' +
        'statement relied on may not be there: nothing of it was written.');
    };
    const admit: Gate['admit'] = async (ask) => {
      demand();
      // Other looks may be answered meanwhile: only what was seen before this one is certain to be older.
      const before = this.#known?.position ?? null;
      const look = await this.#looker.look(ask);
      demand();
      if (look.standby) return 'follows';
      this.#see(look, before);
      demand();
      return 'leads';
    };
    return { demand, admit };
  }

  #see(look: ServerLook, before: bigint | null): void {
    const why = this.#known === null ? null : difference(this.#known, look, before);
    const position = why === null ? later(this.#known?.position ?? null, look.position) : look.position;
    this.#known = { ...look, position };
    if (why === null) return;
    this.era++;
    for (const listener of this.#listeners) listener(why);
  }
}

/** Why a server cannot have the past that was known, as a clause; null if it can. */
function difference(known: Known, now: Known, before: bigint | null): string | null {
  if (differ(known.cluster, now.cluster)) return `it is cluster ${now.cluster} and was ${known.cluster}`;
  if (differ(known.timeline, now.timeline)) {
    return `it is on timeline ${lineOf(now.timeline)} and was on ${lineOf(known.timeline)}`;
  }
  if (before !== null && now.position !== null && now.position < before) {
    return `its log ends ${before - now.position} bytes before what it had written`;
  }
  if (!differ(known.server, now.server)) return null;
  if (!known.durable) return 'it was started again, and its settings let it forget what it had committed';
  const canTell = now.timeline !== null || now.cluster !== null;
  return canTell ? null : 'it was started again, and this role may not ask whether it is the same';
}

function differ(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one !== other;
}

function lineOf(timeline: string | null): number {
  return Number.parseInt(timeline ?? '', 16);
}

function later(one: bigint | null, other: bigint | null): bigint | null {
  if (one === null || other === null) return other ?? one;
  return one > other ? one : other;
}
