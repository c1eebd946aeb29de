// The workflow function in its windows: begins it, takes the calls it makes, shows it answers. It performs
// nothing and writes nothing; `LiveRun` decides what happens between windows.
//
//   R3. A waiting workflow holds a promise that nobody settles. Nothing is thrown into user code to stop it,
//       but what was cancelled, or lost its race.
//   R4. A call is identified by its place and its name; a mismatch is a fault with a readable difference.
//   R8. Unwinding a branch is decided by the code and the record alone. What only waits is withdrawn at that
//       point and thrown there; what may have an effect is told to stop, its answer is recorded and shown,
//       and the calls that its code then makes are refused, once.
//   R5 is kept in code-window.ts.
import { reasonIn } from './answers.js';
import { Branch } from './branch.js';
import { ContextOfBranch } from './branch-context.js';
import type { BranchHost } from './branch-host.js';
import { Call, type Doom } from './call.js';
import { openPromise, type CallPromise } from './call-promise.js';
import { CodeWindow } from './code-window.js';
import { decode, decodeError, encode, type Encoded } from './codec.js';
import type { StepInfo } from './context.js';
import { Continuation, type CodeEnd } from './continuation.js';
import { invariant, RunCancelledError, RunFailedError, RunTimeoutError } from './errors.js';
import * as faults from './faults.js';
import { describeCall, type CallIdentity } from './journal.js';
import { toldIfLarge } from './large-values.js';
import { OpenJoins } from './open-joins.js';
import { Patches } from './patches.js';
import { onlyWaits, type CallRequest } from './requests.js';
import { Rollbacks } from './rollbacks.js';
import { checkInput } from './schema.js';
import { runInScope } from './scope.js';
import type { AttemptEnd } from './step-info.js';
import type { Entry } from './store.js';

/** What nobody may forget to await. */
interface Awaited extends CallIdentity {
  readonly subscribed: boolean;
}

/** What is told that it is refused, in the next window: its code may then clean up. */
type Refused = Pick<Call, 'branch' | 'doom' | 'reject'>;

/** The code of one run in memory. */
export class Code extends CodeWindow implements BranchHost {
  /** Calls that are not answered, by place. */
  readonly open: Map<string, Call> = new Map();
  /** Why the whole run is being unwound, if it is: a cancel, or its timeout. */
  befell: Error | null = null;
  readonly #root = new Branch(null, '');
  #phase: 'new' | 'parsing' | 'begun' = 'new';
  #parsed: AttemptEnd | null = null;
  #unseen: Awaited[] = [];
  #fresh = new Set<Call>();
  /** Places of calls that are not waited for any more: their answers are passed over. */
  #withdrawn: Map<string, Call> | null = null;
  /** Places of the items that a map had once, and has no more. */
  #passedOver: Set<string> | null = null;
  /** The answer shown in this window ends a branch: the calls it leads to are refused. */
  #doom: Doom | null = null;
  #refused: Refused[] = [];
  readonly #joins = new OpenJoins();
  #rollbacks: Rollbacks | null = null;
  #patches: Patches | null = null;
  #continuation: Continuation | null = null;
  /** The position of the last answer that was delivered. */
  #position = 0;
  /** Answers of callbacks that the code has seen, by their keys. */
  #callbacks: Map<string, AttemptEnd> | null = null;

  get begun(): boolean {
    return this.#phase === 'begun';
  }

  /** Calls that have no recorded answer and were not begun. */
  get fresh(): ReadonlySet<Call> {
    return this.#fresh;
  }

  /** A call that nobody has subscribed to, if there is one. */
  get unawaited(): CallIdentity | undefined {
    return this.#unseen[0];
  }

