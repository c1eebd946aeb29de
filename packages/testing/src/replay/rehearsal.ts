// Replays the record of a run with the code of today, and begins nothing: what the engine would make of it.
//
//   H1. It is the replay of the worker, on the real run in memory. What the record does not answer is never
//       begun, and nothing is written.
//   H2. It comes to an end: what takes longer than its limit of real time has stalled.
import {
  callIsGone, LiveRun, Pump, partOf, systemEnv,
  type CallIdentity, type ClaimedRun, type Fault, type History as StoredHistory, type RunDetail, type TurnEnd,
  type TurnHost, type WorkflowDefinition,
} from '@perdure/core/engine';
import type { Logger } from '@perdure/core';

/** What is recorded of one run. */
export interface Recorded {
  readonly detail: RecordedRun;
  readonly history: StoredHistory;
}

/** Of everything that is recorded beside its answers, what a replay depends on. */
export type RecordedRun = Pick<RunDetail,
  'id' | 'workflow' | 'version' | 'queue' | 'generation' | 'status' | 'error' | 'output' | 'input' | 'headers'
  | 'timeoutMs' | 'createdAt' | 'startedAt'>;

/** What came of it. `asks`: calls that the record does not answer. */
export type Rehearsal =
  | { readonly kind: 'parks'; readonly fault: Fault }
  | { readonly kind: 'ends'; readonly end: TurnEnd }
  | { readonly kind: 'goes-on'; readonly asks: readonly CallIdentity[] }
  | { readonly kind: 'stalls' };

const silent: Logger = {
  debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined,
};

/** A run that is only looked at. */
class RehearsedRun extends LiveRun {
  fault: Fault | null = null;

  override park(fault: Fault): void {
    this.fault ??= fault;
    super.park(fault);
  }

  /** Calls that no answer is recorded for. */
  get asks(): readonly CallIdentity[] {
    return [...this.code.fresh];
  }

  /** A call that the record has open, and the code does not make. */
  get unmade(): CallIdentity | undefined {
    return this.journal.pending.find((kept) => !this.code.expects(kept));
  }
}

/** Replays records; several at a time share the turns of the event loop. */
export class Rehearsals {
  readonly #pump = new Pump(systemEnv);
  readonly #limitMs: number;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Replays one record with a definition. */
  async replay({ detail, history }: Recorded, definition: WorkflowDefinition): Promise<Rehearsal> {
    const enough = new AbortController();
    let end: (rehearsal: Rehearsal) => void = () => undefined;
    const ended = new Promise<Rehearsal>((resolve) => {
      end = resolve;
    });
    const run = new RehearsedRun(this.#host(end), {
      definition, claimed: claimOf(detail), history, at: detail.startedAt ?? detail.createdAt,
    });
    // A run of a worker that stops begins nothing, and is handed back when its record is used up (H1).
    run.stop();
    this.#pump.deliver(run);
    const stalled = systemEnv.sleep(this.#limitMs, enough.signal).then((): Rehearsal => ({ kind: 'stalls' }));
    const rehearsal = await Promise.race([ended, stalled]);
    enough.abort();
    run.lose();
    return rehearsal;
  }

  #host(end: (rehearsal: Rehearsal) => void): TurnHost<LiveRun> {
    const never = (): Promise<never> => new Promise(() => undefined);
    return {
      env: systemEnv, log: silent, leaseMs: 0, harness: null,
      deliver: (run) => this.#pump.deliver(run),
      submit: (run) => {
        const write = run.outbox.ending ? run.takeWrite() : null;
        if (run instanceof RehearsedRun && write !== null && write.end !== null) {
          end(rehearsalOf(run, write.end));
        }
      },
      readMail: (run) => systemEnv.nextTurn(() => run.inbox.receive({ messages: [], more: false })),
      tie: never, send: never, subscribe: never,
      ended: () => undefined,
    };
  }
}

function rehearsalOf(run: RehearsedRun, end: TurnEnd): Rehearsal {
  const { fault, unmade, asks } = run;
  if (fault !== null) return { kind: 'parks', fault };
  if (end.kind !== 'rest') return { kind: 'ends', end };
  return unmade === undefined ? { kind: 'goes-on', asks } : { kind: 'parks', fault: callIsGone(unmade) };
}

function claimOf(detail: RecordedRun): ClaimedRun {
  const { id, workflow, version, queue, generation, input, headers, timeoutMs, createdAt } = detail;
  const firstClaimedAt = detail.startedAt ?? createdAt;
  return {
    lease: { runId: id, part: partOf(id), generation, epoch: 0 }, before: 0, fresh: false, first: false,
    tied: false, workflow, version, queue, input, createdAt, firstClaimedAt,
    strikes: 0, soloStrikes: 0, timeoutMs, headers,
  };
}
