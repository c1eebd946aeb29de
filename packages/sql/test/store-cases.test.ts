// The PostgreSQL store keeps every promise of the port, also where statements go without names.
import { storeCases } from '@perdure/core/engine';
import { describe, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { postgresWorld } from './postgres-world.js';

const url = await freshDatabase();

describe.each([
  ['on connections of its own', {}],
  ['behind a transaction pooler', { transactionPooler: true }],
])('the PostgreSQL store, %s', (_how, options) => {
  test.concurrent.each(storeCases.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    await using made = await postgresWorld(url, options);
    await each.run(made.world);
  });
});
