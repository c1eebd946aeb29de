// Hints between processes: one LISTEN connection, one coalesced NOTIFY. Never the truth, only a shorter wait.
//
//   N1. Nothing is sent inside a transaction that does anything else: NOTIFY serialises commits.
//   N2. At most one NOTIFY per 5 ms a process; whatever came up meanwhile is in it.
//   N3. A hint that is lost costs one poll interval. A listener that was away hints once when it is back.
import { systemEnv, type Env, type Hints, type RunRecord } from '@perdure/core/engine';
import { publish } from '@perdure/core/engine';
import { channelOf, quoteIdentifier } from '../quote.js';
import { Session, type SessionOptions } from './session.js';

const coalesceMs = 5;
const reconnectMs = 500;

type Listener = () => void;
type SettledListener = (runs: readonly RunRecord[] | null) => void;
type PublishedListener = (runIds: ReadonlySet<string>) => void;

/** What others are told: something became due, settled, or was sent. */
type Mark = 'd' | 's' | 'm';

/** Hints within this process, and to others when a session is given. */
export class Notices implements Hints {
  readonly #env: Env;
  readonly #session: Session | null;
  readonly #channel: string;
  readonly #due = new Set<Listener>();
  readonly #settled = new Set<SettledListener>();
  readonly #mail = new Set<Listener>();
  readonly #published = new Set<PublishedListener>();
  #pending = '';
  #sending = false;
  #listeners = 0;
  #listening = false;
  #closed = false;

  /** Without `options` hints stay in this process: a pooler passes no notifications on. */
  constructor(options: SessionOptions | null, schema: string, env: Env = systemEnv) {
    this.#env = env;
    this.#channel = channelOf(schema);
    this.#session = options === null ? null : new Session(options);
    if (this.#session === null) return;
    this.#session.onNotification = (_channel, payload) => this.#heard(payload);
    this.#session.onBroken = () => this.#broken();
  }

  onDue(listener: Listener): () => void {
    return added(this.#due, listener);
  }

  onSettled(listener: SettledListener): () => void {
    return added(this.#settled, listener);
  }

  onMail(listener: Listener): () => void {
    return added(this.#mail, listener);
  }

  onPublished(listener: PublishedListener): () => void {
    return added(this.#published, listener);
  }

  due(): void {
    for (const listener of this.#due) listener();
    this.#tellOthers('d');
  }

  mail(): void {
    for (const listener of this.#mail) listener();
    this.#tellOthers('m');
  }

  published(runIds: ReadonlySet<string>): void {
    for (const listener of this.#published) listener(runIds);
  }

  settled(runs: readonly RunRecord[]): void {
    for (const listener of this.#settled) listener(runs);
    this.#tellOthers('s');
  }

  listen(): () => void {
    this.#listeners++;
    void this.#listen();
    return () => void this.#listeners--;
  }

  // The payload names our own connection, so that a process does not hear itself: `<token> dsm`.
  readonly #token: string = systemEnv.newToken();

  #heard(payload: string): void {
    const [from, what] = payload.split(' ');
    if (from === this.#token || what === undefined) return;
    this.#tell(what);
  }

  #tell(what: string): void {
    if (what.includes('d')) for (const listener of this.#due) listener();
    if (what.includes('s')) for (const listener of this.#settled) listener(null);
    if (what.includes('m')) for (const listener of this.#mail) listener();
  }

  #tellOthers(what: Mark): void {
    if (this.#session === null || this.#closed) return;
    if (!this.#pending.includes(what)) this.#pending += what;
    if (this.#sending) return;
    this.#sending = true;
    void this.#send();
  }

  async #send(): Promise<void> {
    while (this.#pending !== '' && !this.#closed) {
      const payload = `${this.#token} ${this.#pending}`;
      this.#pending = '';
      try {
        await this.#session?.rows('select pg_notify($1, $2)', [this.#channel, payload]);
      } catch (error) {
        publish('perdure:trouble', () => ({ what: 'a hint to other processes was lost', error }));
      }
      await this.#env.sleep(coalesceMs);
    }
    this.#sending = false;
  }

  async #listen(): Promise<void> {
    if (this.#session === null || this.#listening || this.#closed) return;
    this.#listening = true;
    try {
      await this.#session.script(`listen ${quoteIdentifier(this.#channel)}`);
      // Whatever was told before the ear was open: look once.
      this.#tell('dsm');
    } catch (error) {
      publish('perdure:trouble', () => ({ what: 'listening for hints failed; polling goes on', error }));
      this.#broken();
    }
  }

  #broken(): void {
    this.#listening = false;
    if (this.#closed || this.#listeners === 0) return;
    this.#env.after(reconnectMs, () => {
      if (!this.#closed && this.#listeners > 0) void this.#listen();
    });
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#session?.close();
  }
}

function added<Kind>(listeners: Set<Kind>, listener: Kind): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
