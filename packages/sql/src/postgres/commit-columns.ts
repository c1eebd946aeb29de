// What a batch of writes is to the commit statement: columns of parameters, in groups that are sent together.
//
//   B1. Columns hold the elements of array literals, made as they are added: no array a row, no second pass.
//   B2. Only groups that the batch has something of are filled; the statement takes these and no others.
//   B3. Where several runs close calls, or several messages are taken, all calls or inboxes of these runs are
//       read: they are few. But a lone message is found by its key, and one run's calls between the first and
//       the last: a run that has ten thousand of them and takes one after the other is not read through.
import type {
  AttributeValue, Lease, NewPendingCall, TurnEnd, TurnExtras, TurnWrite,
} from '@perdure/core/engine';
import { quoted } from './array-literal.js';

/** The groups of columns, their columns, and the types of these, in the order of the parameters. */
export const groups = {
  /** Runs whose rows are locked alone, and those whose rows are shared. */
  change: { id: 'text' },
  share: { id: 'text' },
  /** Runs that settle or go on as new, and others that close calls. */
  settling: { id: 'text' },
  closing: { id: 'text' },
  /** The run that closes calls, and the message that is taken, where there is one alone (B3). */
  closer: { id: 'text', generation: 'integer' },
  letter: { id: 'text', message: 'text' },
  parts: { part: 'smallint' },
  /** One row a write, in the order of ids. */
  items: { id: 'text', part: 'smallint', generation: 'integer', epoch: 'bigint' },
  /** Columns of items: settlements and parks. */
  settle: { status: 'text', codec: 'text', output: 'text', error: 'text', reason: 'text', told: 'boolean' },
  /** Columns of items: rests and renewals. */
  move: { act: 'text', in_ms: 'float8', at_us: 'float8', quarantine: 'text' },
  /** Columns of items: what runs that go on as new begin with. */
  next: { next_lane: 'integer', next_codec: 'text', next_input: 'text' },
  /** All other groups say by `ord`, counted from 1, which item a row is of. */
  entries: {
    ord: 'integer', place: 'text', position: 'integer', kind: 'text', name: 'text', codec: 'text',
    value: 'text', error: 'text', attempt: 'integer', took_ms: 'float8',
  },
  /** A column of entries: messages that they take. */
  taken: { message: 'text' },
  calls: {
    ord: 'integer', place: 'text', kind: 'text', name: 'text', attempt: 'integer', error: 'text',
    progress_codec: 'text', progress: 'text', delay_ms: 'float8', at_us: 'float8', deadline_ms: 'float8',
  },
  closed: { ord: 'integer', place: 'text' },
  /** Messages that runs that go on as new give back. */
  returned: { ord: 'integer', message: 'text' },
  attributes: {
    ord: 'integer', name: 'text', type: 'text', text_value: 'text', number_value: 'float8', time_us: 'float8',
  },
  chunks: {
    ord: 'integer', stream: 'text', seq: 'bigint', source: 'text', codec: 'text', value: 'text',
  },
} as const;

/** A group of columns. */
export type Group = keyof typeof groups;

/** A column of a group, by both their names. */
export type ColumnKey = {
  [Name in Group]: `${Name}.${keyof (typeof groups)[Name] & string}`;
}[Group];

type Column = (string | number)[];
type Columns<Name extends Group> = { readonly [Key in keyof (typeof groups)[Name]]: Column };

function columnsOf<Name extends Group>(name: Name): Columns<Name> {
  return Object.fromEntries(Object.keys(groups[name]).map((key) => [key, []])) as unknown as Columns<Name>;
}

const none = 'NULL';

/** A batch of writes, none twice of one run, in the order of their runs' ids. */
export class CommitColumns {
  readonly #columns: { [Name in Group]?: Columns<Name> } = {};
  readonly #parts = new Set<number>();
  readonly #lanes: ReadonlyMap<string, number>;
  #ord = 0;
  #closers = 0;
  #closer: Lease | null = null;
  #letters = 0;
  #letter: { readonly id: string; readonly message: string } | null = null;

