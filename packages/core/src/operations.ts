// The part of the Store port by which people, and clients, look closely at runs and change them from outside;
// and by which workers say what they serve.
//
//   D1. A verb changes a run only from the states that it names, and answers what it found: nothing is done
//       to a run that has moved on meanwhile.
//   D2. A verb is a change of ownership: it writes a later epoch, so that whoever held the run writes nothing
//       any more (P2).
//   D3. What begins anew does so in the next generation. What it keeps of its record is given by value, with
//       the instants at which it was recorded.
//   D4. What of the old record is not kept took messages: signals among them lie in the inbox again, in their
//       old order. A cancel is forgotten, so that the run can be cancelled again.
import type { Encoded } from './codec.js';
import type { Instant, NewRun } from './lease.js';
import type { MessageKind } from './mail.js';
import type { RecordedCall, RecordedEntry, RunRecord, RunStatus, StartAnswer } from './records.js';

/** Answer to one verb on one run. */
export type VerbAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'no-run' }
  /** The run is in a state from which this verb changes nothing, or in another generation. */
  | { readonly kind: 'unfit'; readonly status: RunStatus }
  /** Somebody holds a row of it for a moment; ask again. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly why: string };

/** Opens a parked run again: it goes on in its generation, with its record, pending calls and mail. */
export interface Resumption {
  readonly runId: string;
  /** Which version runs it from now on: as before if left out; null: it is stamped at its next claim. */
  readonly version?: string | null | undefined;
}

/** Begins a settled or parked run anew, in its next generation. */
export interface Revival {
  readonly runId: string;
  /** The generation that has ended. */
  readonly generation: number;
  /** What of its record the next one begins with. */
  readonly entries: readonly RecordedEntry[];
  /** Another input, or null for the one it has. */
  readonly input: Encoded | null;
  /** Which version runs it; null: it is stamped at its next claim. */
  readonly version: string | null;
}

/** A new run that begins with a part of the record of another. */
export interface Fork {
  readonly run: NewRun;
  /** The generation that it begins in: one above that of the run it was made from. */
  readonly generation: number;
  readonly entries: readonly RecordedEntry[];
  readonly version: string | null;
}

/** Messages that nobody has taken, of one box. */
export interface InboxCount {
  readonly kind: MessageKind;
  readonly name: string;
  readonly count: number;
}

/** Where a live run stands in line. */
export interface LineFacts {
  /** Ready time, earliest wait, or lease end; Infinity for what no clock can wake. */
  readonly dueAt: Instant;
  readonly leased: boolean;
  /** Never claimed. */
  readonly fresh: boolean;
  readonly quarantined: boolean;
  readonly strikes: number;
}

/** Everything that is recorded of one run but its entries. */
export interface RunDetail extends RunRecord {
  readonly queue: string;
  readonly version: string | null;
  readonly priority: number;
  readonly input: Encoded;
  readonly headers: Readonly<Record<string, string>>;
  readonly parentId: string | null;
  readonly timeoutMs: number | null;
  readonly createdAt: Instant;
  /** Its first claim in this generation. */
  readonly startedAt: Instant | null;
  readonly settledAt: Instant | null;
  readonly parkedAt: Instant | null;
  /** Null once it has settled or was parked. */
  readonly line: LineFacts | null;
  readonly calls: readonly RecordedCall[];
  readonly inbox: readonly InboxCount[];
  /** The instant of the answer. */
  readonly now: Instant;
}

/** Which entries to read: of a generation, in the order of delivery. */
export interface EntryRange {
  readonly runId: string;
  readonly generation: number;
  /** Those at positions after this one; -1 for all, since marks may stand at 0. */
  readonly after: number;
  /** Of one position, all or none: a page is longer than this where its last position has several. */
  readonly limit: number;
}

/** A kind of runs that a worker serves. */
export interface ServedKind {
  readonly queue: string;
  readonly workflow: string;
  readonly version: string | null;
}

/** What a worker says of itself, and of its workflows, when it begins. */
export interface WorkerFacts {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly concurrency: number;
  readonly serves: readonly ServedKind[];
  /** Defaults of its workflows, for those who start them without their code. */
  readonly definitions: readonly WorkflowFacts[];
}

/** What a workflow says of its runs. */
export interface WorkflowFacts {
  readonly workflow: string;
  readonly queue: string;
  readonly timeoutMs: number | null;
}

/** A worker as others see it. */
export interface WorkerListed extends Omit<WorkerFacts, 'definitions'> {
  readonly startedAt: Instant;
  readonly seenAt: Instant;
  /** The instant of the answer. */
  readonly now: Instant;
}

/** A part of the database to be checked, in the order of ids of runs. */
export interface CheckRange {
  /** The id after which it begins; null for the first part, which also has what belongs to no run. */
  readonly after: string | null;
  /** Mail that nobody has carried for so long is late, where somebody is there to carry. */
  readonly lateMs: number;
  /** How many breaks of one invariant are told, at most. */
  readonly limit: number;
}

/** Where the data is not as it always is. */
export interface Broken {
  /** The code of what does not hold. */
  readonly invariant: string;
  readonly runId: string | null;
  /** The facts, in a sentence. */
  readonly what: string;
  /** When that was written which is not as it should be, if it says so. */
  readonly since: Instant | null;
}

/** What was found in one part. */
export interface CheckAnswer {
  readonly broken: readonly Broken[];
  /** The id after which the next part begins; null at the end. */
  readonly next: string | null;
}

/** The verbs of people and clients, and what workers say of themselves. */
export interface OperatorStore {
  /** Opens parked runs again; one answer each, in order. */
  resumeRuns(resumptions: readonly Resumption[]): Promise<readonly VerbAnswer[]>;
  /** Begins runs anew that completed, failed, were cancelled or are parked. */
  reviveRuns(revivals: readonly Revival[]): Promise<readonly VerbAnswer[]>;
  /** Creates a run with a record; an id that exists is left as it is. */
  forkRun(fork: Fork): Promise<StartAnswer>;
  /** Ends live and parked runs without their code, as failed with this encoded error. */
  terminateRuns(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]>;
  /** Deletes settled runs and everything that belongs to them. Their ids are free again. */
  deleteRuns(ids: readonly string[]): Promise<readonly VerbAnswer[]>;
  /** What is recorded of these runs, in any order. */
  readDetails(ids: readonly string[]): Promise<readonly RunDetail[]>;
  readEntries(range: EntryRange): Promise<readonly RecordedEntry[]>;
  /** A worker begins, or is seen again after it was forgotten. */
  registerWorker(facts: WorkerFacts): Promise<void>;
  /** A worker is alive; false if nothing is known of it. Workers not seen for an hour are forgotten. */
  seeWorker(id: string): Promise<boolean>;
  /** A worker ends. */
  forgetWorker(id: string): Promise<void>;
  readWorkers(): Promise<readonly WorkerListed[]>;
  /** Looks for what is broken, and changes nothing. What is under way in that instant is not broken. */
  check(range: CheckRange): Promise<CheckAnswer>;
}
