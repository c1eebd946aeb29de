// A child process: does what it is asked, one thing at a time, and ends when the bench lets go of it.
import { roles } from './roles.js';

/** A request of the bench. */
export interface Order {
  readonly role: keyof typeof roles;
  readonly request: unknown;
}

/** The answer to an order. */
export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

function answer(value: Answer): void {
  process.send?.(value);
}

process.on('message', ({ role, request }: Order) => {
  const work = roles[role] as (request: unknown) => Promise<unknown>;
  work(request).then(
    (value) => answer({ ok: true, value }),
    (error: unknown) => {
      const said = error instanceof Error ? error.stack ?? error.message : String(error);
      answer({ ok: false, error: said });
    },
  );
});

// Whatever is still open then belongs to work that has failed.
process.on('disconnect', () => process.exit());
