// Draws programs. Whatever it draws ends by itself once every signal wait has a timeout or a sender: waits
// without a timeout are drawn only where the end of the story sends what they wait for.
import type { Chance } from '../dist/simulation/chance.js';
import type { Node, Program } from './program.js';

/** What a program may refer to. */
export interface Surroundings {
  readonly name: string;
  /** Programs that it may start. */
  readonly children: readonly number[];
  readonly ids: { next: number };
  readonly signals: readonly string[];
  readonly keys: readonly string[];
}

type Leaf = Exclude<Node, { readonly nodes: readonly Node[] } | { readonly op: 'attempt' }>;

/** Draws one program. */
export function generateProgram(chance: Chance, surroundings: Surroundings): Program {
  const drawing = new Drawing(chance, surroundings);
  return {
    name: surroundings.name, body: drawing.sequence(0), again: chance.odds(0.15) ? chance.between(1, 2) : 0,
  };
}

class Drawing {
  readonly #chance: Chance;
  readonly #around: Surroundings;

  constructor(chance: Chance, around: Surroundings) {
    this.#chance = chance;
    this.#around = around;
  }

  sequence(depth: number): Node {
    const many = depth === 0 ? this.#chance.between(3, 7) : this.#chance.between(1, 2);
    return { op: 'sequence', id: this.#id(), nodes: this.#many(many, depth) };
  }

  #many(count: number, depth: number): Node[] {
    return Array.from({ length: count }, () => this.#node(depth));
  }

  #node(depth: number): Node {
    const chance = this.#chance;
    if (depth < 2 && chance.odds(0.3)) {
      const op = chance.pick(['all', 'race', 'together', 'attempt', 'sequence'] as const);
      if (op === 'attempt') return { op, id: this.#id(), node: this.#node(depth + 1) };
      if (op === 'sequence') return this.sequence(depth + 1);
      const nodes = Array.from({ length: chance.between(2, 3) }, () => (
        chance.odds(0.3) ? this.sequence(depth + 1) : this.#leaf()));
      return { op, id: this.#id(), nodes };
    }
    return this.#leaf();
  }

  #leaf(): Leaf {
    const chance = this.#chance;
    const id = this.#id();
    const op = chance.pick([
      'step', 'step', 'step', 'transaction', 'transaction', 'sleep', 'sleep', 'wait', 'wait', 'event',
      'child', 'facts', 'patched', 'publish', 'set', 'rollback', 'map',
    ] as const);
    const ms = (): number => chance.pick([0, 1, 10, 100, chance.between(10, 1_500)]);
    switch (op) {
      case 'step': return { op, id, ms: chance.pick([0, 0, 1, 20, 200]), ...this.#fate() };
      case 'transaction':
        return { op, id, ...this.#fate(), also: chance.pick(['nothing', 'nothing', 'signal', 'start']) };
      case 'sleep': return { op, id, ms: ms() };
      case 'wait':
        return {
          op, id, signal: chance.pick(this.#around.signals), timeoutMs: chance.odds(0.2) ? null : ms(),
        };
      case 'event': return { op, id, key: chance.pick(this.#around.keys), timeoutMs: ms() };
      case 'publish': return { op, id, chunks: chance.between(1, 3) };
      case 'set': return { op, id, attribute: chance.pick(['x', 'y']) };
      case 'map':
        return { op, id, items: chance.between(1, 4), concurrency: chance.between(1, 3), ...this.#fate() };
      case 'child': return this.#child(id);
      default: return { op, id };
    }
  }

  #child(id: string): Leaf {
    const chance = this.#chance;
    const { children } = this.#around;
    if (children.length === 0) return { op: 'facts', id };
    const cancelAfterMs = chance.odds(0.2) ? chance.between(0, 300) : null;
    return { op: chance.pick(['execute', 'spawn']), id, child: chance.pick(children), cancelAfterMs };
  }

  /** How often a body fails before it goes well, and how often it is tried. */
  #fate(): { failures: number; attempts: number } {
    const chance = this.#chance;
    if (chance.odds(0.7)) return { failures: 0, attempts: 3 };
    return chance.odds(0.7) ? { failures: chance.between(1, 2), attempts: 3 } : { failures: 3, attempts: 2 };
  }

  #id(): string {
    return `n${this.#around.ids.next++}`;
  }
}
