// What runs of the memory store show to the outside: status, attributes, streams.
import { MemoryCarrier } from './memory-carrier.js';
import type { RunRow } from './memory-tables.js';
import { micros } from './micros.js';
import type {
  Attributes, AttributeValue, Chunk, ChunkRange, Instant, RecordedChunk, RecordedEntry, RunListed,
  RunQuery, RunRecord, RunStatus, StreamHead, TurnWrite,
} from './store.js';

/** What is shown. Use it as `MemoryStore`. */
export class MemoryShown extends MemoryCarrier {
  async queryRuns(query: RunQuery): Promise<readonly RunListed[]> {
    await this.roundTrip();
    const now = this.now();
    const runs = [...this.tables.runs.values()].filter((run) => this.isSought(run, query, now));
    return this.byId(runs).slice(0, query.limit).map((run) => this.listed(run, now));
  }

  async readChunks({ runId, stream, from, limit, ...range }: ChunkRange): Promise<readonly RecordedChunk[]> {
    await this.roundTrip();
    const generation = range.generation ?? this.tables.runs.get(runId)?.generation ?? 0;
    return this.inSequence([...this.tables.chunks(runId, generation).values()])
      .filter((chunk) => chunk.stream === stream && chunk.seq >= from)
      .slice(0, limit);
  }

  // ---- promises ------------------------------------------------------------------------------------------

  /** Where a run stands, as shown to people: what is due is pending, whoever had it before. */
  protected statusOf({ id, status }: RunRow, now: Instant): RunStatus {
    if (status !== 'live') return status;
    const row = this.tables.ready.get(id);
    if (row === undefined || row.dueAt <= now) return 'pending';
    if (row.claim !== null) return 'running';
    return row.fresh ? 'pending' : 'waiting';
  }

  protected record(run: RunRow, now: Instant): RunRecord {
    const { id, workflow, generation, output, error, reason } = run;
    return { id, workflow, status: this.statusOf(run, now), generation, output, error, reason };
  }

  /** Answers in the order in which they are delivered. */
  protected inPlay(entries: RecordedEntry[]): RecordedEntry[] {
    return entries.sort((one, other) => one.position - other.position);
  }

  /** The version of a run, which stands in line for as long as it is live. */
  protected versionOf({ id, version }: RunRow): string | null {
    const row = this.tables.ready.get(id);
    return row === undefined ? version : row.version;
  }

  /** Whether all that a query asks for holds for a run. */
  protected isSought(run: RunRow, query: RunQuery, now: Instant): boolean {
    const { id, workflow, status, attributes, after } = query;
    if (id !== undefined && run.id !== id) return false;
    if (workflow !== null && run.workflow !== workflow) return false;
    if (!this.isOfKind(run, query) || !this.isOfTime(run, query)) return false;
    if (after !== null && byBytes(run.id, after) <= 0) return false;
    if (status !== null && !status.includes(this.statusOf(run, now))) return false;
    const found = this.tables.attributes(run.id);
    return Object.entries(attributes).every(([name, value]) => this.isSame(found.get(name), value));
  }

  /** Whether a run is of the queue, version, reason and parent that a query asks for. */
  protected isOfKind(run: RunRow, query: RunQuery): boolean {
    const { queue, reason, parent } = run;
    const found = { queue, version: this.versionOf(run), reason, parent: parent?.id };
    return (['queue', 'version', 'reason', 'parent'] as const).every((fact) => (
      query[fact] === undefined || found[fact] === query[fact]));
  }

  /** Whether a run was created at or after the one instant, and before the other. */
  protected isOfTime({ createdAt }: RunRow, { createdFromMs, createdToMs }: RunQuery): boolean {
    return createdAt >= micros(createdFromMs ?? -Infinity) && createdAt < micros(createdToMs ?? Infinity);
  }

  /** Whether an attribute has this value: of the same type, a Date by its instant. */
  protected isSame(found: AttributeValue | undefined, sought: AttributeValue): boolean {
    if (found instanceof Date && sought instanceof Date) return found.getTime() === sought.getTime();
    return found === sought;
  }

  /** The order of ids as databases have it: by the bytes of their text. */
  protected byId(runs: RunRow[]): RunRow[] {
    return runs.sort((one, other) => byBytes(one.id, other.id));
  }

  protected listed(run: RunRow, now: Instant): RunListed {
    const { id, workflow, queue, generation, reason, createdAt, settledAt } = run;
    const version = this.versionOf(run);
    const attributes: Attributes = Object.fromEntries(this.tables.attributes(id));
    return {
      id, workflow, queue, version, generation, reason, status: this.statusOf(run, now), createdAt, settledAt,
      attributes,
    };
  }

  /**
   * What a write shows beside its answers. What an earlier sending set is not set again: it may have been
   * set to something else since.
   */
  protected show({ lease, more }: TurnWrite, at: Instant, isRepeated: boolean): void {
    const { runId, generation } = lease;
    for (const chunk of more?.chunks ?? []) this.append(this.tables.chunks(runId, generation), chunk, at);
    if (!isRepeated) this.setAttributes(runId, more?.attributes ?? []);
  }

  /** Attributes in their order, so that the last of a name holds; null deletes. */
  protected setAttributes(
    runId: string,
    attributes: ReadonlyArray<{ readonly name: string; readonly value: AttributeValue | null }>,
  ): void {
    const kept = this.tables.attributes(runId);
    for (const { name, value } of attributes) {
      if (value === null) kept.delete(name);
      else kept.set(name, value);
    }
  }

  /** A chunk that is there is an earlier sending of the same. */
  protected append(chunks: Map<string, RecordedChunk>, chunk: Chunk, at: Instant): void {
    const key = `${chunk.seq} ${chunk.stream}`;
    if (!chunks.has(key)) chunks.set(key, { ...chunk, at });
  }

  /** Chunks as they follow each other, whenever they were written. */
  protected inSequence(chunks: RecordedChunk[]): RecordedChunk[] {
    return chunks.sort((one, other) => one.seq - other.seq);
  }

  /** How far the streams of a generation have come. */
  protected headsOf(chunks: Iterable<RecordedChunk>): StreamHead[] {
    const heads = new Map<string, { count: number; fromWorkflow: number }>();
    for (const { stream, source } of chunks) {
      const { count, fromWorkflow } = heads.get(stream) ?? { count: 0, fromWorkflow: 0 };
      heads.set(stream, { count: count + 1, fromWorkflow: fromWorkflow + (source === '' ? 1 : 0) });
    }
    return [...heads].map(([stream, head]) => ({ stream, ...head }));
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
