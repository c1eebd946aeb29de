// Runs one attempt of a step body: its scope, its timeout, its abort signal, and how its end is told.
import type { Call, Stop } from './call.js';
import type { StepInfo, StepRequest } from './context.js';
import type { Env } from './env.js';
import { StepTimeoutError } from './errors.js';
import { publish } from './events.js';
import type { Logger } from './logger.js';
import type { Fault } from './faults.js';
import { isThenable } from './is-thenable.js';
import { runInScope, type Scope } from './scope.js';

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** What an attempt needs of its run. */
export interface AttemptHost {
  readonly runId: string;
  readonly generation: number;
  readonly env: Env;
  readonly log: Logger;
  /** The body made a mistake that parks the run. */
  mistake(fault: Fault): void;
  /** Called once, unless the attempt was given up before. */
  attemptEnded(call: Call, end: AttemptEnd, tookMs: number): void;
}

/** Begins the next attempt of `call`. */
export function beginAttempt(host: AttemptHost, call: Call, request: StepRequest): void {
  const attempt = call.attempt + 1;
  const stop = call.nextStop();
  const mine = call.tries;
  const began = host.env.monotonic();
  const timer = request.timeoutMs === null ? null : host.env.after(request.timeoutMs, () => {
    if (call.tries !== mine) return;
    const late = new StepTimeoutError(request.name, request.timeoutMs ?? 0);
    call.abort(late);
    finish({ ok: false, error: late }, call.tries);
  });
  const finish = (end: AttemptEnd, tries: number): void => {
    timer?.cancel();
    if (call.tries !== tries) return;
    const tookMs = host.env.monotonic() - began;
    publish('perdure:step.ended', () => ({
      runId: host.runId, step: call.name, attempt, tookMs, error: end.ok ? undefined : end.error,
    }));
    host.attemptEnded(call, end, tookMs);
  };
  publish('perdure:step.started', () => ({ runId: host.runId, step: call.name, attempt }));
  call.state = 'running';
  const info = new Attempt(host, call, stop);
  let result: unknown;
  try {
    result = runInScope(scopeOf(host, call.name), () => {
      const returned = request.body(info);
      // A thenable of another kind may throw, or answer twice: a promise of ours stands between.
      return isThenable(returned) ? Promise.resolve(returned) : returned;
    });
  } catch (error) {
    finish({ ok: false, error }, mine);
    return;
  }
  if (result instanceof Promise) {
    result.then(
      (value) => finish({ ok: true, value }, mine),
      (error: unknown) => finish({ ok: false, error }, mine),
    );
  } else {
    finish({ ok: true, value: result }, mine);
  }
}

function scopeOf(host: AttemptHost, step: string): Scope {
  return { runId: host.runId, step, mistake: (fault) => host.mistake(fault) };
}

/** What a body is given. Everything that costs is made when the body looks at it: most never do. */
class Attempt implements StepInfo {
  readonly attempt: number;
  readonly #host: AttemptHost;
  readonly #call: Call;
  readonly #stop: Stop;

  constructor(host: AttemptHost, call: Call, stop: Stop) {
    this.#stop = stop;
    this.#host = host;
    this.#call = call;
    this.attempt = call.attempt + 1;
  }

  get name(): string {
    return this.#call.name;
  }

  get idempotencyKey(): string {
    return `${this.#host.runId}:${this.#host.generation}:${this.#call.place}`;
  }

  get abortSignal(): AbortSignal {
    return this.#stop.signal;
  }

  get log(): Logger {
    return this.#host.log;
  }
}
