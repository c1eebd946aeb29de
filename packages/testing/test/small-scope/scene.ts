// One run of a scenario whose worker is killed: its world, and who saw what happened.
import type { Client } from '@perdure/client';
import { KillWorld } from './kill-world.js';
import { Witness } from './witness.js';

/** One run of a scenario. */
export class Scene extends Witness {
  readonly kills: KillWorld;
  readonly world: KillWorld['world'];
  readonly client: Client;

  constructor(kills: readonly number[]) {
    const world = new KillWorld(kills);
    super((runId, generation, place) => (
      world.world.store['tables'].journal(runId, generation).has(place)));
    this.kills = world;
    this.world = world.world;
    this.client = this.world.client;
  }
}
