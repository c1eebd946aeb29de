// Reads a progress stream of a run: what is there, then what comes, until the run has settled.
//
//   S2. Whether the run, or its generation, has ended is known before the read that finds nothing more: no
//       chunk is missed.
//   S4. A stream belongs to a generation: what follows in the next one has offsets from 0, and says so.
import { DatabaseUnavailableError, WorkflowError } from '@perdure/core';
import { checkName, decode, type RecordedChunk, type Store } from '@perdure/core/engine';
import { Ear } from './ear.js';
import { checkWatched } from './given.js';
import type { Opening } from './parts.js';
import { parkedError } from './result.js';

const page = 100;

/** Where to begin, and when to stop. */
export interface StreamOptions {
  /** The offset of the first chunk to read. Default 0; to go on where one stopped, that offset plus 1. */
  from?: number | undefined;
  /**
   * The generation to which that offset belongs. Default: the present one. One whose chunks are gone is
   * passed over.
   */
  generation?: number | undefined;
  abortSignal?: AbortSignal | undefined;
}

/** One piece of a progress stream. */
export interface StreamChunk<T = unknown> {
  /** The generation of the run that wrote it: a run that is begun anew, or goes on as new, has several. */
  readonly generation: number;
  /** From 0 up, without a hole, in each generation. */
  readonly offset: number;
  readonly chunk: T;
  /** When it was written, by the database's clock. */
  readonly at: Date;
}

/** Which stream is read. */
export interface StreamAddress extends StreamOptions {
  readonly runId: string;
  readonly name: string;
}

/** Reads a stream; see `RunHandle.stream`. Throws INVALID_NAME and INVALID_OPTION at once. */
export function readStream(opening: Opening, address: StreamAddress): AsyncGenerator<StreamChunk, void> {
  const { runId, name, from = 0, generation } = address;
  checkName(runId, 'the id of a run');
  checkName(name, 'the name of a stream');
  checkWatched(address);
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new WorkflowError('INVALID_OPTION', `from is ${String(from)}; give the offset of a chunk: a ` +
      'whole number from 0 up.');
  }
  if (generation !== undefined && (!Number.isSafeInteger(generation) || generation < 1)) {
    throw new WorkflowError('INVALID_OPTION', `generation is ${String(generation)}; give that of a chunk: ` +
      'a whole number from 1 up.');
  }
  return chunksOf(opening, { ...address, from });
}

async function* chunksOf(
  opening: Opening, { runId, name, from, generation, abortSignal }: StreamAddress & { from: number },
): AsyncGenerator<StreamChunk, void> {
  const parts = await opening.open();
  const ear = new Ear(opening.env, parts, { runId, abortSignal });
  const at = { generation: generation ?? null, next: from };
  try {
    for (;;) {
      ear.throwIfOver();
      const { end, generation: present } = ear;
      at.generation ??= present;
      const chunks = at.generation === null ? null : await read(parts.connection.store,
        { runId, stream: name, from: at.next, generation: at.generation, limit: page });
      for (const { seq, value, at: writtenAt } of chunks ?? []) {
        const written = new Date(writtenAt / 1_000);
        yield { generation: at.generation ?? 0, offset: seq, chunk: decode(value), at: written };
        at.next = seq + 1;
        ear.throwIfOver();
      }
      if (chunks?.length === page) continue;
      if (chunks !== null && isAhead(present, at.generation)) {
        [at.generation, at.next] = [nextOf(at.generation ?? 0, present), 0];
        continue;
      }
      if (end instanceof Error) throw end;
      if (chunks !== null && end !== null) {
        if (end.status === 'parked') throw parkedError(end);
        return;
      }
      await ear.pause(chunks !== null && chunks.length > 0);
    }
  } finally {
    ear.close();
  }
}

function isAhead(present: number | null, generation: number | null): present is number {
  return present !== null && generation !== null && present > generation;
}

// Of the generations that have ended only the last one can still be read.
function nextOf(generation: number, present: number): number {
  return Math.max(generation + 1, present - 1);
}

// Null while the database is away: whoever reads has a way to stop of its own.
async function read(
  store: Store, range: Parameters<Store['readChunks']>[0],
): Promise<readonly RecordedChunk[] | null> {
  try {
    return await store.readChunks(range);
  } catch (error) {
    if (error instanceof DatabaseUnavailableError) return null;
    throw error;
  }
}
