// What was left out of a story to make it smaller, as options of the command that tells it again.
import { without } from './program.js';
import type { Story } from './story.js';

/** What is left out. */
export interface Cuts {
  /** Nodes of programs. */
  readonly nodes: readonly string[];
  /** Deeds, by their place in the story. */
  readonly deeds: readonly number[];
  /** How many workers there are; null: as many as the story says. */
  readonly workers: number | null;
  /** Numbers of the faults that happen; null: all that are drawn. */
  readonly faults: readonly number[] | null;
}

/** Nothing is left out. */
export const noCuts: Cuts = { nodes: [], deeds: [], workers: null, faults: null };

/** The smaller story. */
export function cut(story: Story, { nodes, deeds, workers, faults }: Cuts): Story {
  const programs = story.programs.map((program) => {
    let { body } = program;
    // Of a tree that would be gone something stays: a program does something.
    for (const id of nodes) body = without(body, id) ?? body;
    return { ...program, body };
  });
  return {
    ...story, programs, deeds: story.deeds.filter((_, index) => !deeds.includes(index)),
    workers: workers ?? story.workers, faults,
  };
}

/** The options that say so. */
export function optionsOf({ nodes, deeds, workers, faults }: Cuts): string {
  const options: string[] = [];
  if (nodes.length > 0) options.push(`--without=${nodes.join(',')}`);
  if (deeds.length > 0) options.push(`--undone=${deeds.join(',')}`);
  if (workers !== null) options.push(`--workers=${workers}`);
  if (faults !== null) options.push(`--faults=${faults.join(',')}`);
  return options.map((option) => ` ${option}`).join('');
}

/** The options of a command line. */
export interface CutOptions {
  readonly without?: string | undefined;
  readonly undone?: string | undefined;
  readonly workers?: string | undefined;
  readonly faults?: string | undefined;
}

/** What options say. */
export function cutsIn({ without: nodes = '', undone = '', workers, faults }: CutOptions): Cuts {
  const list = (text: string): string[] => text.split(',').filter((part) => part !== '');
  return {
    nodes: list(nodes), deeds: list(undone).map(Number),
    workers: workers === undefined ? null : Number(workers),
    faults: faults === undefined ? null : list(faults).map(Number),
  };
}
