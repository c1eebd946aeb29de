// The carrier on PostgreSQL: a cheap look when there is nothing, one statement a kind that has something.
// What the statements promise to each other stands at the head of carry-statements.ts.
//
//   X1. Messages are told of last: what the other kinds made of ends and events is told by the same carry.
//   X2. Pieces that others hold do not stand in the way of those behind them: a look that met nothing else is
//       made again without them.
//   X3. Cancels go to the children of an ended run like anybody's messages, before the run is marked: a
//       stranger's open transaction with the same message holds up that child alone.
import {
  cancelId, childNotFound, nothing, systemEnv, type CarryAnswer, type Instant, type NewMessage,
  type SendAnswer,
} from '@perdure/core/engine';
import { columnLiterals } from './array-literal.js';
import { carryStatements, type CarryStatements } from './carry-statements.js';
import { CarryMarks, CarryRound, kinds, type Kind, type Look, type Probed } from './carry-round.js';
import { closingStatements, type ClosingStatements } from './closing-statements.js';
import type { Row, StatementRunner } from './session.js';
import { LockTimeoutError } from './sql-error.js';
import type { Statement } from './statement.js';

/** What a carrier is asked. */
export interface CarryRequest {
  readonly limit: number;
  /** What a terminated child fails with, encoded. */
  readonly terminated: string;
}

/** How a carrier sends cancels. */
export type Send = (messages: readonly NewMessage[]) => Promise<readonly SendAnswer[]>;

// Each look without the held ones passes by some more of them, each after a termination sees to the next
// generation of children. What is left then waits for the next carry.
const mostLooks = 5;
const nothingThere: Look = { pieces: 0, carried: 0, last: 0, held: [] };

/** Carries mail. */
export class PostgresCarrier {
  readonly #runner: StatementRunner;
  readonly #send: Send;
  readonly #carry: CarryStatements;
  readonly #closing: ClosingStatements;
  readonly #marks = new CarryMarks();

  /** `schema` is the quoted name. */
  constructor(runner: StatementRunner, schema: string, send: Send) {
    this.#runner = runner;
    this.#send = send;
    this.#carry = carryStatements(schema);
    this.#closing = closingStatements(schema);
  }

  async carry(request: CarryRequest): Promise<CarryAnswer> {
    const { limit, terminated } = request;
    const probed = await this.#look();
    const { first, old } = probed;
    const round = new CarryRound(limit, probed);
    const isAny = (...some: readonly Kind[]): boolean => some.some((kind) => first[kind] !== null);
    if (isAny('endings')) {
      await this.#looks(round, 'endings', (held) => this.#end(round, held, terminated));
    }
    if (isAny('watches')) await this.#looks(round, 'watches', (held) => this.#meet(round, held));
    if (isAny('events')) await this.#looks(round, 'events', () => this.#give(round));
    if (old) round.count(await this.#forget(limit));
    if (isAny(...kinds)) await this.#looks(round, 'inbox', (held) => this.#tell(round, held));
    return { told: [...round.told], more: round.more && await this.#isMore(round) };
  }

  // Y7
  async #look(): Promise<Probed> {
    if (!this.#marks.sweeps) return this.#probe(this.#marks.all(), false);
    const begun = systemEnv.monotonic();
    const probed = await this.#probe(kinds.map(() => 0), true);
    this.#marks.swept(systemEnv.monotonic() - begun);
    return probed;
  }

  async #isMore({ from }: CarryRound): Promise<boolean> {
    const { first } = await this.#probe(kinds.map((kind) => from[kind]), false);
    return kinds.some((kind) => first[kind] !== null);
  }

  async #probe(marks: readonly Instant[], sweeps: boolean): Promise<Probed> {
    const [row = []] = await this.#runner.run(this.#carry.probe, [...marks, sweeps]);
    const [inbox = null, events = null, watches = null, endings = null, old, at] = row;
    const instant = (column: unknown): Instant | null => (column === null ? null : Number(column));
    return {
      first: {
        inbox: instant(inbox), events: instant(events), watches: instant(watches), endings: instant(endings),
      },
      old: old === true,
      at: Number(at),
    };
  }

