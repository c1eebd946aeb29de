// What tests of workflows import.
export { memoryConnection, type MemoryConnectionOptions } from './memory-connection.js';
