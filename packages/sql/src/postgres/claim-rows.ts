// From a wish for runs to lanes of the `ready` table, and from its rows back to runs.
import {
  laneOf, type ClaimAnswer, type ClaimedRun, type ClaimRequest, type Instant, type LaneKind,
} from '@perdure/core/engine';
import type { Row } from './session.js';

// Rows can appear below the mark: a transaction that committed late, a wake, an expired lease. The slack
// catches most of them, the sweep the rest.
const slackMicros = 2_000_000;

/** Where each lane's live rows begin, as a hint in memory: a look from there passes no dead rows. */
export class LowWaterMarks {
  readonly #marks = new Map<number, Instant>();
  readonly #swept = new Set<number>();

  of(lane: number): Instant {
    return this.#marks.get(lane) ?? 0;
  }

  /**
   * The lane is looked at without its mark: what is claimed next may lower it. A long transaction that
   * started a thousand runs, or a clock that was set back, would leave them to the sweeps otherwise.
   */
  sweeps(lane: number): void {
    this.#swept.add(lane);
  }

  claimed(lane: number, dueAt: Instant): void {
    const mark = dueAt - slackMicros;
    if (this.#swept.delete(lane) || mark > this.of(lane)) this.#marks.set(lane, mark);
  }
}

/** The lanes of a claim, column by column as the statement takes them. */
export interface ClaimLanes {
  readonly lanes: readonly number[];
  /** Lanes in which the claimed runs stand afterwards. */
  readonly stamped: readonly number[];
  readonly columns: readonly unknown[];
}

/**
 * The lanes that a request looks into: those of the runs it serves, or their quarantines. The first of them
 * may fill all free slots, so each claim begins with another one.
 */
export function claimLanes(
  request: ClaimRequest, kind: LaneKind, { marks, turn }: { marks: LowWaterMarks; turn: number },
): ClaimLanes {
  const { sweep } = request;
  const first = turn % request.served.length;
  const served = [...request.served.slice(first), ...request.served.slice(0, first)];
  const take = kind === 'quarantine' ? 1 : request.limit;
  const rows = served.map(({ queue, workflow, version, stamp }) => {
    const lane = laneOf(queue, workflow, version, kind);
    const stampedVersion = version ?? stamp;
    if (sweep && kind === 'normal') marks.sweeps(lane);
    return [
      lane, sweep || kind === 'quarantine' ? 0 : marks.of(lane), take,
      kind === 'quarantine' ? null : laneOf(queue, workflow, stampedVersion, 'quarantine'), stamp,
      laneOf(queue, workflow, stampedVersion, 'normal'), queue, workflow, version,
    ];
  });
  const columns = Array.from({ length: 9 }, (_, column) => rows.map((row) => row[column]));
  return { lanes: columns[0] as number[], stamped: columns[5] as number[], columns };
}

/** Reads the rows of a claim or a recall, and moves the marks of `lanes`. */
export function readClaim(rows: readonly Row[], lanes: readonly number[], marks: LowWaterMarks): ClaimAnswer {
  const runs: ClaimedRun[] = [];
  let at = 0;
  let moved = 0;
  for (const row of rows) {
    const ord = Number(row[15]);
    at = Math.max(at, Number(row[17]));
    const lane = lanes[Math.abs(ord) - 1];
    if (lane !== undefined) marks.claimed(lane, Number(row[16]));
    // A negative number is a suspect that was moved to its quarantine: not ours.
    if (ord > 0) runs.push(readClaimed(row));
    else moved++;
  }
  return { runs, moved, at, nextDueAt: null };
}

function readClaimed(row: Row): ClaimedRun {
  const [id, part, epoch, before, fresh, workflow, version, queue, strikes, solo, firstClaimedAt,
    generation, codec, input, createdAt] = row;
  return {
    lease: { runId: String(id), part: Number(part), generation: Number(generation), epoch: Number(epoch) },
    before: Number(before),
    fresh: fresh === true,
    workflow: String(workflow),
    version: version as string | null,
    queue: String(queue),
    input: { codec: codec as 'json' | 'superjson', text: input as string | null },
    createdAt: Number(createdAt),
    firstClaimedAt: Number(firstClaimedAt),
    strikes: Number(strikes),
    soloStrikes: Number(solo),
  };
}
