// A store whose texts are sealed on their way in and opened on their way out; and a Connection that has one.
//
//   E1. Every text that an application wrote passes the seal: whoever adds a verb or a column to the port
//       decides here what becomes of its texts. What is asked about (names, ids, attributes) stays plain.
//   E2. Nothing that was handed in is changed: what a process knows of its own writes stays readable to it.
//   E3. A seal that fails for one item does not hold up the others.
import { encodeError } from './codec.js';
import type { Connection } from './connection.js';
import { PayloadError, WorkflowError } from './errors.js';
import { publish } from './events.js';
import type {
  CarryAnswer, ChildAnswer, EmitAnswer, Mail, MailWant, Message, NewChild, NewEvent, NewMessage,
  NewSubscription, SendAnswer, SubscribeAnswer,
} from './mail.js';
import { originOf, placeOf, Sealer, type OpenedError, type SealedPlace, type ValueSeal } from './sealing.js';
import type {
  CheckAnswer, CheckRange, EntryRange, Fork, Resumption, Revival, RunDetail, VerbAnswer, WorkerFacts,
  WorkerListed,
} from './operations.js';
import type {
  ChunkRange, ClaimAnswer, ClaimRequest, Entry, History, Lease, NewPendingCall, NewRun, RecordedCall,
  RecordedChunk, RecordedEntry, RunListed, RunQuery, RunRecord, StartAnswer, StartStore, Store, TurnAnswer,
  TurnEnd, TurnWrite,
} from './store.js';
import type { StepTransaction, StepTransactions } from './transactor.js';

/** A generation of a run. */
type Life = Pick<Lease, 'runId' | 'generation'>;

/**
 * Makes of a Connection one through which everything is stored sealed; the same one, without a seal. Throws
 * INVALID_OPTION for a seal that is none.
 */
export function sealing(seal: ValueSeal | undefined): (connection: Connection) => Connection {
  if (seal === undefined) return (connection) => connection;
  if (typeof seal?.seal !== 'function' || typeof seal.open !== 'function') {
    throw new WorkflowError('INVALID_OPTION', 'values is no seal: it needs two functions, seal and open.');
  }
  const sealer = new Sealer(seal);
  return (connection) => ({
    ...connection,
    store: new SealedStore(connection.store, sealer),
    within: async (transaction) => new SealedStarts(await connection.within(transaction), sealer),
    stepTransactions: sealedTransactions(connection.stepTransactions, sealer),
  });
}

function sealedTransactions(transactions: StepTransactions, sealer: Sealer): StepTransactions {
  return {
    on: (handle, lease): StepTransaction => {
      const transaction = transactions.on(handle, lease);
      return {
        fence: (limitMs) => transaction.fence(limitMs),
        record: async (entry) => transaction.record(await sealEntry(sealer, lease, entry)),
      };
    },
    judge: (error) => (error instanceof PayloadError ? 'refused' : transactions.judge(error)),
  };
}

type Refusal = { readonly kind: 'refused'; readonly why: string };

/**
 * Sends what could be sealed, and answers for what the seal refuses. Throws what the seal threw where that is
 * no refusal; with `patient`, only if nothing could be sealed, and the rest is answered as busy (E3).
 */
async function send<Item, Answer>(
  items: readonly Item[], seal: (item: Item) => Promise<Item>,
  { to, patient }: { to: (items: readonly Item[]) => Promise<readonly Answer[]>; patient?: Answer },
): Promise<ReadonlyArray<Answer | Refusal>> {
  const sealed = await Promise.all(items.map(async (item) => {
    try {
      return { ok: true, item: await seal(item) } as const;
    } catch (error) {
      return { ok: false, error } as const;
    }
  }));
  const ready = sealed.flatMap((each) => (each.ok ? [each.item] : []));
  for (const each of sealed) {
    if (each.ok || each.error instanceof PayloadError) continue;
    if (patient === undefined || ready.length === 0) throw each.error;
    publish('perdure:trouble', () => ({ what: 'sealing what a run writes', error: each.error }));
  }
  const answers = (ready.length === 0 ? [] : await to(ready)).values();
  const refused = (error: unknown): Answer | Refusal | undefined => (
    error instanceof PayloadError ? { kind: 'refused', why: error.message } : patient);
  // A store that answers less than it was asked leaves the last items without an answer, as it does by
  // itself.
  return sealed.map((each) => (each.ok ? answers.next().value : refused(each.error)) as Answer);
}

async function sealRun(sealer: Sealer, run: NewRun): Promise<NewRun> {
  return { ...run, input: await sealer.sealValue(run.input, placeOf('input', run.id)) };
}

