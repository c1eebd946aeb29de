// The Store port as one simulated process has it: every verb goes over its wire.
import type { Store } from '@perdure/core/engine';
import type { Wire } from './wire.js';

type AnyVerb = (...given: unknown[]) => Promise<unknown>;

/** The port of the model database, over a wire. */
export function simStore(wire: Wire): Store {
  const { store } = wire.parts;
  const verbs = new Map<PropertyKey, AnyVerb>();
  // Every member of the port is a verb, and every verb answers by a promise.
  return new Proxy({} as Store, {
    get: (_, name) => {
      const known = verbs.get(name);
      if (known !== undefined) return known;
      const real = Reflect.get(store, name) as AnyVerb;
      const verb: AnyVerb = (...given) => wire.call({
        verb: String(name), inTransaction: false, items: Array.isArray(given[0]) ? given[0].length : 1,
        effect: () => real.apply(store, given),
      });
      verbs.set(name, verb);
      return verb;
    },
  });
}
