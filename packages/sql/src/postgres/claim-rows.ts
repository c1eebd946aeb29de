// From a wish for runs to lanes of the `ready` table, and from its rows back to runs.
import {
  laneOf, priorities, type ClaimAnswer, type ClaimedRun, type ClaimRequest, type Instant, type LaneKind,
  type Served,
} from '@perdure/core/engine';
import { arrayLiteral, columnLiterals } from './array-literal.js';
import type { Row } from './session.js';
import { readHeaders } from './start-statements.js';

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

/** The lanes of a claim. */
export interface ClaimLanes {
  readonly lanes: readonly number[];
  /** Lanes in which the claimed runs stand afterwards. */
  readonly stamped: readonly number[];
  /** The first nine parameters of the statement. */
  readonly columns: readonly string[];
  /** The last two. */
  readonly homes: readonly string[];
}

/**
 * The lanes that a request looks into: those of the runs it serves, of a higher priority before, or their
 * quarantines. The first kind may fill all free slots, so each claim begins with another one.
 */
export function claimLanes(
  request: ClaimRequest, kind: LaneKind, { marks, turn }: { marks: LowWaterMarks; turn: number },
): ClaimLanes {
  const { served, sweep } = request;
  const { lanes, stamped, columns, homes } = tableOf(served, kind, turn % served.length);
  if (sweep && kind === 'normal') for (const lane of lanes) marks.sweeps(lane);
  const fromStart = sweep || kind === 'quarantine';
  const [first = '', ...others] = columns;
  const lows = arrayLiteral(lanes.map((lane) => (fromStart ? 0 : marks.of(lane))));
  return { lanes, stamped, columns: [first, lows, ...others], homes };
}

// A worker asks for the same kinds every time, and has few of them: all but the marks is made once.
const mostKept = 40;
const kept = new WeakMap<readonly Served[], Map<string, ClaimLanes>>();

/** What is asked for, but for the marks, which are the second column. */
function tableOf(served: readonly Served[], kind: LaneKind, first: number): ClaimLanes {
  if (served.length > mostKept) return makeTable(served, kind, first);
  let tables = kept.get(served);
  if (tables === undefined) kept.set(served, tables = new Map());
  const key = `${kind} ${first}`;
  let table = tables.get(key);
  if (table === undefined) tables.set(key, table = makeTable(served, kind, first));
  return table;
}

function makeTable(all: readonly Served[], kind: LaneKind, first: number): ClaimLanes {
  const served = [...all.slice(first), ...all.slice(0, first)];
  const kinds = served.map(lanesOf);
  const rows = kind === 'normal' ? normalRows(kinds) : quarantineRows(kinds);
  const homes = kind === 'normal' ? [] : kinds.flatMap(({ normal, stamped }) => (
    normal === stamped ? [] : normal.map((lane, at) => [lane, stamped[at]])));
  return {
    lanes: rows.map(([lane]) => lane),
    stamped: rows.map(([, , stamped]) => stamped),
    columns: [
      ...columnLiterals(3, rows),
      ...columnLiterals(5, served.map(({ queue, workflow, version, stamp }, at) => (
        [kind === 'normal' ? kinds[at]?.quarantine : null, stamp, queue, workflow, version]))),
    ],
    homes: columnLiterals(2, homes),
  };
}

/** A lane, the number of its kind from 1 up, and the lane after the stamp. */
type LaneRow = readonly [lane: number, kind: number, stamped: number];

function normalRows(kinds: readonly KindLanes[]): readonly LaneRow[] {
  return priorities.flatMap((_, at) => kinds.map(({ normal, stamped }, kind): LaneRow => (
    [normal[at] ?? 0, kind + 1, stamped[at] ?? 0])));
}

function quarantineRows(kinds: readonly KindLanes[]): readonly LaneRow[] {
  return kinds.map(({ quarantine, stampedQuarantine }, kind) => [quarantine, kind + 1, stampedQuarantine]);
}

/** The lanes of a kind: normal ones by priority, before and after the stamp. */
interface KindLanes {
  readonly normal: readonly number[];
  readonly stamped: readonly number[];
  readonly quarantine: number;
  readonly stampedQuarantine: number;
}

function lanesOf({ queue, workflow, version, stamp }: Served): KindLanes {
  const after = version ?? stamp;
  const normalOf = (of: string | null): readonly number[] => (
    priorities.map((priority) => laneOf(queue, workflow, of, 'normal', priority)));
  const normal = normalOf(version);
  return {
    normal,
    stamped: after === version ? normal : normalOf(after),
    quarantine: laneOf(queue, workflow, version, 'quarantine'),
    stampedQuarantine: laneOf(queue, workflow, after, 'quarantine'),
  };
}

/** Reads the rows of a claim or a recall, and moves the marks of `lanes`. */
export function readClaim(rows: readonly Row[], lanes: readonly number[], marks: LowWaterMarks): ClaimAnswer {
  const runs: ClaimedRun[] = [];
  let at = 0;
  let moved = 0;
  for (const [place, dueAt, instant, ...run] of rows) {
    const ord = Number(place);
    at = Math.max(at, Number(instant));
    const lane = lanes[Math.abs(ord) - 1];
    if (lane !== undefined) marks.claimed(lane, Number(dueAt));
    // A negative number is a suspect that was moved to its quarantine: not ours.
    if (ord > 0) runs.push(readClaimed(run));
    else moved++;
  }
  return { runs, moved, at, nextDueAt: null };
}

function readClaimed(row: Row): ClaimedRun {
  const [id, part, epoch, before, fresh, workflow, version, queue, strikes, solo, firstClaimedAt,
    generation, codec, input, createdAt, timeoutMs, tied, woken, headers] = row;
  return {
    lease: { runId: String(id), part: Number(part), generation: Number(generation), epoch: Number(epoch) },
    before: Number(before),
    fresh: fresh === true && woken !== true,
    first: fresh === true,
    tied: tied === true,
    workflow: String(workflow),
    version: version as string | null,
    queue: String(queue),
    input: { codec: String(codec), text: input as string | null },
    createdAt: Number(createdAt),
    firstClaimedAt: Number(firstClaimedAt),
    strikes: Number(strikes),
    soloStrikes: Number(solo),
    timeoutMs: timeoutMs === null ? null : Number(timeoutMs),
    headers: readHeaders(headers),
  };
}
