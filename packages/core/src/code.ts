// The workflow function in its windows: begins it, takes the calls it makes, shows it answers. It performs
// nothing and writes nothing; `LiveRun` decides what happens between windows.
//
//   R3. A waiting workflow holds a promise that nobody settles. Nothing is thrown into user code to stop it.
//   R4. A call is identified by its place and its name; a mismatch is a fault with a readable difference.
//   R5. A call is legal only inside the run's own window, from a delivery to the end of its drain. Mistakes
//       of code are faults, which park the run; errors thrown by user code are outcomes, which fail it.
import { Call } from './call.js';
import { decode, decodeError, type Encoded } from './codec.js';
import { makeContext, type CallRequest, type ContextHost } from './context.js';
import { invariant } from './errors.js';
import * as faults from './faults.js';
import { describeCall, type Journal } from './journal.js';
import { checkInput } from './schema.js';
import { currentScope, runInScope } from './scope.js';
import type { AttemptEnd } from './step.js';
import type { Entry } from './store.js';
import type { WorkflowDefinition } from './workflow.js';

/** What the code side needs of its run. */
export interface CodeHost extends ContextHost {
  readonly definition: WorkflowDefinition;
  readonly journal: Journal;
  /** An asynchronous schema has parsed the input: the code can begin at the next delivery. */
  parsed(): void;
  /** Code went on outside of its window; `what` says how. */
  strayed(what: string): void;
}

/** The code of one run in memory. */
export class Code {
  /** Calls that are not answered, by place. */
  readonly open: Map<string, Call> = new Map();
  /** How the function ended, once it has. */
  outcome: AttemptEnd | null = null;
  /** The first mistake, once there is one; the code is not listened to after it. */
  fault: faults.Fault | null = null;
  readonly #host: CodeHost;
  #phase: 'new' | 'parsing' | 'begun' = 'new';
  #parsed: AttemptEnd | null = null;
  #window = false;
  #deaf = false;
  #places = 0;
  #unseen: Call[] = [];
  #fresh: Call[] = [];

  constructor(host: CodeHost) {
    this.#host = host;
  }

  get begun(): boolean {
    return this.#phase === 'begun';
  }

  /** Whether the window is open: code of this run may be running. */
  get window(): boolean {
    return this.#window;
  }

  /** Calls that have no recorded answer and were not begun. */
  get fresh(): readonly Call[] {
    return this.#fresh;
  }

  /** A call that nobody has subscribed to, if there is one. */
  get unawaited(): Call | undefined {
    return this.#unseen[0];
  }

  /** Hands over the fresh calls, to be begun. */
  takeFresh(): readonly Call[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** Takes no further call: this memory is spoilt. */
  deafen(): void {
    this.#deaf = true;
  }

  /** Opens the window and begins the function, once its input is parsed. */
  begin(input: Encoded): void {
    if (this.#phase === 'parsing') {
      if (this.#parsed !== null) this.#start(this.#parsed);
      return;
    }
    try {
      const parsed = checkInput(this.#host.definition, decode(input));
      if (parsed instanceof Promise) {
        // A schema may parse asynchronously: that is before the code begins, so no window covers it.
        this.#phase = 'parsing';
        void parsed.then((result) => {
          this.#parsed = result;
          this.#host.parsed();
        });
      } else {
        this.#start(parsed);
      }
    } catch (error) {
      this.#phase = 'begun';
      this.fault = faults.unreadable('its input', error);
    }
  }

  #start(parsed: AttemptEnd): void {
    this.#phase = 'begun';
    this.#window = true;
    if (!parsed.ok) {
      this.outcome = parsed;
      return;
    }
    const { definition, runId } = this.#host;
    const ctx = makeContext(this.#host, (request) => this.#call(request));
    const body = async (): Promise<unknown> => definition.handler(ctx, parsed.value);
    runInScope({ runId, step: null, mistake: (fault) => this.#mistake(fault) }, body).then(
      (value) => this.#returned({ ok: true, value }),
      (error: unknown) => this.#returned({ ok: false, error }),
    );
  }

  #returned(outcome: AttemptEnd): void {
    if (this.fault !== null || this.#deaf) return;
    if (this.#window) this.outcome = outcome;
    else this.#host.strayed('the code went on to its end');
  }

  /** Opens the window and shows the code one answer. */
  show(entry: Entry): void {
    const call = this.open.get(entry.place);
    invariant(call !== undefined, `run ${this.#host.runId}: ${describeCall(entry)} is answered but not open`);
    this.#window = true;
    this.open.delete(entry.place);
    let value: unknown;
    try {
      value = entry.error === null ? decode(entry.value) : decodeError(entry.error);
    } catch (error) {
      this.fault ??= faults.unreadable(`the record of ${describeCall(entry)}`, error);
      return;
    }
    if (entry.error === null) call.resolve(value);
    else call.reject(value);
  }

  /** Ends the window, once all code that could run has run. */
  close(): void {
    this.#window = false;
    this.#unseen = this.#unseen.filter((call) => !call.subscribed);
  }

  #call(request: CallRequest): Promise<unknown> {
    const call = new Call(String(this.#places + 1), request);
    if (this.fault !== null || this.#deaf) return call.promise;
    const step = currentScope()?.step ?? null;
    if (step !== null) this.#mistake(faults.nestedCall(call, step));
    else if (!this.#window) this.#host.strayed(`${describeCall(call)} was called`);
    else if (this.outcome !== null) this.#mistake(faults.lateCall(call));
    else this.#take(call);
    return call.promise;
  }

  // Mistakes also come from step bodies, which run outside of the window: then the run must be told.
  #mistake(fault: faults.Fault): void {
    if (this.fault !== null || this.#deaf) return;
    this.fault = fault;
    if (!this.#window) this.#host.strayed(fault.message);
  }

  #take(call: Call): void {
    const { journal } = this.#host;
    const difference = journal.mismatch(call);
    if (difference !== null) {
      this.fault = faults.nondeterminism(difference);
      return;
    }
    this.#places++;
    this.open.set(call.place, call);
    this.#unseen.push(call);
    if (!journal.has(call.place)) this.#fresh.push(call);
  }
}
