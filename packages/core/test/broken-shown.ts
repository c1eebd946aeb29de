// Stores that break what attributes, queries and streams promise, and what calls tell before their answers.
import { MemoryStore, type RecordedChunk, type RunQuery } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

const brokenAttributes: readonly BrokenStore[] = [
  {
    breaks: 'attributes are texts',
    Store: class extends MemoryStore {
      protected override setAttributes(...[id, attributes]: Parameters<MemoryStore['setAttributes']>) {
        const asText = attributes.map(({ name, value }) => (
          { name, value: value === null ? null : String(value) }));
        super.setAttributes(id, asText);
      }
    },
    noticed: ['attributes: values of every type', 'query: a run is found by an attribute'],
  },
  {
    breaks: 'the first value of an attribute holds',
    Store: class extends MemoryStore {
      protected override setAttributes(...[id, attributes]: Parameters<MemoryStore['setAttributes']>) {
        const known = this.tables.attributes(id);
        super.setAttributes(id, attributes.filter(({ name }) => !known.has(name)).reverse());
      }
    },
    noticed: ['attributes: a later value'],
  },
  {
    breaks: 'an attribute that is deleted stays',
    Store: class extends MemoryStore {
      protected override setAttributes(...[id, attributes]: Parameters<MemoryStore['setAttributes']>) {
        super.setAttributes(id, attributes.filter(({ value }) => value !== null));
      }
    },
    noticed: ['attributes: a later value', 'attributes: a write that comes again late'],
  },
  {
    breaks: 'attributes are set, whatever becomes of the write',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        this.setAttributes(write.lease.runId, write.more?.attributes ?? []);
        return super.commitOne(write, now);
      }
    },
    noticed: ['attributes: they are written', 'attributes: a write that comes again late'],
  },
  {
    breaks: 'attributes are set again by whoever comes late',
    Store: class extends MemoryStore {
      protected override show(...[write, at]: Parameters<MemoryStore['show']>) {
        super.show(write, at, false);
      }
    },
    noticed: ['attributes: a write that comes again late'],
  },
  {
    breaks: 'a settlement removes attributes',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.tables.attributes(row.id).clear();
      }
    },
    noticed: ['attributes: they outlive', 'query: a run is listed'],
  },
  {
    breaks: 'attributes are shared',
    Store: class extends MemoryStore {
      protected override setAttributes(...[, attributes]: Parameters<MemoryStore['setAttributes']>) {
        for (const id of this.tables.runs.keys()) super.setAttributes(id, attributes);
      }
    },
    noticed: ['attributes: those of one run', 'query: all that is asked for'],
  },
];

