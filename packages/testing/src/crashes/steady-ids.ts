// Ids that are the same in every run of a scenario.
import type { Env } from '@perdure/core/engine';
import { Chance } from '../simulation/chance.js';

/** What of an Env makes ids. */
export type Ids = Pick<Env, 'newId' | 'newToken' | 'newUuid'>;

/** Begins the same each time. */
export function steadyIds(): Ids {
  const chance = new Chance('ids');
  let runs = 0;
  return {
    newId: () => `run-${String(++runs).padStart(6, '0')}`,
    newToken: () => chance.hex(32),
    newUuid: () => chance.hex(32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5'),
  };
}
