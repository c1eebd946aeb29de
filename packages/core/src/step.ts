// Runs one attempt of a step body: its scope, its limits, its abort signal, and how its end is told.
//
//   W3. An attempt has one end. What passes a limit has failed at that moment; what its body does after that
//       is not looked at.
import type { Call } from './call.js';
import type { Timer } from './env.js';
import { StepTimeoutError } from './errors.js';
import { publish } from './events.js';
import { isThenable } from './is-thenable.js';
import type { StepRequest } from './requests.js';
import { runInScope } from './scope.js';
import { BodyInfo, type AttemptEnd, type AttemptHost, type AttemptWatch } from './step-info.js';

/** Begins the next attempt of `call`; `leftMs` is what is left of the time for all attempts. */
export function beginAttempt(host: AttemptHost, call: Call, { request, leftMs }: {
  request: StepRequest; leftMs: number | null;
}): void {
  new Attempt(host, call, request).begin(leftMs);
}

class Attempt extends BodyInfo {
  readonly #request: StepRequest;
  readonly #began: number;
  #watch: AttemptWatch | null = null;
  #limit: Timer | null = null;
  #silence: Timer | null = null;

  constructor(host: AttemptHost, call: Call, request: StepRequest) {
    super(host, call);
    this.#request = request;
    this.#began = host.env.monotonic();
  }

  begin(leftMs: number | null): void {
    const { runId } = this.host;
    const { timeoutMs, totalTimeoutMs } = this.#request;
    publish('perdure:step.started', () => ({ runId, step: this.name, attempt: this.attempt }));
    this.call.state = 'running';
    if (leftMs !== null && (timeoutMs === null || leftMs < timeoutMs)) {
      this.#limit = this.#after(leftMs, () => new StepTimeoutError(this.name, totalTimeoutMs ?? 0, 'total'));
    } else if (timeoutMs !== null) {
      this.#limit = this.#after(timeoutMs, () => new StepTimeoutError(this.name, timeoutMs, 'attempt'));
    }
    this.hearBeat();
    this.#run();
  }

  #after(ms: number, error: () => Error): Timer {
    return this.host.env.after(ms, () => {
      if (!this.runs) return;
      const late = error();
      this.call.abort(late);
      this.#finish({ ok: false, error: late });
    });
  }

  protected override hearBeat(): void {
    const { heartbeatMs } = this.#request;
    if (heartbeatMs === null) return;
    this.#silence?.cancel();
    this.#silence = this.#after(heartbeatMs, () => new StepTimeoutError(this.name, heartbeatMs, 'heartbeat'));
  }

  #run(): void {
    let result: unknown;
    try {
      result = runInScope(this.#scope, () => {
        const returned = this.#body();
        // A thenable of another kind may throw, or answer twice: a promise of ours stands between.
        return isThenable(returned) ? Promise.resolve(returned) : returned;
      });
    } catch (error) {
      this.#end({ ok: false, error });
      return;
    }
    if (result instanceof Promise) {
      result.then(
        (value) => this.#end({ ok: true, value }),
        (error: unknown) => this.#end({ ok: false, error }),
      );
    } else {
      this.#end({ ok: true, value: result });
    }
  }

  #body(): unknown {
    this.#watch = this.host.watch(this);
    return this.#watch === null ? this.#request.body(this) : this.#watch.run(() => this.#request.body(this));
  }

  get #scope(): Parameters<typeof runInScope>[0] {
    return { runId: this.host.runId, step: this.name, mistake: (fault) => this.host.mistake(fault) };
  }

  #end(end: AttemptEnd): void {
    if (this.runs) this.#finish(end);
    else this.#cancelTimers();
  }

  #finish(end: AttemptEnd): void {
    this.#cancelTimers();
    const tookMs = this.host.env.monotonic() - this.#began;
    publish('perdure:step.ended', () => ({
      runId: this.host.runId, step: this.name, attempt: this.attempt, tookMs,
      error: end.ok ? undefined : end.error,
    }));
    this.#watch?.ended(end);
    this.host.attemptEnded(this.call, end, tookMs);
  }

  #cancelTimers(): void {
    this.#limit?.cancel();
    this.#silence?.cancel();
  }
}
