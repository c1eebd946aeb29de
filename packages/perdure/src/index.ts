// The umbrella: everything an application needs, from one package.
export {
  createClient, createWorker, type Addressed, type AddressedClientOptions, type AddressedWorkerOptions,
} from './addressed.js';
export type {
  BulkOptions, BulkProgress, BulkResult, BulkResumeOptions, BulkRetryOptions, CallKind, Client, EmitOptions,
  EventsOptions, ForkOptions, HistoryEntry, InboxShown, LinePlace, OnConflict, OpenCall, ResultOptions,
  ResumeOptions, RetryOptions, RunDetails, RunEvent, RunEventType, RunFilter, RunHandle, RunPage, RunRef,
  RunSearch, RunSelection, RunSummary, SelectionFilter, SendOptions, StartArgs, StartedMany, StartItem,
  StartManyOptions, StartOptions, StartProgress, StreamChunk, StreamOptions,
} from '@perdure/client';
export {
  ContinuedAsNew, contract, DatabaseUnavailableError, NonRetryableError, PayloadError, RetryAfterError,
  RunCancelledError, RunFailedError, RunParkedError, RunTimeoutError, StepTimeoutError, type, workflow,
  WorkflowError, type AnyTransaction, type Attributes, type AttributeValue, type Branches, type Callback,
  type ChildOptions, type ChildRun, type Connection, type Contract, type Ctx, type Duration, type
  EngineEvents, type ImplementOptions, type InputOf, type IsolationLevel, type Logger, type MapOptions, type
  NoSignals, type OutputOf, type PayloadArgs, type Register, type RetryPolicy, type RunStatus, type
  SqlRunner, type StepBody, type StepInfo, type StepOptions, type TransactionHandle, type
  TransactionOptions, type Transactor, type TransactorOptions, type Tx, type Workflow, type
  WorkflowErrorOptions, type WorkflowSpec,
} from '@perdure/core';
export {
  connect, drizzleTransactor, grantsSql, knexTransactor, kyselyTransactor, migrationSql, pgTransactor,
  postgresJsTransactor, prismaTransactor, startEmbedded, typeOrmTransactor, type ConnectOptions,
  type ConnectTarget, type DrizzleDatabase, type EmbeddedOptions, type EmbeddedServer, type EmbeddedTarget,
  type GrantOptions, type KnexInstance, type KyselyDatabase, type KyselyTransactionBuilder,
  type KyselyTrx, type PgClientPool, type PgPoolClient, type PostgresJsRoot, type PrismaInstance,
  type TypeOrmDataSource, type TypeOrmRunner,
} from '@perdure/sql';
// What values may be, and what is done to them.
export {
  storable, useSerializer, type SealedKind, type SealedPlace, type Serializer, type StorableClass,
  type StorableOptions, type ValueSeal,
} from '@perdure/core';
export type { Worker, WorkerHealth } from '@perdure/worker';
