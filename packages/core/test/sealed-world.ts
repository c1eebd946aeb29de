// A seal that shows what it was asked, and a store behind it.
import type { Connection, SealedPlace, ValueSeal } from '@perdure/core';
import { sealing, type StartStore, type Store } from '@perdure/core/engine';

/**
 * A seal that writes texts backwards, is as strict as a cipher about places, and never writes a text twice.
 * What a database refuses in a text it refuses in the sealed one.
 */
export class TestSeal implements ValueSeal {
  readonly strict: boolean;
  readonly places: SealedPlace[] = [];
  /** Called before each text is sealed or opened. */
  onSeal: (place: SealedPlace, text: string) => unknown = () => undefined;
  onOpen: (place: SealedPlace) => unknown = () => undefined;
  readonly #slow: boolean;

  constructor({ strict = true, slow = false } = {}) {
    this.strict = strict;
    this.#slow = slow;
  }

  seal(text: string, place: SealedPlace): string | Promise<string> {
    this.onSeal(place, text);
    const body = [this.places.push(place), encodeURIComponent(place.binding), backwards(text)].join(' ');
    return this.#slow ? new Promise((resolve) => setImmediate(resolve, body)) : body;
  }

  open(body: string, place: SealedPlace): string | Promise<string> {
    this.onOpen(place);
    const [, sealedFor = '', hidden = ''] = /^\d+ (\S+) (.*)$/s.exec(body) ?? [];
    const binding = decodeURIComponent(sealedFor);
    if (binding !== place.binding) throw new Error(`sealed for ${binding}, opened for ${place.binding}`);
    const text = backwards(hidden);
    return this.#slow ? new Promise((resolve) => setImmediate(resolve, text)) : text;
  }
}

function backwards(text: string): string {
  return Array.from(text).reverse().join('');
}

/** The store, and transactions on it, as a Connection with this seal has them. */
export function sealed(
  store: Store, seal: ValueSeal,
): { readonly store: Store; within(transaction: StartStore): Promise<StartStore> } {
  const bare = { store, within: async (transaction: unknown) => transaction } as unknown as Connection;
  return sealing(seal)(bare);
}
