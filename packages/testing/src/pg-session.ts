// One connection through the test proxy: two loops, one a direction, follow the protocol and meet the faults.
//
//   S1. Requests travel in flights: all up to a Query, Sync or Flush goes to the server at once. What is held
//       or cut has not even begun there (a Parse alone would already fix the time of its transaction).
//   S2. A trip is what one ReadyForQuery answers. The reply of a trip with a matching statement is kept back
//       whole until the ReadyForQuery is here: the server is done and the client knows nothing. Only where
//       the client asked with Flush instead does the reply end with the last statement asked for.
//   S3. A matcher sees each statement once: request faults when its flight is complete, reply faults when the
//       first byte of its reply arrives.
//   S4. A client that goes away takes nothing back: what it sent, held or not, still reaches the server.
//   S5. A connection that lost a byte to the black hole carries nothing any more; it is cut when that closes.
//   S6. A pace slows both directions; what it does to a connection ends with the connection.
//
// Not followed: COPY FROM STDIN inside the extended protocol (its first Sync has no answer), and TLS.
import type { Socket } from 'node:net';
import { systemEnv } from '@perdure/core/engine';
import {
  FieldReader, MessageSplitter, StatementReader, startupCodes, type PgMessage, type ProxiedStatement,
} from './pg-messages.js';

/** What a request or a reply meets on its way. */
export interface Fault {
  readonly where: 'request' | 'reply';
  match(statement: ProxiedStatement): boolean;
  /** Lets it pass when it returns or resolves. `failed`: the reply is an error; `cut` ends the connection. */
  meet(trip: { readonly failed: boolean; cut(): void }): Promise<void> | void;
}

/** Cuts the connection that carries byte number `left` of what is still to come this way (from 0). */
export interface Scissors {
  readonly where: 'request' | 'reply';
  left: number;
  /** Called when it has cut. */
  struck(): void;
}

/** How bytes travel: in segments of `bytes`, each `pauseMs` after the one before. */
export interface Pace {
  readonly bytes: number;
  readonly pauseMs: number;
}

/** What all sessions of one proxy share. */
export interface Switchboard {
  readonly faults: Set<Fault>;
  readonly scissors: Set<Scissors>;
  pace: Pace | null;
  readonly counts: { connections: number; queries: number; commits: number; byTag: Map<string, number> };
  dark: boolean;
  /** Called with an error of a matcher, or with bytes that are not PostgreSQL's. */
  broke(error: unknown): void;
}

class Trip {
  readonly statements: ProxiedStatement[] = [];
  readonly caughtBy: Fault[] = [];
  considered = 0;
  answered = 0;
  flushed = 0;
  synced = false;
  failed = false;
  wrote = false;
  kept: Buffer[] = [];
}

// The messages by what they mean to a session; '' is a packet of the startup, which is none of these.
const waits = new Set(['P', 'B', 'D', 'E', 'C']); // for the message that makes the server answer (S1)
const askReady = new Set(['Q', 'S', 'F']);
const answers = new Set(['C', 'I', 's']);

const reading = new Set([
  'BEGIN', 'START TRANSACTION', 'SAVEPOINT', 'RELEASE', 'SELECT', 'FETCH', 'MOVE', 'SHOW', 'SET', 'RESET',
  'EXPLAIN', 'DECLARE CURSOR', 'CLOSE CURSOR', 'LISTEN', 'UNLISTEN', 'PREPARE', 'DEALLOCATE', 'DISCARD ALL',
]);
// A CTE may write and still be tagged SELECT, and a row lock is written like a row: such a text is a write.
const writingText = /\b(create|into|update|delete|merge|pg_notify|for\s+(key\s+)?share)\b/i;

/** One client connection and its server connection. */
export class Session {
  /** Resolves when both sockets are closed. */
  readonly gone: Promise<unknown>;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #board: Switchboard;
  readonly #requests = new MessageSplitter('startup');
  readonly #replies = new MessageSplitter('typed');
  readonly #reader: StatementReader;
  readonly #trips: Trip[] = [];
  #flight: PgMessage[] = [];
  #lost = false;
  #cut = false;

