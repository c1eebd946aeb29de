// The way of one simulated process to the database: every call is two events, its arrival and its answer, and
// faults strike in between.
//
//   W1. What has been sent arrives, whatever becomes of its sender; what is answered reaches a sender that
//       lives.
//   W2. Two calls of one process may overtake each other: they ride on connections of their own.
import { DatabaseUnavailableError } from '@perdure/core';
import type { FaultKind, FaultPlan, Target } from './fault-plan.js';
import type { ModelStore } from './model-store.js';
import type { SimProcess } from './sim-process.js';

/** A call to the database. */
export interface WireCall<Answer> extends Target {
  /** What it does, in the event of its arrival. */
  effect(): Promise<Answer>;
  /** It never arrives, and the connection is gone. */
  gone?(): void;
}

/** What a wire needs of its world. */
export interface WireParts {
  readonly process: SimProcess;
  readonly store: ModelStore;
  readonly plan: FaultPlan;
  /** How long a caller waits for an answer. */
  readonly deadlineMs: number;
  /** For how long a process stops: longer than its leases last. */
  readonly stopMs: readonly [low: number, high: number];
  /** A verb has taken effect, or failed. */
  done(verb: string): void;
}

/** The database undid a transaction because of a conflict with another. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** The way of one process to the database. */
export class Wire {
  readonly parts: WireParts;
  readonly #labels = new Map<string, Labels>();

  constructor(parts: WireParts) {
    this.parts = parts;
  }

  /** Calls the database; a process that is dead gets no answer. */
  call<Answer>(call: WireCall<Answer>): Promise<Answer> {
    const { process, plan } = this.parts;
    if (!process.isAlive) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      const fault = plan.draw(call);
      const answer: Settle<Answer> = {
        ok: (value) =>
          this.#happen(process, {
            inMs: plan.wayMs(), label: this.#labelsOf(call).answer, run: () => resolve(value),
          }),
        bad: (error, inMs = plan.wayMs()) =>
          this.#happen(process, { inMs, label: this.#labelsOf(call).failure, run: () => reject(error) }),
      };
      if (fault === null) this.#arrive(call, answer);
      else this.#suffer(fault, call, answer);
    });
  }

  #suffer<Answer>(fault: FaultKind, call: WireCall<Answer>, answer: Settle<Answer>): void {
    const { process, plan, deadlineMs } = this.parts;
    const nobody: Settle<Answer> = { ok: () => undefined, bad: () => undefined };
    const missing = unavailable(fault);
    const cut = (inMs: number, error: Error = missing): void => {
      plan.count(fault);
      call.gone?.();
      answer.bad(error, inMs);
    };
    if (fault === 'refused') cut(plan.wayMs());
    else if (fault === 'conflict') cut(plan.wayMs(), new ConflictError('could not serialize access'));
    else if (fault === 'timed-out') cut(deadlineMs);
    else if (fault === 'late') {
      plan.count(fault);
      answer.bad(missing, deadlineMs);
      this.#arrive(call, nobody, { inMs: deadlineMs + plan.between(0, deadlineMs) });
    } else if (fault === 'reply-lost') {
      plan.count(fault);
      const lost = (): void => answer.bad(missing);
      this.#arrive(call, { ok: lost, bad: lost });
    } else if (fault === 'partial') {
      this.#arrive(call, { ok: answer.ok, bad: (error) => {
        plan.count(fault);
        answer.bad(error);
      } }, { breaksOff: true });
    } else if (fault === 'kill-before' || fault === 'kill-after') {
      this.#dying(fault, call);
    } else {
      this.#stop(fault, process);
      // It stopped before it had sent the call, or after that.
      if (plan.between(0, 1) === 0) this.#arrive(call, answer);
      else {
        const run = (): void => this.#arrive(call, answer);
        this.#happen(process, { inMs: 0, label: `sends ${call.verb}`, run });
      }
    }
  }

  #dying<Answer>(fault: 'kill-before' | 'kill-after', call: WireCall<Answer>): void {
    const { process, plan } = this.parts;
    const die = (): void => {
      if (process.isAlive) plan.count(fault);
      process.kill();
    };
    if (fault === 'kill-after') this.#arrive(call, { ok: die, bad: die });
    else this.#happen(null, { inMs: plan.wayMs(), label: `kill ${process.name}`, run: die });
  }

  #stop(fault: 'freeze' | 'block', process: SimProcess): void {
    const { plan, stopMs } = this.parts;
    if (!process.isRunning) return;
    plan.count(fault);
    if (fault === 'freeze') process.freeze();
    else process.block();
    const label = `thaw ${process.name}`;
    this.#happen(null, { inMs: plan.between(...stopMs), label, run: () => process.thaw() });
  }

  #arrive<Answer>(
    call: WireCall<Answer>, { ok, bad }: Settle<Answer>, { inMs, breaksOff }: Arrival = {},
  ): void {
    const { store, plan, done } = this.parts;
    const arrive = (): void => {
      const effect = store.arrive(() => call.effect(), breaksOff);
      void effect.then(ok, bad).finally(() => done(call.verb));
    };
    this.#happen(null, { inMs: inMs ?? plan.wayMs(), label: this.#labelsOf(call).call, run: arrive });
  }

  // The same few texts all the time: made once.
  #labelsOf({ verb }: { readonly verb: string }): Labels {
    const known = this.#labels.get(verb);
    if (known !== undefined) return known;
    const labels = { call: `${this.parts.process.name} ${verb}`, answer: `< ${verb}`, failure: `<! ${verb}` };
    this.#labels.set(verb, labels);
    return labels;
  }

  #happen(to: SimProcess | null, { inMs, label, run }: Happening): void {
    const { loop } = this.parts.process;
    loop.add({ at: loop.now + inMs, actor: to?.name ?? 'database', gate: to?.main ?? null, label, run });
  }
}

interface Settle<Answer> {
  ok(answer: Answer): void;
  bad(error: unknown, inMs?: number): void;
}

interface Happening {
  readonly inMs: number;
  readonly label: string;
  readonly run: () => void;
}

/** What the events of a call are called in a trace. */
interface Labels {
  readonly call: string;
  readonly answer: string;
  readonly failure: string;
}

interface Arrival {
  readonly inMs?: number;
  readonly breaksOff?: boolean;
}

function unavailable(fault: FaultKind): Error {
  return new DatabaseUnavailableError(`The simulation lets this call fail: ${fault}.`);
}
