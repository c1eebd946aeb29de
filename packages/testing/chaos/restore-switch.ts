// The way to the server that leads: a TCP forwarder whose target changes, as an address that moves with a
// failover does.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A forwarder on a port of its own. */
export class Switch {
  #target = 0;
  #port = 0;
  #listener: Server | null = null;
  readonly #sockets = new Set<Socket>();

  /** Begins to listen. */
  static async open(): Promise<Switch> {
    const made = new Switch();
    const listener = createServer({ noDelay: true }, (client) => made.#join(client));
    made.#listener = listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    made.#port = (listener.address() as AddressInfo).port;
    return made;
  }

  /** The given URL, by way of this switch. */
  url(of: string): string {
    const url = new URL(of);
    url.port = String(this.#port);
    return url.href;
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [[client, server], [server, client]] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }

  /** New connections go to this port of 127.0.0.1; those that are open stay where they are. */
  to(port: number): void {
    this.#target = port;
  }

  /** Cuts all, and listens no more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#listener === null) return;
    await new Promise((resolve) => this.#listener?.close(resolve));
  }
}
