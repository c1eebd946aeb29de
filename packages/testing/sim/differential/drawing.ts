// What is known while a schedule is drawn: chance, how the model's runs stand, and what was used up before.
import type { Message, MessageKind, RunDetail, Store } from '@perdure/core/engine';
import { partOf } from '@perdure/core/engine';
import type { DrawChance } from './chance.js';
import { leaseOf, type LeaseRef, type Op, type Session } from './op.js';
import type { Standing } from './standing.js';
import { runIds } from './looks.js';

/** A run, and the lease that somebody relies on who writes in its name. */
export interface Owner {
  readonly id: string;
  readonly lease: LeaseRef;
  readonly generation: number;
}

/** A schedule that is being drawn. */
export class Drawing {
  readonly chance: DrawChance;
  readonly model: Standing;
  /** Commits so far: what was sent may be sent again. */
  readonly sent: Op[] = [];
  /** Claims so far. */
  readonly claims: Op[] = [];
  /** What entries took, by run. */
  readonly taken: Map<string, string[]> = new Map();
  readonly #counts = new Map<string, number>();
  details: readonly RunDetail[] = [];
  session: Session = 'a';

  constructor(chance: DrawChance, model: Standing) {
    this.chance = chance;
    this.model = model;
  }

  /** Looks at the model. */
  async look(): Promise<void> {
    this.session = this.chance.odds(0.5) ? 'a' : 'b';
    this.details = await this.store.readDetails(runIds);
  }

  get store(): Store {
    return this.model.side.store('a');
  }

  op(verb: string, ...args: readonly unknown[]): Op {
    return { session: this.session, verb, args };
  }

  /** The next number under this name, from 1 up. */
  next(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count;
  }

  /** A run that somebody has, if there is one. */
  leased(): RunDetail | undefined {
    return this.chance.any(this.details.filter(({ line }) => line?.leased === true));
  }

  /** Some run, mostly one that stands so. */
  runOf(...statuses: readonly string[]): string {
    const fit = this.details.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
    return this.chance.odds(0.85) ? this.chance.any(fit) ?? this.anyRun() : this.anyRun();
  }

  anyRun(): string {
    return this.chance.any(runIds) ?? 'r1';
  }

  /** Runs with the lease that a writer relies on: mostly the present ones, sometimes ones that are lost. */
  owners(count: number): readonly Owner[] {
    const had = [...this.model.leases.keys()];
    const now = this.details.filter(({ line }) => line?.leased === true).map(({ id }) => id)
      .filter((id) => had.includes(id));
    const ids = this.chance.some(this.chance.odds(0.9) && now.length > 0 ? now : had, count);
    return ids.map((id) => {
      const back = this.chance.odds(0.05) ? 1 : 0;
      const generation = this.model.leases.get(id)?.at(-1 - back)?.generation ?? 1;
      return { id, lease: leaseOf(id, back), generation };
    });
  }

  /** What lies in the inbox of a run. */
  async inbox(runId: string): Promise<readonly Message[]> {
    const kinds: readonly MessageKind[] = ['signal', 'event', 'callback', 'child'];
    const lease = { runId, part: partOf(runId), generation: 1, epoch: 0 };
    const [mail] = await this.store.readMail([{ lease, boxes: kinds.map((kind) => ({ kind, name: null })) }]);
    return mail?.messages ?? [];
  }
}

/** Draws an op of one kind, or none if there is nothing that it could be about. */
export type Draw = (drawing: Drawing) => Promise<Op | null> | Op | null;