  /** `lanes`: where runs that go on as new stand then, by id. */
  constructor(writes: readonly TurnWrite[], lanes: ReadonlyMap<string, number> = new Map()) {
    this.#lanes = lanes;
    for (const write of writes) this.#note(write);
    this.#noteAlone();
    for (const write of writes) this.#add(write);
    for (const part of this.#parts) this.#group('parts').part.push(part);
  }

  /** Whether the batch has anything of a group. */
  has(name: Group): boolean {
    return this.#columns[name] !== undefined;
  }

  /** Which groups the batch has something of. */
  get contents(): readonly Group[] {
    return (Object.keys(this.#columns) as Group[]).sort();
  }

  /** These columns as parameters. */
  values(keys: readonly ColumnKey[]): readonly string[] {
    return keys.map((key) => {
      const [group, column] = key.split('.') as [Group, string];
      return `{${(this.#group(group) as Record<string, Column>)[column]?.join(',') ?? ''}}`;
    });
  }

  #group<Name extends Group>(name: Name): Columns<Name> {
    const known: Columns<Name> | undefined = this.#columns[name];
    if (known !== undefined) return known;
    const made = columnsOf(name);
    (this.#columns as { [Key in Name]?: Columns<Key> })[name] = made;
    return made;
  }

  // Columns that a row may have are filled for every row as soon as one has them.
  #note({ lease, end, entries, closed }: TurnWrite): void {
    if (end !== null) this.#group(groupOf[end.kind]);
    if (closed.length > 0 && !endsGeneration(end)) {
      this.#closers++;
      this.#closer = lease;
    }
    for (const { message } of entries) {
      if (message === null) continue;
      this.#group('taken');
      this.#letters++;
      this.#letter = { id: lease.runId, message };
    }
  }

  #noteAlone(): void {
    if (this.#closers === 1 && this.#closer !== null) {
      const columns = this.#group('closer');
      columns.id.push(quoted(this.#closer.runId));
      columns.generation.push(this.#closer.generation);
    }
    if (this.#letters === 1 && this.#letter !== null) {
      const columns = this.#group('letter');
      columns.id.push(quoted(this.#letter.id));
      columns.message.push(quoted(this.#letter.message));
    }
  }

  #add(write: TurnWrite): void {
    const { lease, end, calls, closed, entries, more } = write;
    const ord = ++this.#ord;
    const id = quoted(lease.runId);
    const items = this.#group('items');
    items.id.push(id);
    items.part.push(lease.part);
    items.generation.push(lease.generation);
    items.epoch.push(lease.epoch);
    this.#parts.add(lease.part);
    if (this.has('settle')) this.#addSettle(end);
    if (this.has('move')) this.#addMove(end);
    if (this.has('next')) this.#addNext(ord, lease, end);
    this.#group(end === null && calls.length + closed.length === 0 ? 'share' : 'change').id.push(id);
    if (endsGeneration(end)) this.#group('settling').id.push(id);
    else if (closed.length > 0) this.#addClosed(ord, write);
    if (entries.length > 0) this.#addEntries(ord, write);
    if (calls.length > 0) for (const call of keptCalls(write)) this.#addCall(ord, call);
    if (more !== null) this.#addShown(ord, more);
  }

  /** What the end of a generation closes goes with all the rest. */
  #addClosed(ord: number, { lease, closed }: TurnWrite): void {
    this.#group('closing').id.push(quoted(lease.runId));
    const rows = this.#group('closed');
    for (const place of closed) {
      rows.ord.push(ord);
      rows.place.push(quoted(place));
    }
  }

  #addSettle(end: TurnEnd | null): void {
    const columns = this.#group('settle');
    const settles = end?.kind === 'settle' ? end : null;
    const parks = end?.kind === 'park' ? end : null;
    columns.status.push(settles?.status ?? (parks === null ? none : 'parked'));
    columns.codec.push(settles === null ? none : quoted(settles.output.codec));
    columns.output.push(settles === null ? none : quoted(settles.output.text));
    columns.error.push(quoted(settles?.error ?? parks?.error ?? null));
    columns.reason.push(quoted(parks?.reason ?? null));
    columns.told.push(settles?.tied === true ? 't' : 'f');
  }

  #addMove(end: TurnEnd | null): void {
    const columns = this.#group('move');
    if (end?.kind === 'rest') {
      columns.act.push('rest');
      columns.in_ms.push(end.wakeInMs ?? none);
      columns.at_us.push(end.wakeAt ?? none);
      columns.quarantine.push('absolve');
    } else {
      const renews = end?.kind === 'renew' ? end : null;
      columns.act.push(renews?.kind ?? none);
      columns.in_ms.push(renews?.leaseMs ?? none);
      columns.at_us.push(none);
      columns.quarantine.push(renews?.quarantine ?? none);
    }
  }

  #addNext(ord: number, { runId }: Lease, end: TurnEnd | null): void {
    const columns = this.#group('next');
    const input = end?.kind === 'continue' ? end.input : null;
    columns.next_lane.push(input === null ? none : this.#lanes.get(runId) ?? 0);
    columns.next_codec.push(input === null ? none : quoted(input.codec));
    columns.next_input.push(input === null ? none : quoted(input.text));
    if (end?.kind !== 'continue') return;
    for (const message of end.returned ?? []) {
      const rows = this.#group('returned');
      rows.ord.push(ord);
      rows.message.push(quoted(message));
    }
  }

  #addEntries(ord: number, { entries }: TurnWrite): void {
    const rows = this.#group('entries');
    const takes = this.has('taken');
    const taken = takes ? this.#group('taken').message : [];
    for (const entry of entries) {
      rows.ord.push(ord);
      rows.place.push(quoted(entry.place));
      rows.position.push(entry.position);
      rows.kind.push(entry.kind);
      rows.name.push(quoted(entry.name));
      rows.codec.push(quoted(entry.value.codec));
      rows.value.push(quoted(entry.value.text));
      rows.error.push(quoted(entry.error));
      rows.attempt.push(entry.attempt);
      rows.took_ms.push(entry.tookMs);
      if (takes) taken.push(quoted(entry.message));
    }
  }

  #addCall(ord: number, call: NewPendingCall): void {
    const rows = this.#group('calls');
    rows.ord.push(ord);
    rows.place.push(quoted(call.place));
    rows.kind.push(call.kind);
    rows.name.push(quoted(call.name));
    rows.attempt.push(call.attempt);
    rows.error.push(quoted(call.error));
    rows.progress_codec.push(quoted(call.progress?.codec ?? null));
    rows.progress.push(quoted(call.progress?.text ?? null));
    rows.delay_ms.push(call.delayMs ?? none);
    rows.at_us.push(call.atMs === null ? none : call.atMs * 1_000);
    rows.deadline_ms.push(call.deadlineMs ?? none);
  }

  #addShown(ord: number, { attributes, chunks }: TurnExtras): void {
    // One statement cannot write a row twice: of two of a name the later holds.
    for (const [name, value] of new Map(attributes.map((each) => [each.name, each.value]))) {
      this.#addAttribute(ord, name, value);
    }
    for (const chunk of chunks) {
      const rows = this.#group('chunks');
      rows.ord.push(ord);
      rows.stream.push(quoted(chunk.stream));
      rows.seq.push(chunk.seq);
      rows.source.push(quoted(chunk.source));
      rows.codec.push(quoted(chunk.value.codec));
      rows.value.push(quoted(chunk.value.text));
    }
  }

  /** An attribute that is to go has no type. */
  #addAttribute(ord: number, name: string, value: AttributeValue | null): void {
    const rows = this.#group('attributes');
    const isText = typeof value === 'string' || typeof value === 'boolean';
    rows.ord.push(ord);
    rows.name.push(quoted(name));
    rows.type.push(typeOf(value));
    rows.text_value.push(isText ? quoted(String(value)) : none);
    rows.number_value.push(typeof value === 'number' ? value : none);
    rows.time_us.push(value instanceof Date ? value.getTime() * 1_000 : none);
  }
}

const groupOf = { settle: 'settle', park: 'settle', continue: 'next', rest: 'move', renew: 'move' } as const;

/** Whether nothing of the open calls is left. */
function endsGeneration(end: TurnEnd | null): boolean {
  return end?.kind === 'settle' || end?.kind === 'continue';
}

function typeOf(value: AttributeValue | null): string {
  if (value === null) return none;
  if (value instanceof Date) return 'time';
  return typeof value === 'string' ? 'text' : typeof value;
}

// One statement cannot write a row twice: of two writes of a place the last holds, and a close ends both.
function keptCalls({ calls, closed, end }: TurnWrite): Iterable<NewPendingCall> {
  if (endsGeneration(end)) return [];
  const kept = new Map(calls.map((call) => [call.place, call]));
  for (const place of closed) kept.delete(place);
  return kept.values();
}
