// Door 1: what applications import.
export { useSerializer, type Serializer } from './codec/serializer.js';
export { storable, type StorableClass, type StorableOptions } from './codec/storable.js';
export type {
  Branches, Callback, ChildOptions, ChildRun, Ctx, Handler, MapOptions, StepBody, StepInfo, StepOptions,
  TransactionOptions,
} from './context.js';
export type { Connection } from './connection.js';
export { ContinuedAsNew } from './continuation.js';
export { contract, type Contract, type ImplementOptions } from './contract.js';
export type { Duration } from './duration-type.js';
export {
  DatabaseUnavailableError, NonRetryableError, PayloadError, RetryAfterError, RunCancelledError,
  RunFailedError, RunParkedError, RunTimeoutError, StepTimeoutError, WorkflowError, type WorkflowErrorOptions,
} from './errors.js';
export type { EngineEvents } from './events.js';
export type { Logger } from './logger.js';
export type {
  AnyTransaction, DrizzleTransaction, InputOf, KnexTransaction, KyselyInstance, KyselyTransaction, OutputOf,
  PgPool, PgTransaction, PostgresJsTransaction, PrismaTransaction, TypeOrmManager, TypeOrmQueryRunner,
  NoSignals, PayloadArgs, Register, SqlRunner, StartArgs, Tx, Workflow, WorkflowSpec,
} from './ports.js';
export type { RetryPolicy } from './retry.js';
export type { SealedKind, SealedPlace, ValueSeal } from './sealing.js';
export type { Attributes, AttributeValue, RunStatus } from './store.js';
export type {
  IsolationLevel, StepTransaction, StepTransactions, TransactionHandle, TransactionVerdict, Transactor,
  TransactorOptions,
} from './transactor.js';
export { type, workflow } from './workflow.js';
