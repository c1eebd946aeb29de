// What a child process can be asked to do, by name.
import { groupedRuns, groupedSteps } from '../limits/grouped-commits.js';
import { idlePairs } from '../limits/idle-pair.js';
import { manyRows, singleRows } from '../limits/plain-inserts.js';
import { callers } from '../workloads/callers.js';
import { drain } from '../workloads/drain.js';
import { latency } from '../workloads/latency.js';
import { longRun } from '../workloads/long-run.js';
import { rssInFlight, serve, stopServing } from '../workloads/serving.js';

/** All roles. */
export const roles = {
  drain, callers, longRun, latency, serve, rssInFlight, stopServing,
  groupedRuns, groupedSteps, idlePairs, singleRows, manyRows,
};

/** All roles, as types. */
export type Roles = typeof roles;
