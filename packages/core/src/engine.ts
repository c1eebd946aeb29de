// Door 2: what the sibling packages import. No promise to applications.
export {
  byteLengthOf, decode, decodeError, defaultLimits, encode, encodeError, exceedsBytes, readError,
  type Encoded,
} from './codec.js';
export { maximumDepth } from './codec/plain.js';
export { callbackMessageId, makeToken, parseToken } from './callback-token.js';
export type {
  AdoptedRun, Adopter, Hints, LeaseKeeper, LeaseKeeperOptions,
} from './connection.js';
export { unbroken, type Continuity } from './continuity.js';
export { toMilliseconds } from './duration.js';
export { type Env, type Timer, systemEnv } from './env.js';
export { InvariantError, invariant } from './errors.js';
export { childIdOf } from './errands.js';
export { publish } from './events.js';
export { explain } from './explain.js';
export type { ExplainedChild, ExplainedRun, Surroundings } from './explain-facts.js';
export { callIsGone, clientInWorkflow, poisoned, type Difference, type Fault } from './faults.js';
export type { AttemptFacts, DrivenRun, Harness, HeldRuns } from './harness.js';
export { headersOf, mostBytes as mostHeaderBytes, mostHeaders } from './headers.js';
export { describeCall, type CallIdentity } from './journal.js';
export { LiveRun } from './live-run.js';
export type { TurnEnded, TurnHost, TurnStart } from './turn-host.js';
export { toldIfLarge } from './large-values.js';
export { consoleLogger, guardedLogger } from './logger.js';
export { checkName, hasHalfPair, longestName } from './names.js';
export { writeLength } from './outbox.js';
export { hash32, laneOf, partCount, partOf, priorities, type LaneKey, type LaneKind } from './part.js';
export { Pump } from './pump.js';
export { sealing } from './sealed-store.js';
export { checkInput } from './schema.js';
export type { AttemptEnd, AttemptWatch } from './step-info.js';
export { attributesOf, longestAttribute } from './requests.js';
export { currentScope, type Scope } from './scope.js';
export { checkSignal, signalSchema } from './signals.js';
export { priorityOf, startAttributes } from './start-values.js';
export { MemoryStore } from './memory-store.js';
export type { MemoryStoreOptions } from './memory-starts.js';
export { MemoryTransaction, ValueRefusedError } from './memory-transaction.js';
export type { ExtendLease } from './transaction-leases.js';
export { TransactionalSteps, type TransactionalStepsOptions } from './transactional-step.js';
export type {
  TransactionAttempt, TransactionOutcome, Transactions,
} from './transaction-attempt.js';
export {
  cancelId, childBox, childNotFound, eventBox, signalId, type CarryAnswer, type ChildAnswer, type EmitAnswer,
  type Mail,
  type MailStore, type MailWant, type Message, type MessageKind, type NewChild, type NewEvent,
  type NewMessage, type NewSubscription, type ParentClose, type SendAnswer, type SendStore,
  type SubscribeAnswer,
} from './mail.js';
export type {
  Broken, CheckAnswer, CheckRange, EntryRange, Fork, InboxCount, LineFacts, OperatorStore, Resumption,
  Revival, RunDetail, ServedKind, VerbAnswer, WorkerFacts, WorkerListed, WorkflowFacts,
} from './operations.js';
export type { BirthLease, Instant, Lease, NewRun } from './lease.js';
export {
  nothing, type Attributes, type AttributeValue, type CallKind, type Chunk, type ChunkRange,
  type ClaimAnswer, type ClaimedRun, type ClaimRequest, type Entry, type History, type NewPendingCall,
  type PendingCall, type RecordedCall, type RecordedChunk, type RecordedEntry, type RunListed, type RunQuery,
  type RunRecord, type RunStatus, type Served, type StartAnswer, type StartStore, type Store,
  type StoredStatus, type StreamHead, type TurnAnswer, type TurnEnd, type TurnExtras, type TurnWrite,
} from './store.js';
export { definitionOf, type WorkflowDefinition } from './workflow.js';
export { storeCases, type StoreCase, type StoreWorld } from './store-cases.js';
