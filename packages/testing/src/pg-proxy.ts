// A TCP proxy that understands PostgreSQL: it counts what really goes over the wire and loses, holds or
// swallows exactly what a test names, so that a lost reply or an interleaving is the real thing and no mock.
//
//   X1. Nothing is guessed from time: a fault strikes at a message of the protocol, and what an order changes
//       has changed when it returns (`refuse`: when it resolves).
//   X2. `cutAfter` strikes when the server has answered with success; an error is delivered and not counted.
//       The client has not seen one byte of that reply.
//   X3. A fault that two connections meet at once strikes as often as it was asked to, never more.
//   X4. After `close()` no socket is left. It rejects with the first error a matcher threw, if one did.
//
// How one connection is followed: pg-session.ts. How its bytes are read: pg-messages.ts.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type { ProxiedStatement } from './pg-messages.js';
import { Session, type Fault, type Pace, type Scissors, type Switchboard } from './pg-session.js';

export type { ProxiedStatement } from './pg-messages.js';
export type { Pace } from './pg-session.js';

/** Chooses statements; called once for each statement and fault. */
export type StatementMatcher = (statement: ProxiedStatement) => boolean;

/** What went over the wire since the start or the last `resetCounts()`. */
export interface PgProxyCounts {
  /** Sessions begun: connections that sent a startup packet. A cancel request is none. */
  readonly connections: number;
  /** Round trips of clients: their Query and Sync messages. */
  readonly queries: number;
  /**
   * Transactions that ended well and wrote: COMMIT, and autocommitted statements that change rows, lock them
   * or notify. A function that writes inside a SELECT is not seen: ask `pg_stat_database` about those.
   */
  readonly commits: number;
  /** How often the server completed each command: `INSERT`, `CREATE TABLE`, … without row counts. */
  readonly byTag: ReadonlyMap<string, number>;
}

/** A fault that was ordered. */
export interface PgProxyCut {
  /** Resolves when the last of the ordered cuts was made. */
  readonly happened: Promise<void>;
  /** How many were made so far. */
  readonly count: number;
}

/** A gate on the way. */
export interface PgProxyHold {
  /** Resolves when the first matching request or complete reply stands at the gate. */
  readonly reached: Promise<void>;
  /** Lets everything pass, now and from now on. */
  release(): void;
}

/** Where a PostgreSQL listens. */
export interface PgAddress {
  readonly host: string;
  readonly port: number;
}

/** A running proxy; see `startPgProxy`. */
export interface PgProxy {
  readonly port: number;
  readonly counts: PgProxyCounts;
  /** Connections whose client waits for an answer now. */
  readonly busy: number;
  /** Connections of which the black hole has taken something. */
  readonly swallowed: number;
  /** Leads connections to another server from now on; those that are open stay where they are. */
  lead(target: PgAddress): void;
  /** The given URL, leading through this proxy. */
  url(of: string): string;
  resetCounts(): void;
  /** The next `times` (1) matching replies are lost: the server is done, the client's connection dies. */
  cutAfter(match: StatementMatcher, times?: number): PgProxyCut;
  /** The next `times` (1) matching requests never reach the server; their connection dies. */
  cutBefore(match: StatementMatcher, times?: number): PgProxyCut;
  /** Holds every matching request, or complete reply, until released: to build an interleaving. */
  hold(match: StatementMatcher, where: 'request' | 'reply'): PgProxyHold;
  /**
   * Cuts the connection that carries byte number `byte` (from 0) of all that travels this way from now on:
   * what comes before it in its message was sent.
   */
  cutAt(where: 'request' | 'reply', byte: number): PgProxyCut;
  /** Takes back what was ordered and has not struck. */
  forget(): void;
  /** Slows all connections: bytes travel in segments, each after a pause. Null: as fast as they can. */
  drip(pace: Pace | null): void;
  /** Swallows every byte both ways and keeps the sockets open. Switched off, it cuts those that lost some. */
  blackhole(on: boolean): void;
  /** Database down: cuts all connections and closes the port, or opens the same port again. */
  refuse(on: boolean): Promise<void>;
  /** Cuts everything, also what is held, and resolves when no socket is left. */
  close(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1, before the PostgreSQL at `target`. It speaks no TLS. */
export async function startPgProxy(options: { target: PgAddress }): Promise<PgProxy> {
  const proxy = new RunningProxy(options.target);
  await proxy.refuse(false);
  return proxy;
}

class Gate {
  open: () => void = () => undefined;
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.open = resolve;
  });
}

