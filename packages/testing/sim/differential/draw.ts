// Draws schedules: which verb comes next, by weights and by what the model's runs are fit for.
import { DrawChance } from './chance.js';
import {
  carry, emitEvents, emitInside, sendFrom, sendInside, sendMessages, subscribe, tieChildren,
} from './draw-mail.js';
import { claim, lock, makeDue, operate, recall, startInside, startRuns, wake } from './draw-runs.js';
import { commit, fence, record, resend } from './draw-turns.js';
import { Drawing, type Draw } from './drawing.js';
import { observe, type Op } from './op.js';
import type { Standing } from './standing.js';

type Weighed = readonly (readonly [weight: number, draw: Draw])[];

const outside: Weighed = [
  [7, startRuns], [10, claim], [1, recall], [22, commit], [4, resend], [5, sendMessages], [2, sendFrom],
  [3, emitEvents], [4, subscribe], [5, tieChildren], [7, carry], [1, wake], [5, makeDue], [2, lock],
  [5, (drawing) => drawing.op('tx.begin')], ...operate,
];

const inside: Weighed = [
  [4, startInside], [4, sendInside], [2, emitInside], [6, fence], [6, record],
  [2, (drawing) => drawing.op('tx.commit')], [1, (drawing) => drawing.op('tx.rollback')],
];

const observeEvery = 8;

/** The ops of a seed, one after the other, drawn while the model plays them. */
export class Schedule {
  readonly #drawing: Drawing;
  readonly #length: number;
  #drawn = 0;

  constructor(seed: number, model: Standing) {
    const chance = new DrawChance(seed);
    this.#drawing = new Drawing(chance, model);
    this.#length = 15 + chance.below(50);
  }

  /** The next op, or null at the end. */
  async next(): Promise<Op | null> {
    if (this.#drawn >= this.#length) return null;
    this.#drawn++;
    if (this.#drawn % observeEvery === 0) return this.#drawing.op(observe, this.#drawn);
    await this.#drawing.look();
    for (let tries = 0; tries < 20; tries++) {
      const op = await this.#draw(this.#weights());
      if (op !== null) return op;
    }
    return this.#drawing.op(observe, this.#drawn);
  }

  #weights(): Weighed {
    const { model, session, chance } = this.#drawing;
    return model.transactions.has(session) && chance.odds(0.5) ? inside : outside;
  }

  async #draw(weighed: Weighed): Promise<Op | null> {
    const sum = weighed.reduce((total, [weight]) => total + weight, 0);
    let left = this.#drawing.chance.next() * sum;
    for (const [weight, draw] of weighed) {
      left -= weight;
      if (left < 0) return draw(this.#drawing);
    }
    return null;
  }
}
