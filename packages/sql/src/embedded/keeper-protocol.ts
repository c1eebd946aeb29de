// What the keeper of a server and its users say to each other, in one place.
//
// The starter hands the keeper its orders on stdin and gets one line back. A user connects over loopback,
// shows the token and is answered in one line; it stays a user until its end of the connection closes, by
// intention or by death.
import type { Account } from './account.js';

/** What the starter tells a new keeper, as one line of JSON. */
export interface KeeperOrders {
  readonly place: string;
  readonly server: string;
  readonly data: string;
  readonly account?: Account | undefined;
  /** Where the keeper says how to find it; only whoever can read this file can use the server. */
  readonly stateFile: string;
  readonly logFile: string;
  readonly token: string;
  /** PostgreSQL's own version, such as `18.4`. */
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** What the keeper answers its starter, as one line of JSON. */
export type KeeperReport = { readonly ready: true } | { readonly failure: string };

/** How to find a keeper. */
export interface KeeperState {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
  /** The port of the server, asked for again by the next one, so that a URL somebody noted stays good. */
  readonly serverPort: number;
}

/** What the keeper answers a user, as one line of JSON. */
export interface KeeperWelcome {
  readonly port: number;
  readonly version: string;
  readonly data: string;
}