class RunningProxy implements PgProxy {
  port = 0;
  readonly counts = { connections: 0, queries: 0, commits: 0, byTag: new Map<string, number>() };
  #target: PgAddress;
  readonly #sessions = new Set<Session>();
  readonly #errors: unknown[] = [];
  readonly #board: Switchboard = {
    faults: new Set(), scissors: new Set(), pace: null, counts: this.counts, dark: false,
    broke: (error) => void this.#errors.push(error),
  };
  #listener: Server | undefined;
  #accepted = 0;

  constructor(target: PgAddress) {
    this.#target = target;
  }

  get busy(): number {
    return [...this.#sessions].filter((session) => session.busy).length;
  }

  get swallowed(): number {
    return [...this.#sessions].filter((session) => session.lost).length;
  }

  lead(target: PgAddress): void {
    this.#target = target;
  }

  url(of: string): string {
    const url = new URL(of);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  resetCounts(): void {
    Object.assign(this.counts, { connections: 0, queries: 0, commits: 0 });
    this.counts.byTag.clear();
  }

  cutAfter(match: StatementMatcher, times = 1): PgProxyCut {
    return this.#cutting({ where: 'reply', match }, times);
  }

  cutBefore(match: StatementMatcher, times = 1): PgProxyCut {
    return this.#cutting({ where: 'request', match }, times);
  }

  #cutting(fault: Pick<Fault, 'where' | 'match'>, times: number): PgProxyCut {
    const done = new Gate();
    const made = { happened: done.opened, count: 0 };
    const entry: Fault = {
      ...fault,
      meet: (trip) => {
        if (trip.failed || made.count === times) return;
        trip.cut();
        made.count += 1;
        if (made.count < times) return;
        this.#board.faults.delete(entry);
        done.open();
      },
    };
    this.#board.faults.add(entry);
    return made;
  }

  hold(match: StatementMatcher, where: 'request' | 'reply'): PgProxyHold {
    const reached = new Gate();
    const gate = new Gate();
    const meet = (): Promise<void> => {
      reached.open();
      return gate.opened;
    };
    const entry: Fault = { where, match, meet };
    this.#board.faults.add(entry);
    const release = (): void => {
      this.#board.faults.delete(entry);
      gate.open();
    };
    return { reached: reached.opened, release };
  }

  cutAt(where: 'request' | 'reply', byte: number): PgProxyCut {
    const done = new Gate();
    const made = { happened: done.opened, count: 0 };
    const scissors: Scissors = {
      where, left: byte,
      struck: () => {
        made.count = 1;
        done.open();
      },
    };
    this.#board.scissors.add(scissors);
    return made;
  }

  forget(): void {
    this.#board.faults.clear();
    this.#board.scissors.clear();
  }

  drip(pace: Pace | null): void {
    this.#board.pace = pace;
  }

  blackhole(on: boolean): void {
    this.#board.dark = on;
    if (on) return;
    for (const session of this.#sessions) if (session.lost) session.cut();
  }

  async refuse(on: boolean): Promise<void> {
    if (on === (this.#listener === undefined)) return;
    if (on) await this.#shut();
    else await this.#listen();
  }

  async close(): Promise<void> {
    await this.#shut();
    if (this.#errors.length > 0) throw this.#errors[0];
  }

  async #listen(): Promise<void> {
    const listener = createServer({ noDelay: true }, (client) => {
      const server = connect({ ...this.#target, noDelay: true });
      const session = new Session({ id: ++this.#accepted, client, server }, this.#board);
      this.#sessions.add(session);
      void session.gone.then(() => this.#sessions.delete(session));
    });
    this.#listener = listener;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    }).catch((error: unknown) => {
      this.#listener = undefined;
      throw error;
    });
    this.port = (listener.address() as AddressInfo).port;
  }

  async #shut(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = listener === undefined ? undefined : once(listener.close(), 'close');
    for (const session of this.#sessions) session.cut();
    await Promise.all([closed, ...[...this.#sessions].map((session) => session.gone)]);
  }
}