const brokenQueries: readonly BrokenStore[] = [
  {
    breaks: 'queries look at the text of values',
    Store: class extends MemoryStore {
      protected override isSame(...[found, sought]: Parameters<MemoryStore['isSame']>) {
        return String(found) === String(sought);
      }
    },
    noticed: ['query: a run is found by an attribute'],
  },
  {
    breaks: 'dates are never the same',
    Store: class extends MemoryStore {
      protected override isSame(...[found, sought]: Parameters<MemoryStore['isSame']>) {
        return found === sought;
      }
    },
    noticed: ['query: a run is found by an attribute'],
  },
  ...(['id', 'workflow', 'status', 'attributes'] as const).map((part): BrokenStore => ({
    breaks: `a query does not look at: ${part}`,
    Store: class extends MemoryStore {
      override async queryRuns(query: RunQuery) {
        const ignored = { id: undefined, workflow: null, status: null, attributes: {} };
        return super.queryRuns({ ...query, [part]: ignored[part] });
      }
    },
    noticed: ['query: all that is asked for'],
  })),
  {
    breaks: 'one attribute is enough',
    Store: class extends MemoryStore {
      override async queryRuns(query: RunQuery) {
        const [first] = Object.entries(query.attributes);
        const attributes = Object.fromEntries(first === undefined ? [] : [first]);
        return super.queryRuns({ ...query, attributes });
      }
    },
    noticed: ['query: all that is asked for'],
  },
  {
    breaks: 'queries look at what is stored of the status',
    Store: class extends MemoryStore {
      protected override statusOf(...[run]: Parameters<MemoryStore['statusOf']>) {
        return run.status === 'live' ? 'running' as const : run.status;
      }
    },
    noticed: ['query: a run is found by where it stands', 'query: all that is asked for'],
  },
  {
    breaks: 'a list does not say when a run settled',
    Store: class extends MemoryStore {
      protected override listed(...given: Parameters<MemoryStore['listed']>) {
        return { ...super.listed(...given), settledAt: null };
      }
    },
    noticed: ['query: a run is listed'],
  },
  {
    breaks: 'a park is a settlement in lists',
    Store: class extends MemoryStore {
      protected override listed(...[run, now]: Parameters<MemoryStore['listed']>) {
        const listed = super.listed(run, now);
        return run.status === 'parked' ? { ...listed, settledAt: now } : listed;
      }
    },
    noticed: ['query: a run is listed'],
  },
  {
    breaks: 'runs come in the order of their starts',
    Store: class extends MemoryStore {
      protected override byId(...[runs]: Parameters<MemoryStore['byId']>) {
        return runs;
      }
    },
    noticed: ['query: pages follow each other'],
  },
  {
    breaks: 'ids are sorted as people do',
    Store: class extends MemoryStore {
      protected override byId(...[runs]: Parameters<MemoryStore['byId']>) {
        return runs.sort((one, other) => one.id.localeCompare(other.id));
      }
    },
    noticed: ['query: pages follow each other'],
  },
  {
    breaks: 'ids are sorted as UTF-16',
    Store: class extends MemoryStore {
      protected override byId(...[runs]: Parameters<MemoryStore['byId']>) {
        return runs.sort((one, other) => (one.id < other.id ? -1 : 1));
      }
    },
    noticed: ['query: pages follow each other'],
  },
  {
    breaks: 'a page begins with the end of the last one',
    Store: class extends MemoryStore {
      protected override isSought(...[run, query, now]: Parameters<MemoryStore['isSought']>) {
        const isLast = run.id === query.after;
        return super.isSought(run, isLast ? { ...query, after: null } : query, now);
      }
    },
    noticed: ['query: pages follow each other', 'query: pages are of what'],
  },
  {
    breaks: 'a page is cut before it is sifted',
    Store: class extends MemoryStore {
      override async queryRuns(query: RunQuery) {
        const page = await super.queryRuns({ ...query, attributes: {} });
        return page.filter(({ attributes }) => (
          Object.entries(query.attributes).every(([name, value]) => attributes[name] === value)));
      }
    },
    noticed: ['query: pages are of what'],
  },
];

