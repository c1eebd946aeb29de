// Everything that is decided before a simulation begins: programs, deeds, and how many of whom there are. It
// is plain data, so that it can be made smaller piece by piece.
import type { Chance } from '../dist/simulation/chance.js';
import { generateProgram } from './generate.js';
import type { Program } from './program.js';
import type { Deed } from './script.js';

/** One story. */
export interface Story {
  readonly seed: number;
  readonly programs: readonly Program[];
  readonly deeds: readonly Deed[];
  readonly workers: number;
  readonly clients: number;
  /** Whether workers forget what rests. */
  readonly forgetful: boolean;
  readonly concurrency: number;
  /** How long things fail. */
  readonly chaosMs: number;
  /** Numbers of the faults that happen; null: all that are drawn. */
  readonly faults: readonly number[] | null;
}

/** The names of signals, and the keys of events, that programs wait for. */
export const signals: readonly string[] = ['a', 'b'];
const keys = ['k', 'l'];

/** The story of a seed. */
export function storyOf(seed: number, chance: Chance): Story {
  const draw = chance.fork('story');
  const ids = { next: 0 };
  const many = draw.between(1, 3);
  // A program may start those after it, so that no two start each other.
  const programs: Program[] = [];
  for (let index = 0; index < many; index++) {
    const children = Array.from({ length: many - index - 1 }, (_, offset) => index + offset + 1);
    programs.push(generateProgram(draw, { name: `p${index}`, children, ids, signals, keys }));
  }
  const chaosMs = draw.between(2_000, 6_000);
  return {
    seed, programs, chaosMs, deeds: deedsOf(draw, many, chaosMs), workers: draw.between(1, 3),
    clients: draw.between(1, 2), forgetful: draw.odds(0.3), concurrency: draw.pick([1, 2, 100, 100]),
    faults: null,
  };
}

function deedsOf(draw: Chance, programs: number, chaosMs: number): Deed[] {
  const deeds: Deed[] = [];
  const runs = draw.between(1, 5);
  for (let index = 0; index < runs; index++) {
    const run = `r${index}`;
    const program = draw.odds(0.6) ? 0 : draw.below(programs);
    const at = draw.between(0, 500);
    deeds.push({ at, kind: 'start', run, program, how: draw.pick(['alone', 'tx']) });
    deeds.push({ at: at + 1, kind: 'result', run, program });
    const many = draw.between(0, 5);
    const withinMs = draw.pick([300, 1_500, chaosMs]);
    for (let number = 0; number < many; number++) {
      deeds.push({
        at: at + draw.between(0, withinMs), kind: 'signal', run, signal: draw.pick(signals),
        payload: `${run}-${number}`, how: draw.pick(['alone', 'tx']),
      });
    }
    if (draw.odds(0.25)) deeds.push({ at: at + draw.between(0, chaosMs), kind: 'cancel', run });
  }
  const events = draw.between(0, 4);
  for (let number = 0; number < events; number++) {
    deeds.push({ at: draw.between(0, chaosMs), kind: 'event', key: draw.pick(keys), payload: `e-${number}` });
  }
  return deeds.sort((one, other) => one.at - other.at);
}
