// The PostgreSQL store keeps every promise of the port, also where statements go without names; in a schema
// whose name has to be quoted, and whatever others have put into the search_path of the engine's role.
import { storeCases } from '@perdure/core/engine';
import { describe, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { postgresWorld } from './postgres-world.js';
import { hostileUrl, plantHostility } from './security/hostile-path.js';

const url = await freshDatabase();
await plantHostility(url);

describe.each([
  ['on connections of its own', { engineUrl: hostileUrl(url, 'first') }],
  ['behind a transaction pooler', { transactionPooler: true, engineUrl: hostileUrl(url, 'behind') }],
])('the PostgreSQL store, %s', (_how, options) => {
  test.concurrent.each(storeCases.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    await using made = await postgresWorld(url, options);
    await each.run(made.world);
  });
});
