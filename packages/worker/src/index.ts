// What applications import.
export { createWorker, type Worker, type WorkerHealth, type WorkerOptions } from './worker.js';
