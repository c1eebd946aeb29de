// A few sessions shared by whoever comes; first come, first served.
import { Session, type Row, type SessionOptions, type StatementRunner } from './session.js';
import type { Statement } from './statement.js';

/** At most `size` sessions, opened when needed. */
export class SessionPool implements StatementRunner {
  readonly #options: SessionOptions;
  readonly #size: number;
  readonly #idle: Session[] = [];
  readonly #all: Session[] = [];
  readonly #waiting: Array<(session: Session) => void> = [];
  #closed = false;

  constructor(options: SessionOptions, size: number) {
    this.#options = options;
    this.#size = size;
  }

  async run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.use((session) => session.run(statement, values));
  }

  /** Lends a session for the length of `body`. */
  async use<T>(body: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#take();
    try {
      return await body(session);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(session);
      else next(session);
    }
  }

  #take(): Promise<Session> | Session {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.length < this.#size) {
      const session = new Session(this.#options);
      this.#all.push(session);
      // A session made after the end refuses its queries, as the others do.
      if (this.#closed) void session.close();
      return session;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((session) => session.close()));
  }
}
