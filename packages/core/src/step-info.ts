// What the body of an attempt is given. Everything that costs is made when the body looks at it: most never
// do.
import type { Call, Stop } from './call.js';
import { decode, encode } from './codec.js';
import type { StepInfo } from './context.js';
import type { Env } from './env.js';
import type { Fault } from './faults.js';
import type { Logger } from './logger.js';

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** How a test harness sees one attempt. */
export interface AttemptWatch {
  /** Runs in place of the body, which it may call. */
  run(body: () => unknown): unknown;
  /** Called once with how the attempt ended, unless it was given up before. */
  ended(end: AttemptEnd): void;
}

/** What a harness is told of an attempt. */
export type StepFacts = Pick<StepInfo, 'name' | 'attempt' | 'idempotencyKey'>;

/** What an attempt needs of its run. */
export interface AttemptHost {
  readonly runId: string;
  readonly generation: number;
  readonly env: Env;
  readonly log: Logger;
  /** Null unless a test harness watches. */
  watch(step: StepFacts): AttemptWatch | null;
  /** The body made a mistake that parks the run. */
  mistake(fault: Fault): void;
  /** The body told of its progress. */
  progressed(call: Call): void;
  /** The body has something for a progress stream. */
  publishFrom(call: Call, stream: string, chunk: unknown): void;
  /** Called once, unless the attempt was given up before. */
  attemptEnded(call: Call, end: AttemptEnd, tookMs: number): void;
}

/** One attempt, as its body sees it. */
export class BodyInfo implements StepInfo {
  readonly attempt: number;
  protected readonly host: AttemptHost;
  protected readonly call: Call;
  protected readonly stop: Stop;
  readonly #tries: number;
  readonly #before: Call['progress'];

  /** Begins the next attempt of `call`. */
  constructor(host: AttemptHost, call: Call) {
    this.host = host;
    this.call = call;
    this.stop = call.nextStop();
    this.#tries = call.tries;
    this.#before = call.progress;
    this.attempt = call.attempt + 1;
  }

  get name(): string {
    return this.call.name;
  }

  get idempotencyKey(): string {
    return `${this.host.runId}:${this.host.generation}:${this.call.place}`;
  }

  get abortSignal(): AbortSignal {
    return this.stop.signal;
  }

  /** Fires when nobody waits for the attempt any more. */
  get abandoned(): AbortSignal {
    return this.stop.abandoned;
  }

  get log(): Logger {
    return this.host.log;
  }

  get progress(): unknown {
    return this.#before === null ? undefined : decode(this.#before);
  }

  // Bodies take apart what they are given: `({ heartbeat }) => …`. So these know whose they are.
  get heartbeat(): (progress?: unknown) => void {
    return (progress) => {
      if (!this.runs) return;
      const what = `the progress of step '${this.name}'`;
      if (progress !== undefined) this.call.progress = encode(progress, what);
      this.hearBeat();
      this.host.progressed(this.call);
    };
  }

  get publish(): (stream: string, chunk: unknown) => void {
    return (stream, chunk) => {
      if (this.runs) this.host.publishFrom(this.call, stream, chunk);
    };
  }

  /** Null unless a test harness watches. */
  watched(): AttemptWatch | null {
    return this.host.watch(this);
  }

  /** Whether somebody waits for it. */
  protected get runs(): boolean {
    return this.call.tries === this.#tries;
  }

  /** Its body has shown that it is alive. */
  protected hearBeat(): void {
    // Only a step with a heartbeatTimeout listens.
  }
}
