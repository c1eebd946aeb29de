// Every default of a worker, by name. docs/reference.md shows the same table.

/** Runs that are driven at the same time. */
export const defaultConcurrency = 100;
/**
 * How long a claim lasts without renewal, in ms: what it takes until a killed worker's runs are taken over.
 */
export const defaultLeaseMs = 10_000;
/** How often leases are renewed, as a share of their length. */
export const renewalShare = 0.3;
/** How long the main loop may be blocked before its runs are handed over, as a multiple of the lease. */
export const loopLimitLeases = 2;
/** Longest pause between two looks for work when idle, in ms. The look at its end is the unbounded sweep. */
export const idlePollMs = 1_000;
/** First pause after a look that found less than it could take, in ms; doubled up to `idlePollMs`. */
export const firstPauseMs = 20;
/** Quarantined claims that may end by lease expiry before a run is parked as POISONED. */
export const poisonStrikes = 5;
/** How long a suspect with one strike is alone in quarantine, in ms; doubled with each further strike. */
export const probationMs = 250;
/** Resting runs that are kept in memory. */
export const restingRuns = 1_000;
/** Leases that a worker had last, which a restore may have made it hold again. */
export const recentLeases = 2_000;
/** How long `stop` waits for running steps, in ms. */
export const defaultShutdownMs = 10_000;
/** How long `stop` waits at least for leases to be handed back, in ms: it takes one commit. */
export const handBackMs = 2_000;
/** Due times of resting runs that are known between two sweeps. */
export const knownDueTimes = 1_000;
/** Pieces of each kind of mail that are carried in one request at most. */
export const largestCarry = 500;
/** Runs that one claim takes at most. */
export const largestClaim = 1_000;
/** Runs whose writes share one commit at most. */
export const largestBatch = 2_000;
/** Characters that share one commit, roughly: a batch is closed once it carries more. */
export const largestBatchLength = 8_000_000;
/** Commits under way at the same time. */
export const commitsUnderWay = 2;
/** How often a worker says that it is there, in ms. */
export const seenEveryMs = 15_000;
/** First pause before that is tried again after a failure, in ms; doubled up to `seenEveryMs`. */
export const firstSeenRetryMs = 1_000;
/** How long a stop waits at most until the worker is forgotten, in ms. */
export const forgetPatienceMs = 1_000;
