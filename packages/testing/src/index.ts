// What tests of workflows import.
export { memoryConnection, type MemoryConnectionOptions } from './memory-connection.js';
export { createTestEnv } from './create-test-env.js';
export type { TestEnv, TestEnvOptions } from './test-env.js';
export type { StepCall, StepMock } from './step-book.js';