  // X2
  async #looks(
    round: CarryRound, kind: Kind, look: (held: readonly string[]) => Promise<Look>,
  ): Promise<void> {
    const held: string[] = [];
    let last = nothingThere;
    for (let looks = 0; looks < mostLooks; looks++) {
      try {
        last = await look(held);
      } catch (error) {
        // Somebody holds a key that only the engine makes; he will not for long.
        if (!(error instanceof LockTimeoutError)) throw error;
        break;
      }
      this.#marks.saw(kind, last.last);
      if (last.again !== true && (last.carried > 0 || last.held.length === 0)) break;
      held.push(...last.held);
    }
    round.count(last);
  }

  async #tell({ limit, from, told }: CarryRound, held: readonly string[]): Promise<Look> {
    const rows = await this.#runner.run(this.#carry.tell, [limit, from.inbox, held]);
    for (const [runId, , , wasTold] of rows) if (wasTold === true) told.add(String(runId));
    return lookOf(rows);
  }

  async #meet({ limit, from }: CarryRound, held: readonly string[]): Promise<Look> {
    return lookOf(await this.#runner.run(this.#carry.meet, [limit, from.watches, held, childNotFound]));
  }

  async #give({ limit, from }: CarryRound): Promise<Look> {
    const [row = []] = await this.#runner.run(this.#carry.give, [limit, from.events]);
    const [pieces = 0, given = 0, first = 0, last = 0] = row.map(Number);
    // Messages of events have the instants of these, which may be older than what was told of last.
    if (pieces > 0) from.inbox = Math.min(from.inbox, first);
    // An event that is waited for by very many is given to some of them at a time.
    return { pieces: given < pieces ? limit : pieces, carried: pieces, last, held: [] };
  }

  async #forget(limit: number): Promise<Look> {
    const rows = await this.#runner.run(this.#carry.forget, [limit]);
    return { pieces: rows.length, carried: rows.length, last: 0, held: [] };
  }

  async #end({ limit, from }: CarryRound, held: readonly string[], terminated: string): Promise<Look> {
    const rows = await this.#runner.run(this.#carry.end, [limit, from.endings, held, childNotFound]);
    const number = (what: string): number => Number(rows.find((row) => row[0] === what)?.[2] ?? 0);
    const stuck = rows.filter((row) => row[0] === 'stuck').map((row) => String(row[1]));
    const parents = rows.filter((row) => row[0] === 'children');
    const { listed, closed } = parents.length === 0 ? { listed: 0, closed: 0 }
      : await this.#close(parents, limit, terminated);
    const pieces = number('pieces');
    const answers = number('answers');
    // The ending goes when nothing is left to close, and termination makes endings of its own. What was to be
    // closed may also have been seen to meanwhile, by the end of the child.
    const again = closed > 0 || (parents.length > 0 && listed === 0);
    const isFull = again || answers > limit;
    return {
      pieces: isFull ? limit : pieces,
      carried: pieces - stuck.length - parents.length + answers + closed,
      last: number('last'),
      held: isFull ? [] : [...stuck, ...parents.map((row) => String(row[1]))],
      again,
    };
  }

  // How many ties of ended parents were found, and seen to.
  async #close(
    parents: readonly Row[], limit: number, terminated: string,
  ): Promise<{ listed: number; closed: number }> {
    const ended = columnLiterals(3, parents.map(([, id, part, status]) => [part, id, status]));
    const ties = await this.#run(this.#closing.list, [...ended, limit]);
    const having = (effect: string): readonly Row[] => ties.filter((tie) => tie[6] === effect);
    const cancels = having('cancel');
    const sent = await this.#send(cancels.map((tie) => cancelOf(String(tie[4]))));
    const doomed = having('terminate');
    const gone = doomed.length === 0 ? [] : await this.#run(this.#closing.terminate,
      [...columnLiterals(2, doomed.map((tie) => [tie[4], tie[5]])), terminated]);
    const goneIds = new Set(gone.map(([id]) => id));
    const seenTo = [
      ...having('nothing'),
      ...cancels.filter((_, at) => sent[at]?.kind !== 'busy'),
      ...doomed.filter((tie) => goneIds.has(tie[4])),
    ];
    if (seenTo.length > 0) await this.#run(this.#closing.mark, columnLiterals(4, seenTo));
    return { listed: ties.length, closed: seenTo.length };
  }

  #run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.#runner.run(statement, values);
  }
}

// Rows: what the pieces are of, how many, the instant of the last, whether they were carried, whether held.
function lookOf(rows: readonly Row[]): Look {
  const pieces = (some: readonly Row[]): number => some.reduce((sum, row) => sum + Number(row[1]), 0);
  const held = rows.filter((row) => row[4] === true);
  return {
    pieces: pieces(rows),
    carried: pieces(rows) - pieces(held),
    last: rows.reduce((last, row) => Math.max(last, Number(row[2])), 0),
    held: held.map((row) => String(row[0])),
  };
}

function cancelOf(runId: string): NewMessage {
  return { runId, id: cancelId, kind: 'cancel', name: cancelId, payload: nothing, error: null };
}
