// The PostgreSQL wire format (protocol 3), as far as the test proxy reads it: where one message ends and the
// next begins, and which statement text an Execute means.
//
//   W1. A message is handed out once it is complete, with all its bytes, however TCP cut it into segments.
//   W2. Before a session starts, packets have no type byte; the answer to a TLS request is a single byte.
//   W3. Parse names a text and Bind names a portal for one connection, in the order sent. Both are remembered
//       when the client sends them: whether the server accepted them shows in its reply.

/** One complete message: its type (empty for the packets before a session starts) and all its bytes. */
export interface PgMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

/** One statement on its way to the server: a simple Query (whose text may hold several), or one Execute. */
export interface ProxiedStatement {
  readonly text: string;
  /** The name it was prepared under; empty for a simple Query and for the unnamed statement. */
  readonly name: string;
  /** Its parameters as text, in the order of `$1, $2, …`; a binary parameter is read as UTF-8. */
  readonly values: readonly (string | null)[];
  /** Which connection of the proxy it travels on: 1, 2, 3, … in the order they were accepted. */
  readonly connection: number;
}

/** The codes that stand where a startup packet has its protocol version. */
export const startupCodes = { cancel: 80877102, tls: 80877103, gss: 80877104 } as const;

/** Cuts one direction of a connection into messages (W1). */
export class MessageSplitter {
  /** How the next bytes are framed (W2). Set it between two messages; it holds for those that follow. */
  framing: 'startup' | 'byte' | 'typed';
  #rest: Buffer = Buffer.alloc(0);

  constructor(framing: 'startup' | 'typed') {
    this.framing = framing;
  }

  /** The messages that are complete once `chunk` has arrived. */
  *push(chunk: Buffer): Generator<PgMessage, void> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let size = this.#nextSize(); size <= this.#rest.length; size = this.#nextSize()) {
      const bytes = this.#rest.subarray(0, size);
      this.#rest = this.#rest.subarray(size);
      yield { type: this.framing === 'typed' ? bytes.toString('latin1', 0, 1) : '', bytes };
    }
  }

  #nextSize(): number {
    if (this.framing === 'byte') return 1;
    const start = this.framing === 'typed' ? 1 : 0;
    if (this.#rest.length < start + 4) return Infinity;
    const length = this.#rest.readInt32BE(start);
    if (length < 4) throw new Error(`These bytes are not PostgreSQL's: a message of length ${length}.`);
    return start + length;
  }
}

/** Reads the fields of a typed message one after the other. */
export class FieldReader {
  #at = 5;

  constructor(readonly bytes: Buffer) {}

  text(): string {
    const end = this.bytes.indexOf(0, this.#at);
    const text = this.bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** The parameters of a Bind, once its portal and its statement name have been read. */
  values(): (string | null)[] {
    const formats = this.#uint16();
    this.#at += 2 * formats;
    return Array.from({ length: this.#uint16() }, () => this.#value());
  }

  #value(): string | null {
    const length = this.bytes.readInt32BE(this.#at);
    const start = this.#at + 4;
    this.#at = start + Math.max(length, 0);
    return length < 0 ? null : this.bytes.toString('utf8', start, this.#at);
  }

  #uint16(): number {
    this.#at += 2;
    return this.bytes.readUInt16BE(this.#at - 2);
  }
}

/** Follows what one client prepares and binds, and says which statement a message runs (W3). */
export class StatementReader {
  readonly #texts = new Map<string, string>();
  readonly #portals = new Map<string, ProxiedStatement>();

  constructor(readonly connection: number) {}

  /** The statement that `message` makes the server run, or undefined when it only prepares one. */
  read(message: PgMessage): ProxiedStatement | undefined {
    const fields = new FieldReader(message.bytes);
    if (message.type === 'P') this.#texts.set(fields.text(), fields.text());
    if (message.type === 'B') this.#bind(fields);
    if (message.type === 'E') return this.#portals.get(fields.text());
    const { connection } = this;
    if (message.type === 'Q') return { text: fields.text(), name: '', values: [], connection };
    return undefined;
  }

  #bind(fields: FieldReader): void {
    const portal = fields.text();
    const name = fields.text();
    const text = this.#texts.get(name) ?? '';
    const { connection } = this;
    let values: (string | null)[] | undefined;
    this.#portals.set(portal, {
      text, name, connection,
      // Read only when a matcher asks: a batch may carry megabytes of parameters.
      get values() {
        return (values ??= fields.values());
      },
    });
  }
}