async function sealMessage(sealer: Sealer, message: NewMessage): Promise<NewMessage> {
  const { runId, id: place, payload, error } = message;
  if (error === null) {
    return { ...message, payload: await sealer.sealValue(payload, placeOf('message', runId, { place })) };
  }
  return { ...message, error: await sealer.sealError(error, placeOf('message-error', runId, { place })) };
}

async function sealEntry(sealer: Sealer, { runId, generation }: Life, entry: Entry): Promise<Entry> {
  const { place, position, value, error } = entry;
  const at = { generation, place, position };
  if (error === null) return { ...entry, value: await sealer.sealValue(value, placeOf('value', runId, at)) };
  return { ...entry, error: await sealer.sealError(error, placeOf('error', runId, at)) };
}

/** The verbs of a caller's transaction, sealed. */
class SealedStarts<Kind extends StartStore = StartStore> implements StartStore {
  protected readonly inner: Kind;
  protected readonly sealer: Sealer;

  constructor(inner: Kind, sealer: Sealer) {
    this.inner = inner;
    this.sealer = sealer;
  }

  startRuns(runs: readonly NewRun[]): Promise<readonly StartAnswer[]> {
    return send(runs, (run) => sealRun(this.sealer, run), { to: (sealed) => this.inner.startRuns(sealed) });
  }

  sendMessages(messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return send(messages, (message) => sealMessage(this.sealer, message),
      { to: (sealed) => this.inner.sendMessages(sealed) });
  }

  emitEvents(events: readonly NewEvent[]): Promise<readonly EmitAnswer[]> {
    return send(events, async (event) => {
      const payload = await this.sealer.sealValue(event.payload, placeOf('event', '', { place: event.id }));
      return { ...event, payload };
    }, { to: (sealed) => this.inner.emitEvents(sealed) });
  }
}

/** A whole store, sealed. */
class SealedStore extends SealedStarts<Store> implements Store {
  async readRuns(ids: readonly string[]): Promise<readonly RunRecord[]> {
    const runs = await this.inner.readRuns(ids);
    return Promise.all(runs.map((run) => this.#openRun(run)));
  }

  async #openRun(run: RunRecord): Promise<RunRecord> {
    const { id, generation, status, output, error } = run;
    if (status === 'completed') {
      return { ...run, output: await this.sealer.openValue(output, placeOf('output', id, { generation })) };
    }
    if (error === null) return run;
    // A run that was terminated has the error that the database wrote.
    const place = placeOf('failure', id, { generation });
    const opened = await this.sealer.openError(error, place, { lenient: true });
    return { ...run, error: 'text' in opened ? opened.text : unreadable(opened) };
  }

  queryRuns(query: RunQuery): Promise<readonly RunListed[]> {
    return this.inner.queryRuns(query);
  }

  async readChunks(range: ChunkRange): Promise<readonly RecordedChunk[]> {
    const chunks = await this.inner.readChunks(range);
    return Promise.all(chunks.map(async (chunk) => (
      { ...chunk, value: await this.sealer.openValue(chunk.value, chunkPlace(range.runId, chunk)) })));
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    return this.#openClaims(await this.inner.claim(request));
  }

  async recall(request: ClaimRequest): Promise<ClaimAnswer> {
    return this.#openClaims(await this.inner.recall(request));
  }

  async #openClaims(answer: ClaimAnswer): Promise<ClaimAnswer> {
    const runs = await Promise.all(answer.runs.map(async (run) => (
      { ...run, input: await this.sealer.openValue(run.input, placeOf('input', run.lease.runId)) })));
    return { ...answer, runs };
  }

