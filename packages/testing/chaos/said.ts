// What the processes of the business tell the chaos over IPC: what workers do, and what clients know.
// Whatever a process told before it was killed is heard; what it did not tell it may have done.

/** What a client knows of what it did: done, not done, or neither (no answer came). */
export type Known = 'ok' | 'failed' | 'unknown';

/** What a client does. */
export type Deed =
  /** Starts a run, by itself or in its own transaction with an order. */
  | { readonly what: 'start' | 'start-in-transaction'; readonly runId: string }
  /** Sends a note; `seq` counts the notes of one sender to one run. */
  | { readonly what: 'note'; readonly runId: string; readonly seq: number }
  | { readonly what: 'cancel'; readonly runId: string }
  /** Waits for a result; `result` is its text. */
  | { readonly what: 'result'; readonly runId: string; readonly result?: string };

/** What a process of the business says. */
export type Said =
  | { readonly name: 'ready' }
  /** A worker: a run came to it, or left it. */
  | { readonly name: 'claimed'; readonly runId: string; readonly workflow: string }
  | { readonly name: 'settled'; readonly runId: string; readonly workflow: string }
  | { readonly name: 'rested' | 'parked' | 'lost'; readonly runId: string }
  /** A worker stands in the midst of a user's transaction. */
  | { readonly name: 'in-transaction'; readonly runId: string }
  /** A worker took its database for another one than it knew, though nothing was restored. */
  | { readonly name: 'restored'; readonly why: string }
  /** A step blocks the event loop from now on. */
  | { readonly name: 'blocks'; readonly runId: string }
  /** A transaction waits for a connection of the application's pool. */
  | { readonly name: 'starved' }
  /** A client: it asked for something, and what came of it. */
  | { readonly name: 'asked'; readonly deed: Deed }
  | { readonly name: 'knows'; readonly deed: Deed; readonly known: Known; readonly why?: string };

/** Tells the parent, if there still is one. */
export function tell(said: Said): void {
  if (process.connected) process.send?.(said);
}