  /** Hands over the fresh calls, to be begun. */
  takeFresh(): readonly Call[] {
    const fresh = [...this.#fresh];
    this.#fresh.clear();
    return fresh;
  }

  // ---- windows -------------------------------------------------------------------------------------------

  /** Opens the window and begins the function, once its input is parsed. */
  begin(input: Encoded): void {
    if (this.#phase === 'parsing') {
      if (this.#parsed !== null) this.#start(this.#parsed);
      return;
    }
    try {
      const parsed = checkInput(this.host.definition, decode(input));
      if (parsed instanceof Promise) {
        // A schema may parse asynchronously: that is before the code begins, so no window covers it.
        this.#phase = 'parsing';
        void parsed.then((result) => {
          this.#parsed = result;
          this.host.parsed();
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
    this.openWindow();
    if (!parsed.ok) {
      this.outcome = parsed;
      return;
    }
    const { runId } = this.host;
    const scope = { runId, step: null, mistake: (fault: faults.Fault) => this.mistake(fault) };
    runInScope(scope, () => this.#body(parsed.value))
      .then(
        (value) => this.#returned({ ok: true, value }),
        (error: unknown) => this.#returned({ ok: false, error }),
      );
  }

  async #body(argument: unknown): Promise<unknown> {
    const { handler, name } = this.definition;
    invariant(handler !== null, `run ${this.runId}: '${name}' is served without its code`);
    try {
      return await handler(new ContextOfBranch(this, this.#root), argument);
    } catch (error) {
      // To go on as new undoes nothing.
      if (this.#rollbacks === null || (this.#continuation !== null && this.befell === null)) throw error;
      // What runs beside may still have to say how to undo it: it is told to stop, and waited for.
      this.unwind(this.#root, new RunCancelledError(this.runId, 'its workflow function has thrown'));
      await this.#rollbacks.run(this.befell ?? error, this.#root);
      throw error;
    }
  }

  #returned(outcome: AttemptEnd): void {
    if (this.ignored) return;
    if (this.window) this.outcome = outcome;
    else this.host.strayed('the code went on to its end');
  }

  /** Whether what was recorded fits what the code has asked for. */
  expects({ place, kind }: { readonly place: string; readonly kind: string }): boolean {
    return kind === 'cancel' || kind === 'timeout' || this.open.has(place) ||
      this.#withdrawn?.has(place) === true || this.#passedOver?.has(place) === true;
  }

  /** Opens the window and delivers an answer, or what befell the run. */
  deliver(entry: Entry): void {
    this.#position = entry.position;
    if (entry.kind === 'cancel') {
      this.#befall(new RunCancelledError(this.runId, reasonIn(entry.value)));
    } else if (entry.kind === 'timeout') {
      this.#befall(new RunTimeoutError(this.runId, this.host.timeoutMs ?? 0));
    } else {
      if (this.#passedOver?.has(entry.place) === true) return;
      const withdrawn = this.#withdrawn?.get(entry.place);
      if (withdrawn === undefined) this.#show(entry);
      else this.host.shown(entry, withdrawn, 'passed-over');
    }
  }

  #show(entry: Entry): void {
    const call = this.open.get(entry.place);
    invariant(call !== undefined, `run ${this.runId}: ${describeCall(entry)} is answered but not open`);
    this.host.shown(entry, call, 'answered');
    this.openWindow();
    this.open.delete(entry.place);
    let value: unknown;
    try {
      value = entry.error === null ? decode(entry.value) : decodeError(entry.error);
    } catch (error) {
      this.fault ??= faults.unreadable(`the record of ${describeCall(entry)}`, error);
      return;
    }
    const end: AttemptEnd = entry.error === null ? { ok: true, value } : { ok: false, error: value };
    if (call.request.kind === 'callback' && entry.message !== null) {
      this.#callbacks ??= new Map();
      this.#callbacks.set(call.request.box.name, end);
    }
    if (end.ok) this.#resolve(call, value);
    else if (call.doom !== null) throwAt(call, withCause(call.doom.reason, value));
    else call.reject(this.#failureOf(call, value));
  }

  #resolve(call: Call, value: unknown): void {
    this.#doom = call.doom;
    const { request } = call;
    call.resolve('answer' in request ? request.answer(value) : value);
  }

  #failureOf({ request }: Call, error: unknown): unknown {
    return request.kind === 'child' || request.kind === 'result' ? errorOfChild(error, request) : error;
  }

  /** A cancel, or the run's timeout: everything that is open ends. */
  #befall(reason: Error): void {
    this.openWindow();
    this.host.befallen();
    this.befell ??= reason;
    this.unwind(this.#root, reason);
  }

  /** Opens the window for what the code has to do without an answer. */
  resume(): void {
    this.openWindow();
    const refused = this.#refused;
    this.#refused = [];
    for (const call of refused) if (call.doom !== null) throwAt(call, call.doom.reason);
    if (refused.length === 0) this.#rollbacks?.resume();
  }

  /** Ends the window, once all code that could run has run. */
  close(): void {
    this.closeWindow();
    this.#doom = null;
    this.#unseen = this.#unseen.filter((call) => !call.subscribed);
    if (this.fault !== null || this.outcome !== null) return;
    if (this.#refused.length > 0 || (this.#rollbacks?.waits === true && this.open.size === 0)) {
      this.host.resumes();
    }
  }

  // ---- what the context asks for -------------------------------------------------------------------------

  call(branch: Branch, request: CallRequest): Promise<unknown> {
    const call = new Call(branch, request, this.windows);
    if (this.ignored) return call.promise;
    if (!this.isLegal(call)) return call.promise;
    const clash = this.#clash(call);
    if (clash !== null) call.reject(clash);
    else if (!this.#isAnsweredAgain(call)) this.#take(call);
    return call.promise;
  }

  // A callback has one answer, which whoever asks for it later gets as well. Who asks while another branch
  // has the answer, and has not seen it, waits: if that branch is unwound, the answer is given back.
  #isAnsweredAgain(call: Call): boolean {
    const { request } = call;
    const known = request.kind === 'callback' ? this.#callbacks?.get(request.box.name) : undefined;
    if (known === undefined) return false;
    if (known.ok) call.resolve(known.value);
    else call.reject(known.error);
    return true;
  }

  /** A call that is not recorded itself: `run` gets its branches, and runs in windows as the code does. */
  join(
    branch: Branch, kind: 'race' | 'all' | 'map', run: (group: Branch) => Promise<unknown>,
  ): Promise<unknown> {
    const opened = openPromise<unknown>();
    const { promise } = opened;
    const identity = { place: branch.nextPlace, kind, name: kind };
    if (this.ignored || !this.isLegal(identity)) return promise;
    branch.advance();
    this.#mustBeAwaited(identity, promise);
    const join = this.#joins.begin(branch, identity, this.#doomOf(branch));
    run(join.group).then((value) => {
      this.#doom = this.#joins.end(join) ?? this.#doom;
      opened.resolve(value);
    }, (error: unknown) => {
      const doom = this.#joins.end(join);
      if (doom !== null) branch.told = true;
      opened.reject(doom === null ? error : withCause(doom.reason, error));
    });
    return promise;
  }

  #mustBeAwaited(identity: CallIdentity, promise: CallPromise<unknown>): void {
    this.#unseen.push({ ...identity, get subscribed() { return promise.subscribed; } });
  }

  // Two waits for one box in one branch would divide its messages by chance.
  #clash({ request, branch }: Call): Error | null {
    if (!('box' in request)) return null;
    for (const other of this.open.values()) {
      if (other.branch !== branch || !('box' in other.request)) continue;
      const { box } = other.request;
      if (box.kind === request.box.kind && box.name === request.box.name) return faults.alreadyAwaited(other);
    }
    return null;
  }

  #take(call: Call): void {
    const { journal } = this.host;
    const recorded = journal.mismatch(call);
    if (recorded !== null) {
      this.fault = faults.nondeterminism({ recorded, called: call });
      return;
    }
    call.branch.advance();
    this.#unseen.push(call);
    call.doom = this.#doomOf(call.branch);
    if (call.doom !== null) {
      this.#refused.push(call);
      return;
    }
    this.open.set(call.place, call);
    if (!journal.has(call.place)) this.#fresh.add(call);
  }

  /** Why what begins in this branch now is refused, or null. */
  #doomOf(branch: Branch): Doom | null {
    return this.#doom !== null && isWithin(branch, this.#doom.scope) ? this.#doom : null;
  }

  /** Whether the branch takes new code at its next place: known at once, at replay as well. */
  patched(branch: Branch, id: string): Promise<boolean> {
    const identity = { place: branch.nextPlace, kind: 'patch', name: id } as const;
    if (!this.isLegal(identity)) return openPromise<boolean>().promise;
    this.#patches ??= new Patches(this.host.journal, (mark) => this.host.marked(mark));
    return Promise.resolve(this.#patches.takes(branch, id, this.#position));
  }

  /** Asks for another generation; what is thrown makes the code leave, or says why it cannot go on. */
  continueAsNew(branch: Branch, input: unknown): Promise<never> {
    const { promise, reject } = openPromise<never>();
    const identity = { place: branch.nextPlace, kind: 'continue', name: 'continueAsNew' } as const;
    if (!this.isLegal(identity)) return promise;
    this.#mustBeAwaited(identity, promise);
    const doom = this.#doomOf(branch);
    if (doom !== null) this.#refused.push({ branch, doom, reject });
    else reject(this.befell ?? this.#continueWith(input));
    return promise;
  }

  #continueWith(input: unknown): unknown {
    const open = [...this.open.values(), ...this.#joins.calls];
    if (open.length > 0) return faults.callsOpen(open);
    const what = `the input of workflow '${this.definition.name}'`;
    try {
      const encoded = toldIfLarge(encode(input, what), this.runId, what);
      this.#continuation ??= new Continuation();
      return this.#continuation.ask(encoded);
    } catch (error) {
      return error;
    }
  }

  /** What its outcome means for the run. */
  endOf(outcome: AttemptEnd): CodeEnd {
    return this.#continuation?.judge(outcome, this.befell) ?? { kind: 'ended', outcome };
  }

  /** Ends what is open in a branch (R8), for `reason`. Called by code, in its window. */
  unwind(scope: Branch, reason: Error): void {
    if (scope.unwound || this.ignored) return;
    const calls = [...this.open.values()].filter((call) => call.branch.isOpenIn(scope));
    const joins = this.#joins.openIn(scope);
    scope.unwind(reason);
    for (const join of joins) join.doom ??= { scope, reason };
    for (const call of calls) {
      // What was asked for in this very window has not begun.
      if (onlyWaits(call.request) || call.window === this.windows) this.#withdraw(call, reason);
      else this.#doomCall(call, { scope, reason });
    }
  }

  isRecorded(place: string): boolean {
    const { journal } = this.host;
    return journal.has(place) || journal.call(place) !== undefined;
  }

  passOver(
    group: Branch, { name, keys }: { readonly name: string; readonly keys: ReadonlySet<string> },
  ): void {
    const recorded = this.host.journal.firstUnder(group.path);
    if (recorded.length === 0) return;
    const places = new Set([...keys].map((key) => group.named(key).nextPlace));
    for (const { place, kind, name: recordedName } of recorded) {
      if (kind !== 'step' || recordedName !== name || places.has(place)) continue;
      this.#passedOver ??= new Set();
      this.#passedOver.add(place);
    }
  }

  #withdraw(call: Call, reason: Error): void {
    this.open.delete(call.place);
    this.#withdrawn ??= new Map();
    this.#withdrawn.set(call.place, call);
    this.#fresh.delete(call);
    this.host.withdrawn(call);
    throwAt(call, reason);
  }

  #doomCall(call: Call, doom: Doom): void {
    if (call.doom !== null) return;
    call.doom = doom;
    this.host.doomed(call);
  }

  onRollback(name: string, body: (step: StepInfo, cause: Error) => unknown): void {
    if (!this.isInWindow('ctx.onRollback')) return;
    this.#rollbacks ??= new Rollbacks(this);
    this.#rollbacks.add(name, body);
  }

  signalOf(branch: Branch): AbortSignal {
    return branch.signal;
  }

}

function isWithin(branch: Branch, scope: Branch): boolean {
  for (let at: Branch | null = branch; at !== null; at = at.parent) if (at === scope) return true;
  return false;
}

/** Tells the code of a call that it is unwound. */
function throwAt(call: Refused, reason: Error): void {
  call.branch.told = true;
  call.reject(reason);
}

// The reason stays what it is; what the body made of being told to stop is its cause.
function withCause(reason: Error, cause: unknown): Error {
  if (!(reason instanceof RunCancelledError)) return reason;
  return Object.assign(new RunCancelledError(reason.runId ?? '', reason.reason), { cause });
}

function errorOfChild(error: unknown, { name }: CallIdentity | { readonly name: string }): unknown {
  if (!(error instanceof Error)) return error;
  const { runId, cause, reason } = error as { runId?: string; cause?: unknown; reason?: string };
  if (error.name === 'RunCancelledError') return new RunCancelledError(runId ?? '', reason ?? error.message);
  if (error.name === 'RunFailedError' && cause instanceof Error) {
    return new RunFailedError(runId ?? '', name, cause);
  }
  return error;
}
