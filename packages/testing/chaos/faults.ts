// The faults: what each does to the business, and how often it hit.
//
//   F1. A fault heals itself before it returns; what it holds it lets go, whatever happens.
//   F2. A hit is an operation in flight that had another outcome: a run lost its worker, an answer its
//       client. What struck nobody is injected and no hit.
//   F3. Chance comes from the seed; where it strikes the machine decides.
import type pg from 'pg';
import type { PgProxy } from '../dist/pg-proxy.js';
import type { ChaosServer } from './chaos-server.js';
import type { Dice } from './dice.js';
import type { Staff } from './staff.js';

/** Everything that a fault can get hold of. */
export interface Scene {
  readonly dice: Dice;
  readonly staff: Staff;
  readonly proxy: PgProxy;
  readonly server: ChaosServer;
  readonly leaseMs: number;
  /** Name of the database of the business. */
  readonly database: string;
  /** A connection past the proxy, for as long as `body` needs it. */
  direct<T>(body: (db: pg.Client) => Promise<T>): Promise<T>;
  /** Starts a run of a workflow that only faults start. */
  start(workflow: 'block' | 'leak'): Promise<string>;
}

/** A kind of fault. */
export interface FaultKind {
  readonly name: string;
  /** Faults of one lane come one after the other; lanes go side by side. */
  readonly lane: 'process' | 'network' | 'database';
  /** It only delays: counted apart. */
  readonly delay?: boolean;
  /** It is a property of the whole round instead of something that happens in it. */
  readonly standing?: 'skewed' | 'starved';
  /** Workers have little memory in its rounds. */
  readonly shortOfMemory?: boolean;
  /** It needs a server that it may stop. */
  readonly ownServer?: boolean;
  /** Once in a round is enough. */
  readonly once?: boolean;
  /** Does it once; resolves with its hits. */
  inject(scene: Scene): Promise<number>;
}
