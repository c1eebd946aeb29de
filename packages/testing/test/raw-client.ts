// What the tests of the proxy need and the client library does not do: single protocol messages, bare
// packets, a session cut into single bytes.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Client, Submittable } from 'pg';

/** The connection below a client of pg, as far as the tests speak to it. */
export interface Wire {
  readonly stream: Socket;
  parse(statement: { name?: string; text: string }): void;
  bind(portal: { portal?: string; statement?: string; values?: string[] }): void;
  execute(portal: { portal?: string; rows?: number }): void;
  flush(): void;
  sync(): void;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

type Reactions = Record<string, (wire: Wire) => void>;

/** How many bytes a client has ever received. */
export const received = (by: Client): number => wireOf(by).stream.bytesRead;

const wireOf = (client: Client): Wire => (client as unknown as { connection: Wire }).connection;

/** Sends protocol messages as the client library would not, and resolves with the types of the answers. */
export function raw(on: Client, send: (wire: Wire) => void, react: Reactions = {}): Promise<string[]> {
  return new Promise<string[]>((resolve) => {
    const types: string[] = [];
    const handlers = ['RowDescription', 'DataRow', 'CommandComplete', 'PortalSuspended', 'CopyInResponse'];
    const entry: Record<string, unknown> = { submit: send };
    for (const name of handlers) {
      entry[`handle${name}`] = () => {
        types.push(name);
        react[name]?.(wireOf(on));
      };
    }
    // After an error the library keeps the ReadyForQuery to itself.
    Object.assign(entry, { handleError: () => resolve(types), handleReadyForQuery: () => resolve(types) });
    on.query(entry as unknown as Submittable);
  });
}

/** The messages that prepare, bind and run a text. */
export function run(wire: Wire, text: string, values: string[] = []): void {
  wire.parse({ text });
  wire.bind({ values });
  wire.execute({});
}

/** A packet as it stands before a session starts. */
export function packet(code: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

/** A relay that passes every byte on as a segment of its own. */
export async function byteRelay(target: TcpNetConnectOpts): Promise<{ port: number; close: () => void }> {
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      for (const byte of chunk) to.write(Buffer.of(byte));
    });
    from.on('error', () => undefined).on('close', () => to.destroySoon());
  };
  const listener = createServer({ noDelay: true }, (near) => {
    const far = connect({ ...target, noDelay: true });
    pass(near, far);
    pass(far, near);
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  return { port: (listener.address() as AddressInfo).port, close: () => void listener.close() };
}