  async readHistories(leases: readonly Lease[]): Promise<readonly History[]> {
    const histories = await this.inner.readHistories(leases);
    return Promise.all(histories.map(async (history, index) => {
      const lease = leases[index];
      if (lease === undefined) return history;
      const entries = await Promise.all(history.entries.map((entry) => this.#openEntry(lease, entry)));
      const calls = await Promise.all(history.calls.map((call) => this.#openCall(lease, call)));
      return { ...history, entries, calls };
    }));
  }

  async #openEntry({ runId, generation }: Life, entry: RecordedEntry): Promise<RecordedEntry> {
    const { place, position, value, error } = entry;
    const at = { generation, place, position };
    if (error === null) {
      return { ...entry, value: await this.sealer.openValue(value, placeOf('value', runId, at)) };
    }
    const opened = await this.sealer.openError(error, placeOf('error', runId, at));
    return 'text' in opened ? { ...entry, error: opened.text } : { ...entry, ...asValue(error, opened) };
  }

  async #openCall({ runId, generation }: Life, call: RecordedCall): Promise<RecordedCall> {
    const { place, error, progress } = call;
    const at = { generation, place };
    const opened = error === null ? null : await this.sealer.openError(error, placeOf('attempt', runId, at));
    return {
      ...call,
      error: opened === null ? null : 'text' in opened ? opened.text : unreadable(opened),
      progress: progress === null
        ? null : await this.sealer.openValue(progress, placeOf('progress', runId, at)),
    };
  }

  commit(writes: readonly TurnWrite[]): Promise<readonly TurnAnswer[]> {
    return send<TurnWrite, TurnAnswer>(writes, (write) => this.#sealWrite(write),
      { to: (sealed) => this.inner.commit(sealed), patient: { kind: 'busy' } });
  }

  async #sealWrite(write: TurnWrite): Promise<TurnWrite> {
    const { lease, more } = write;
    const seal = this.sealer;
    const [entries, calls, chunks, end] = await Promise.all([
      Promise.all(write.entries.map((entry) => sealEntry(seal, lease, entry))),
      Promise.all(write.calls.map((call) => this.#sealCall(lease, call))),
      Promise.all((more?.chunks ?? []).map(async (chunk) => (
        { ...chunk, value: await seal.sealValue(chunk.value, chunkPlace(lease.runId, chunk)) }))),
      write.end === null ? null : this.#sealEnd(lease, write.end),
    ]);
    return { ...write, entries, calls, end, more: more === null ? null : { ...more, chunks } };
  }

  async #sealCall({ runId, generation }: Lease, call: NewPendingCall): Promise<NewPendingCall> {
    const { place, error, progress } = call;
    const at = { generation, place };
    return {
      ...call,
      error: error === null ? null : await this.sealer.sealError(error, placeOf('attempt', runId, at)),
      progress: progress === null
        ? null : await this.sealer.sealValue(progress, placeOf('progress', runId, at)),
    };
  }

  async #sealEnd(lease: Lease, end: TurnEnd): Promise<TurnEnd> {
    const { runId, generation } = lease;
    if (end.kind === 'continue') {
      return { ...end, input: await this.sealer.sealValue(end.input, placeOf('input', runId)) };
    }
    if (end.kind !== 'settle' && end.kind !== 'park') return end;
    const failure = placeOf('failure', runId, { generation });
    if (end.kind === 'park') return { ...end, error: await this.sealer.sealError(end.error, failure) };
    if (end.error !== null) return { ...end, error: await this.sealer.sealError(end.error, failure, lease) };
    const output = await this.sealer.sealValue(end.output, placeOf('output', runId, { generation }), lease);
    return { ...end, output };
  }

  wake(ids: readonly string[]): Promise<void> {
    return this.inner.wake(ids);
  }

  // ---- operators -----------------------------------------------------------------------------------------

  resumeRuns(resumptions: readonly Resumption[]): Promise<readonly VerbAnswer[]> {
    return this.inner.resumeRuns(resumptions);
  }

  reviveRuns(revivals: readonly Revival[]): Promise<readonly VerbAnswer[]> {
    return send(revivals, async (revival) => {
      const { runId, generation, entries, input } = revival;
      return {
        ...revival,
        entries: await this.#sealRecord({ runId, generation: generation + 1 }, entries),
        input: input === null ? null : await this.sealer.sealValue(input, placeOf('input', runId)),
      };
    }, { to: (sealed) => this.inner.reviveRuns(sealed) });
  }

  async forkRun(fork: Fork): Promise<StartAnswer> {
    const [answer = { kind: 'busy' } as const] = await send([fork], async ({ run, ...rest }) => ({
      ...rest,
      run: await sealRun(this.sealer, run),
      entries: await this.#sealRecord({ runId: run.id, generation: rest.generation }, rest.entries),
    }), { to: async ([sealed]) => (sealed === undefined ? [] : [await this.inner.forkRun(sealed)]) });
    return answer;
  }

  #sealRecord(
    to: Life, entries: readonly RecordedEntry[],
  ): Promise<readonly RecordedEntry[]> {
    return Promise.all(entries.map(async (entry) => (
      { ...entry, ...await sealEntry(this.sealer, to, entry) })));
  }

  terminateRuns(ids: readonly string[], error: string): Promise<readonly VerbAnswer[]> {
    return this.inner.terminateRuns(ids, error);
  }

  deleteRuns(ids: readonly string[]): Promise<readonly VerbAnswer[]> {
    return this.inner.deleteRuns(ids);
  }