const brokenStreams: readonly BrokenStore[] = [
  {
    breaks: 'chunks come in the order of their writing',
    Store: class extends MemoryStore {
      protected override inSequence(chunks: RecordedChunk[]) {
        return chunks;
      }
    },
    noticed: ['streams: what was appended', 'streams: the order is that'],
  },
  {
    breaks: 'chunks are sorted as texts',
    Store: class extends MemoryStore {
      protected override inSequence(chunks: RecordedChunk[]) {
        return chunks.sort((one, other) => (String(one.seq) < String(other.seq) ? -1 : 1));
      }
    },
    noticed: ['streams: the order is that'],
  },
  {
    breaks: 'the last sending of a chunk holds',
    Store: class extends MemoryStore {
      protected override append(...[chunks, chunk, at]: Parameters<MemoryStore['append']>) {
        chunks.set(`${chunk.seq} ${chunk.stream}`, { ...chunk, at });
      }
    },
    noticed: ['streams: a chunk that is sent again'],
  },
  {
    breaks: 'a chunk that is sent again is another one',
    Store: class extends MemoryStore {
      protected override append(...[chunks, chunk, at]: Parameters<MemoryStore['append']>) {
        chunks.set(String(chunks.size), { ...chunk, at });
      }
    },
    noticed: ['streams: a chunk that is sent again'],
  },
  {
    breaks: 'readers begin at the beginning',
    Store: class extends MemoryStore {
      override async readChunks(...[range]: Parameters<MemoryStore['readChunks']>) {
        return super.readChunks({ ...range, from: 0 });
      }
    },
    noticed: ['streams: a reader begins'],
  },
  {
    breaks: 'readers get the present generation only',
    Store: class extends MemoryStore {
      override async readChunks({ generation: _, ...range }: Parameters<MemoryStore['readChunks']>[0]) {
        return super.readChunks(range);
      }
    },
    noticed: ['continue: streams of the generation'],
  },
  {
    breaks: 'readers get everything',
    Store: class extends MemoryStore {
      override async readChunks(...[range]: Parameters<MemoryStore['readChunks']>) {
        return super.readChunks({ ...range, limit: Infinity });
      }
    },
    noticed: ['streams: a reader begins'],
  },
  {
    breaks: 'a run has one stream',
    Store: class extends MemoryStore {
      protected override append(...[chunks, chunk, at]: Parameters<MemoryStore['append']>) {
        super.append(chunks, { ...chunk, stream: 'log' }, at);
      }
    },
    noticed: ['streams: they are apart', 'streams: the next owner'],
  },
  {
    breaks: 'streams of all generations are one',
    Store: class extends MemoryStore {
      protected override show(...[write, at, isRepeated]: Parameters<MemoryStore['show']>) {
        super.show({ ...write, lease: { ...write.lease, generation: 1 } }, at, isRepeated);
      }
    },
    noticed: ['streams: they are apart', 'continue: streams begin'],
  },
  {
    breaks: 'who wrote a chunk is not counted',
    Store: class extends MemoryStore {
      protected override headsOf(...given: Parameters<MemoryStore['headsOf']>) {
        return super.headsOf(...given).map((head) => ({ ...head, fromWorkflow: head.count }));
      }
    },
    noticed: ['streams: the next owner'],
  },
  {
    breaks: 'chunks are appended, whatever becomes of the write',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        const chunks = this.tables.chunks(write.lease.runId, write.lease.generation);
        for (const chunk of write.more?.chunks ?? []) this.append(chunks, chunk, now);
        return super.commitOne(write, now);
      }
    },
    noticed: ['streams: a write that does not happen'],
  },
  {
    breaks: 'a settlement removes streams',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.tables.chunks(row.id, 1).clear();
      }
    },
    noticed: ['streams: they outlive'],
  },
  {
    breaks: 'texts of chunks are normalised',
    Store: class extends MemoryStore {
      protected override append(...[chunks, chunk, at]: Parameters<MemoryStore['append']>) {
        const value = { ...chunk.value, text: chunk.value.text?.normalize() ?? null };
        super.append(chunks, { ...chunk, value }, at);
      }
    },
    noticed: ['streams: every text'],
  },
];

const brokenCalls: readonly BrokenStore[] = [
  {
    breaks: 'progress is forgotten',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls({ ...write, calls: write.calls.map((call) => ({ ...call, progress: null })) }, at);
      }
    },
    noticed: ['calls: what an attempt told'],
  },
  {
    breaks: 'a last chance is given again with every write',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const known = this.tables.calls(write.lease.runId, write.lease.generation);
        for (const { place } of write.calls) known.delete(place);
        super.keepCalls(write, at);
      }
    },
    noticed: ['calls: a last chance'],
  },
  {
    breaks: 'the first last chance stays',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const known = this.tables.calls(write.lease.runId, write.lease.generation);
        const calls = write.calls.map((call) => (
          known.has(call.place) ? { ...call, deadlineMs: null } : call));
        super.keepCalls({ ...write, calls }, at);
      }
    },
    noticed: ['calls: a last chance'],
  },
  {
    breaks: 'what waits for no clock is due at once',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const calls = write.calls.map((call) => (
          call.atMs === null ? { ...call, delayMs: call.delayMs ?? 0 } : call));
        super.keepCalls({ ...write, calls }, at);
      }
    },
    noticed: ['calls: one that waits for no clock'],
  },
  {
    breaks: 'runs have no longest time',
    Store: class extends MemoryStore {
      protected override claimed(...given: Parameters<MemoryStore['claimed']>) {
        return { ...super.claimed(...given), timeoutMs: null };
      }
    },
    noticed: ['start: a run knows its longest time', 'children: a child is started'],
  },
];

export const brokenShown: readonly BrokenStore[] = [
  ...brokenAttributes, ...brokenQueries, ...brokenStreams, ...brokenCalls,
];
