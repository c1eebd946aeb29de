// Door 1: what applications import.
export type { Ctx, StepBody, StepInfo, StepOptions } from './context.js';
export type { Connection } from './connection.js';
export type { Duration } from './duration-type.js';
export {
  DatabaseUnavailableError, NonRetryableError, PayloadError, RetryAfterError, RunCancelledError,
  RunFailedError, RunParkedError, StepTimeoutError, WorkflowError, type WorkflowErrorOptions,
} from './errors.js';
export type { EngineEvents } from './events.js';
export type { Logger } from './logger.js';
export type {
  AnyTransaction, Handler, InputOf, KyselyInstance, KyselyTransaction, OutputOf, PgPool, PgTransaction,
  Workflow, WorkflowSpec,
} from './ports.js';
export type { RetryPolicy } from './retry.js';
export type { RunStatus } from './store.js';
export { type, workflow } from './workflow.js';
