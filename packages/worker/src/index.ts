// What applications import.
export { checkWorker, createWorker, type Worker, type WorkerHealth, type WorkerOptions } from './worker.js';
