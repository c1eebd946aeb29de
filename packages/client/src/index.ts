// What applications import.
export { createClient, type Client, type ClientOptions, type StartArgs } from './client.js';
export type { ResultOptions, RunHandle, RunRef } from './handle.js';
export type { StartOptions } from './start-options.js';
