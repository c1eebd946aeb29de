// The umbrella: everything an application needs, from one package.
export {
  createClient, createWorker, type Addressed, type AddressedClientOptions, type AddressedWorkerOptions,
} from './addressed.js';
export type { Client, ResultOptions, RunHandle, RunRef, StartArgs, StartOptions } from '@perdure/client';
export {
  DatabaseUnavailableError, NonRetryableError, PayloadError, RetryAfterError, RunCancelledError,
  RunFailedError, RunParkedError, StepTimeoutError, type, workflow, WorkflowError,
  type AnyTransaction, type Connection, type Ctx, type Duration, type EngineEvents, type InputOf, type Logger,
  type OutputOf, type RetryPolicy, type RunStatus, type StepBody, type StepInfo, type StepOptions,
  type Workflow, type WorkflowErrorOptions, type WorkflowSpec,
} from '@perdure/core';
export {
  connect, migrationSql, startEmbedded, type ConnectOptions, type ConnectTarget, type EmbeddedOptions,
  type EmbeddedServer, type EmbeddedTarget,
} from '@perdure/sql';
export type { Worker, WorkerHealth } from '@perdure/worker';
