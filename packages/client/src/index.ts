// What applications import.
export type { CheckOptions, Finding } from './check.js';
export type { Client, ClientOptions } from './client.js';
export { createClient } from './database-client.js';
export type { RunHandle } from './handle.js';
export type { EmitOptions, SendOptions } from './mail.js';
export type { RunFilter, RunPage, RunSearch, RunSummary } from './query.js';
export type { ResultOptions } from './result.js';
export type { ForkOptions, ResumeOptions, RetryOptions } from './revive.js';
export type { HistoryEntry, InboxShown, LinePlace, OpenCall, RunDetails } from './run-details.js';
export type { EventsOptions, RunEvent, RunEventType } from './run-events.js';
export type { RunRef } from './run-ref.js';
export type {
  BulkOptions, BulkProgress, BulkResult, BulkResumeOptions, BulkRetryOptions, RunSelection, SelectionFilter,
} from './selection.js';
export type { StartedMany, StartItem, StartManyOptions, StartProgress } from './start-many.js';
export type { OnConflict, StartArgs, StartOptions } from './start-options.js';
export type { StreamChunk, StreamOptions } from './stream.js';
export type { CallKind } from '@perdure/core/engine';
