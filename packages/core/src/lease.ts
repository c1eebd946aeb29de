// What both halves of the Store port speak of: instants, leases, and runs to be created. The promises are in
// store.ts.
import type { Encoded } from './codec.js';

/** Microseconds since 1970 by the database's clock (P1). */
export type Instant = number;

/** A value that runs can be searched by. */
export type AttributeValue = string | number | boolean | Date;

/** Attributes of a run, by name. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A run's identity in every table, and the ownership that a write relies on. */
export interface Lease {
  readonly runId: string;
  readonly part: number;
  readonly generation: number;
  readonly epoch: number;
}

/** The lease that a run is born with. */
export interface BirthLease {
  readonly claimId: string;
  readonly leaseMs: number;
  /** The version that is stamped on the run. */
  readonly version: string | null;
}

/** A run to be created. The id is its idempotency key: an existing run of that id is left as it is. */
export interface NewRun {
  readonly id: string;
  readonly workflow: string;
  readonly queue: string;
  readonly input: Encoded;
  /** Not claimed before this long after the start. */
  readonly delayMs?: number | undefined;
  /** Not claimed before this instant of the caller's (milliseconds since 1970). */
  readonly startAtMs?: number | undefined;
  /** Longest time from its first claim to its end; none if left out. */
  readonly timeoutMs?: number | undefined;
  /** From -2 to 2: due runs of a higher one are claimed first. 0 if left out. */
  readonly priority?: number | undefined;
  /** What it can be searched by from the beginning. */
  readonly attributes?: Attributes | undefined;
  /** What is carried along and never looked at, such as the context of a trace. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * A run of this id and workflow that failed or was cancelled begins anew, in its next generation and from
   * its start, with what stands here; that is answered as `created`. Never with a lease.
   */
  readonly restart?: boolean | undefined;
  /** Born leased to this process: the run begins as if it had just been claimed under `claimId`. */
  readonly lease?: BirthLease | undefined;
}
