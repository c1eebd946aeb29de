import { knexTransactor } from '@perdure/sql';
import knexOf, { type Knex } from 'knex';
import type { OpenLibrary } from './library-case.js';

/** With a hook that renames the columns of answers, as applications have it. */
export const openKnex: OpenLibrary = async (url) => {
  const knex = knexOf({
    client: 'pg', connection: url,
    postProcessResponse: (answer: unknown) => answer,
    wrapIdentifier: (value: string, original: (value: string) => string) => original(value.toLowerCase()),
  });
  return {
    name: 'Knex', from: 'knex',
    within: (body, isolationLevel = 'read committed') => knex.transaction(body, { isolationLevel }),
    savepoint: (tx: Knex.Transaction, body) => tx.transaction(body),
    insert: async (tx: Knex.Transaction, id, total = 1) => tx('orders').insert({ id, total }),
    update: async (tx: Knex.Transaction, id) => tx('orders').where({ id }).update({ total: 7 }),
    sql: async (tx: Knex.Transaction, text) => (await tx.raw<{ rows: Record<string, unknown>[] }>(text)).rows,
    wrong: [{ what: 'a Knex instance', given: knex, why: /it is a Knex instance/ }],
    transactor: knexTransactor(knex),
    close: () => knex.destroy(),
  };
};