  async readDetails(ids: readonly string[]): Promise<readonly RunDetail[]> {
    const details = await this.inner.readDetails(ids);
    return Promise.all(details.map(async (detail) => {
      const { id: runId, generation, input, calls } = detail;
      return {
        ...detail,
        ...await this.#openRun(detail),
        input: await this.sealer.openValue(input, placeOf('input', runId)),
        calls: await Promise.all(calls.map((call) => this.#openCall({ runId, generation }, call))),
      };
    }));
  }

  async readEntries(range: EntryRange): Promise<readonly RecordedEntry[]> {
    const entries = await this.inner.readEntries(range);
    return Promise.all(entries.map((entry) => this.#openEntry(range, entry)));
  }

  registerWorker(facts: WorkerFacts): Promise<void> {
    return this.inner.registerWorker(facts);
  }

  seeWorker(id: string): Promise<boolean> {
    return this.inner.seeWorker(id);
  }

  forgetWorker(id: string): Promise<void> {
    return this.inner.forgetWorker(id);
  }

  readWorkers(): Promise<readonly WorkerListed[]> {
    return this.inner.readWorkers();
  }

  check(range: CheckRange): Promise<CheckAnswer> {
    return this.inner.check(range);
  }

  // ---- mail ----------------------------------------------------------------------------------------------

  sendFrom(lease: Lease, messages: readonly NewMessage[]): Promise<readonly SendAnswer[]> {
    return send(messages, (message) => sealMessage(this.sealer, message),
      { to: (sealed) => this.inner.sendFrom(lease, sealed) });
  }

  tieChildren(children: readonly NewChild[]): Promise<readonly ChildAnswer[]> {
    return send(children, async (child) => (
      { ...child, run: child.run === null ? null : await sealRun(this.sealer, child.run) }
    ), { to: (sealed) => this.inner.tieChildren(sealed) });
  }

  subscribe(subscriptions: readonly NewSubscription[]): Promise<readonly SubscribeAnswer[]> {
    return this.inner.subscribe(subscriptions);
  }

  async readMail(wants: readonly MailWant[]): Promise<readonly Mail[]> {
    const mails = await this.inner.readMail(wants);
    return Promise.all(mails.map(async (mail, index) => {
      const runId = wants[index]?.lease.runId ?? '';
      const messages = await Promise.all(mail.messages.map((each) => this.#openMessage(runId, each)));
      return { ...mail, messages };
    }));
  }

  async #openMessage(runId: string, message: Message): Promise<Message> {
    const { payload, error } = message;
    const { value, failure, from } = placesOf(runId, message);
    const told = from === undefined ? message : { ...message, from };
    if (error === null) {
      // The carrier cancels children as well, and gives no secret as the reason.
      const lenient = message.kind === 'cancel';
      return { ...told, payload: await this.sealer.openValue(payload, value, { lenient }) };
    }
    // That a child was terminated, or does not exist, is written by the database.
    const opened = await this.sealer.openError(error, failure, { lenient: message.kind === 'child' });
    return 'text' in opened ? { ...told, error: opened.text }
      : { ...told, error: null, payload: asValue(error, opened).value };
  }

  carry(request: { readonly limit: number; readonly terminated: string }): Promise<CarryAnswer> {
    return this.inner.carry(request);
  }
}

interface MessagePlaces {
  readonly value: SealedPlace;
  readonly failure: SealedPlace;
  /** The run whose outcome it is. */
  readonly from?: string;
}

// Events and outcomes of children are copied by the database: they are sealed where they come from.
function placesOf(runId: string, { kind, id, payload, error }: Message): MessagePlaces {
  const [, eventId] = kind === 'event' ? /^event:(.*)$/s.exec(id) ?? [] : [];
  const origin = kind === 'child' ? originOf(error ?? payload.text) : null;
  if (origin !== null) {
    const { runId: from, generation } = origin;
    return {
      from, value: placeOf('output', from, { generation }), failure: placeOf('failure', from, { generation }),
    };
  }
  return {
    value: eventId === undefined
      ? placeOf('message', runId, { place: id }) : placeOf('event', '', { place: eventId }),
    failure: placeOf('message-error', runId, { place: id }),
  };
}

function chunkPlace(runId: string, { stream, seq }: { stream: string; seq: number }): SealedPlace {
  return placeOf('chunk', runId, { place: stream, position: seq });
}

type Unopened = Extract<OpenedError, { unopened: Error }>;

/** An error that nobody can read is no error of the call: as a value it parks the run. */
function asValue(text: string, { unopened }: Unopened): Pick<RecordedEntry, 'value' | 'error'> {
  return { value: { codec: 'sealed', text, unopened }, error: null };
}

/** Stands for an error that cannot be opened where only people read it. */
function unreadable({ unopened }: Unopened): string {
  const message = `A stored error cannot be opened: ${unopened.message}`;
  return encodeError(new PayloadError('VALUE_UNREADABLE', message, ''));
}
