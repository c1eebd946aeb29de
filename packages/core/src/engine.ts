// Door 2: what the sibling packages import. No promise to applications.
export {
  byteLengthOf, decode, decodeError, defaultLimits, encode, encodeError, exceedsBytes, type Encoded,
} from './codec.js';
export type {
  AdoptedRun, Adopter, Hints, LeaseKeeper, LeaseKeeperOptions,
} from './connection.js';
export { toMilliseconds } from './duration.js';
export { type Env, type Timer, systemEnv } from './env.js';
export { InvariantError, invariant } from './errors.js';
export { publish } from './events.js';
export { clientInWorkflow, poisoned } from './faults.js';
export { LiveRun, type TurnEnded, type TurnHost, type TurnStart } from './live-run.js';
export { consoleLogger, guardedLogger } from './logger.js';
export { checkName } from './names.js';
export { writeLength } from './outbox.js';
export { hash32, laneOf, partCount, partOf, type LaneKind } from './part.js';
export { Pump } from './pump.js';
export { checkInput } from './schema.js';
export { currentScope, type Scope } from './scope.js';
export { MemoryStore } from './memory-store.js';
export type { MemoryStoreOptions } from './memory-starts.js';
export { MemoryTransaction } from './memory-transaction.js';
export {
  nothing, type BirthLease, type CallKind, type ClaimAnswer, type ClaimedRun, type ClaimRequest, type Entry,
  type History, type Instant, type Lease, type NewPendingCall, type NewRun, type PendingCall,
  type RecordedCall, type RecordedEntry, type RunRecord, type RunStatus, type Served, type StartAnswer,
  type StartStore, type Store, type StoredStatus, type TurnAnswer, type TurnEnd, type TurnWrite,
} from './store.js';
export { definitionOf, type WorkflowDefinition } from './workflow.js';
export { storeCases, type StoreCase, type StoreWorld } from './store-cases.js';