  constructor(ends: { id: number; client: Socket; server: Socket }, board: Switchboard) {
    this.#client = ends.client;
    this.#server = ends.server;
    this.#board = board;
    this.#reader = new StatementReader(ends.id);
    this.gone = Promise.all([this.#client, this.#server].map((socket) => {
      // A socket's error ends the loop that reads it; nothing else is to be done about it.
      socket.on('error', () => undefined);
      return new Promise((resolve) => socket.once('close', resolve));
    }));
    void this.#carry(this.#client, (chunk) => this.#request(chunk), () => this.#server.end());
    void this.#carry(this.#server, (chunk) => this.#reply(chunk), () => this.#serverLeft());
  }

  /** True when the black hole has taken something of this connection (S5). */
  get lost(): boolean {
    return this.#lost;
  }

  /** True while the client waits for an answer. */
  get busy(): boolean {
    return this.#trips.length > 0;
  }

  /** Ends both sides at once; what is not yet written is dropped. */
  cut(): void {
    this.#cut = true;
    this.#client.destroy();
    this.#server.destroy();
  }

  /** Gives what arrives to `take`, one chunk after the other, and then passes the end on. */
  async #carry(from: Socket, take: (chunk: Buffer) => Promise<void>, end: () => void): Promise<void> {
    const chunks = from[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    for (;;) {
      const next = await chunks.next().catch(() => ({ done: true as const }));
      const mute = this.#cut || this.#swallows();
      if (next.done === true) return mute ? undefined : end();
      if (mute) continue;
      try {
        await take(next.value);
      } catch (error) {
        this.#board.broke(error);
        this.cut();
      }
    }
  }

  #swallows(): boolean {
    this.#lost ||= this.#board.dark;
    return this.#lost;
  }

  async #request(chunk: Buffer): Promise<void> {
    for (const message of this.#requests.push(chunk)) {
      this.#flight.push(message);
      if (message.type === '') this.#startup(message.bytes.readInt32BE(4));
      if (waits.has(message.type)) continue;
      await this.#depart();
      if (this.#cut) return;
    }
  }

  #startup(code: number): void {
    if (code === startupCodes.tls || code === startupCodes.gss) this.#replies.framing = 'byte';
    else if (code !== startupCodes.cancel) {
      this.#requests.framing = 'typed';
      this.#board.counts.connections += 1;
      this.#trips.push(Object.assign(new Trip(), { synced: true }));
    }
  }

  async #depart(): Promise<void> {
    const flight = this.#flight.splice(0);
    const statements = flight.flatMap((message) => this.#reader.read(message) ?? []);
    const last = flight.at(-1)?.type ?? '';
    if (askReady.has(last)) this.#board.counts.queries += 1;
    await this.#meet(this.#matching('request', statements), false);
    if (this.#cut) return;
    this.#enlist(statements, last);
    await this.#send(this.#server, flight.map((message) => message.bytes));
  }

  #enlist(statements: ProxiedStatement[], last: string): void {
    if (!askReady.has(last) && last !== 'H') return;
    const open = this.#trips.at(-1);
    const trip = open === undefined || open.synced ? new Trip() : open;
    if (trip !== open) this.#trips.push(trip);
    trip.statements.push(...statements);
    if (last === 'H') trip.flushed = trip.statements.length;
    else trip.synced = true;
  }

  async #reply(chunk: Buffer): Promise<void> {
    const ready: Buffer[] = [];
    for (const message of this.#replies.push(chunk)) {
      if (message.type === '') this.#declined(message.bytes);
      const trip = this.#trips[0] ?? new Trip();
      this.#consider(trip);
      this.#account(trip, message);
      trip.kept.push(message.bytes);
      if (trip.caughtBy.length > 0 && ends(trip, message)) {
        await this.#send(this.#client, ready.splice(0));
        await this.#meet(trip.caughtBy.splice(0), trip.failed);
        if (this.#cut) return;
      }
      // A server that asks for the data of a COPY waits for it: that is a question, not yet the reply.
      if (trip.caughtBy.length === 0 || message.type === 'G') ready.push(...trip.kept.splice(0));
    }
    await this.#send(this.#client, ready);
  }

  /** A server that ends a session sends an error and no ReadyForQuery: what was kept back is all there is. */
  #serverLeft(): void {
    void this.#send(this.#client, this.#trips[0]?.kept ?? []);
    this.#client.destroySoon();
  }

  #declined(answer: Buffer): void {
    this.#replies.framing = 'typed';
    if (answer.toString() !== 'N') throw new Error('The proxy speaks no TLS: connect with sslmode=disable.');
  }

  #consider(trip: Trip): void {
    if (trip.considered === trip.statements.length) return;
    trip.caughtBy.push(...this.#matching('reply', trip.statements.slice(trip.considered)));
    trip.considered = trip.statements.length;
  }

  #account(trip: Trip, { type, bytes }: PgMessage): void {
    const { counts } = this.#board;
    if (type === 'C') {
      const tag = new FieldReader(bytes).text().replace(/( \d+)+$/, '');
      const text = trip.statements[Math.min(trip.answered, trip.statements.length - 1)]?.text ?? '';
      counts.byTag.set(tag, (counts.byTag.get(tag) ?? 0) + 1);
      if (tag.startsWith('COMMIT')) counts.commits += 1;
      if (!reading.has(tag) || writingText.test(text)) trip.wrote = true;
      if (/^(COMMIT|ROLLBACK)/.test(tag)) trip.wrote = false;
    }
    if (answers.has(type)) trip.answered += 1;
    if (type === 'E') Object.assign(trip, { failed: true, wrote: false, answered: trip.flushed });
    if (type !== 'Z') return;
    if (trip.wrote && bytes.toString('latin1', 5) === 'I') counts.commits += 1;
    this.#trips.shift();
  }

  #matching(where: Fault['where'], statements: ProxiedStatement[]): Fault[] {
    return [...this.#board.faults].filter((fault) =>
      fault.where === where && statements.filter((statement) => fault.match(statement)).length > 0);
  }

  async #meet(faults: Fault[], failed: boolean): Promise<void> {
    for (const fault of faults) {
      await fault.meet({ failed, cut: () => this.cut() });
      if (this.#cut) return;
    }
  }

  /** Resolves once the kernel has the bytes, or never will: this is the back-pressure of both loops. */
  async #send(to: Socket, parts: Buffer[]): Promise<void> {
    if (parts.length === 0 || this.#swallows()) return;
    const bytes = Buffer.concat(parts);
    const blade = this.#blade(to === this.#server ? 'request' : 'reply', bytes.length);
    await this.#write(to, blade === undefined ? bytes : bytes.subarray(0, blade.left));
    if (blade === undefined) return;
    this.cut();
    blade.struck();
  }

  /** The scissors that close within the next `length` bytes, taken from the board; the others come nearer. */
  #blade(where: Scissors['where'], length: number): Scissors | undefined {
    const { scissors } = this.#board;
    for (const blade of scissors) {
      if (blade.where !== where) continue;
      if (blade.left < length) {
        scissors.delete(blade);
        return blade;
      }
      blade.left -= length;
    }
    return undefined;
  }

  async #write(to: Socket, bytes: Buffer): Promise<void> {
    let at = 0;
    while (at < bytes.length && !this.#cut) {
      const { pace } = this.#board;
      if (pace !== null) await systemEnv.sleep(pace.pauseMs);
      const end = pace === null ? bytes.length : Math.min(bytes.length, at + pace.bytes);
      await new Promise<void>((resolve) => to.write(bytes.subarray(at, end), () => resolve()));
      at = end;
    }
  }
}

/** Whether `message` is the last one of a reply that was kept back (S2). */
function ends(trip: Trip, { type }: PgMessage): boolean {
  if (type === 'Z') return true;
  return !trip.synced && (answers.has(type) || type === 'E') && trip.answered === trip.flushed;
}
