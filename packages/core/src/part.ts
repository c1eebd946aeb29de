// The frozen hash behind `part` and `lane`: FNV-1a over UTF-8 with a final fold. It is part of the data
// format: the same text has the same hash in every version, in TypeScript and in SQL, so it may never change.
// Vectors in the tests.

const utf8 = new TextEncoder();

/** Frozen 32-bit hash of a text, as an unsigned integer. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 127) return hashBytes(utf8.encode(text));
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return fold(hash);
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return fold(hash);
}

// The low bits of FNV-1a are its weakest; folding the high half in makes `% 64` even.
function fold(hash: number): number {
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Number of parts of a database; fixed when the schema is installed. */
export const partCount = 64;

/** The part that every row of a run carries. */
export function partOf(runId: string): number {
  return hash32(runId) % partCount;
}

/** Where a run stands in line: `normal` runs, and `quarantine` for runs whose last owner vanished. */
export type LaneKind = 'normal' | 'quarantine';

/** Priorities of runs, in the order in which claims look for them. 0 is the usual one. */
export const priorities: readonly number[] = [2, 1, 0, -1, -2];

/** What lane a run stands in: its queue, workflow, version, kind, and priority (0 if left out). */
export type LaneKey = readonly [
  queue: string, workflow: string, version: string | null, kind: LaneKind, priority?: number,
];

/**
 * What a worker must serve to own a run, and how soon it does, hashed into one integer, so that claims read
 * one narrow index. All priorities of a kind share one quarantine: that of 0.
 */
export function laneOf(...[queue, workflow, version, kind, priority = 0]: LaneKey): number {
  const step = priority === 0 ? '' : `${priority > 0 ? '+' : ''}${priority}`;
  return hash32(`${queue}\0${workflow}\0${version ?? ''}\0${kind}${step}`) | 0;
}
