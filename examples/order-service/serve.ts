// The order service as a process of its own. Its parent sets it up by the environment:
//   DATABASE_URL  where the runs and the order service's tables are
//   PORT          where it listens on 127.0.0.1 (default: any port that is free)
// and hears its address over IPC; it is printed as well. SIGTERM ends it; it also ends when its parent does.
import { connect } from 'perdure';
import { createOrderTables, openOrderDatabase } from './order-database.js';
import { startOrderService } from './order-service.js';

const { DATABASE_URL: url = '', PORT = '0' } = process.env;

const connection = await connect(url);
const db = openOrderDatabase(url);
await createOrderTables(db);
const service = await startOrderService({ db, connection }, Number(PORT));
console.log(service.url);
process.send?.({ name: 'ready', url: service.url });

await new Promise<void>((resolve) => {
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(event, () => resolve());
});
await service.close();
await db.destroy();
await connection.close();
if (process.connected) process.disconnect();
