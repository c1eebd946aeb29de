// The order service: takes orders over HTTP, and starts `fulfil` in the transaction that inserts the order.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createClient, type Connection } from 'perdure';
import { makeFulfil } from './fulfil.js';
import type { OrderDatabase } from './order-database.js';

/** What the order service needs. */
export interface OrderServiceOptions {
  readonly db: OrderDatabase;
  readonly connection: Connection;
}

/** What a customer sends. */
export interface NewOrder {
  item: string;
  price: number;
}

/** The order service, listening. */
export interface OrderService {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  close(): Promise<void>;
}

/** No single order may cost more. */
export const creditLimit = 1_000;

/** Makes the order service: `POST /orders` takes an order, `GET /orders/:id` says where it stands. */
export function makeOrderApp({ db, connection }: OrderServiceOptions): Hono {
  const client = createClient({ connection, requireTransaction: true });
  const fulfil = makeFulfil({ db, stepMs: 0 });
  const app = new Hono();

  app.post('/orders', async (c) => {
    const order = await c.req.json<NewOrder>();
    const taken = await db.transaction().execute(async (tx) => {
      const { id } = await tx.insertInto('orders').values(order).returning('id').executeTakeFirstOrThrow();
      const run = await client.start(tx, fulfil, { orderId: id }, { id: `order-${id}` });
      // Late on purpose: the order is inserted and its run is started, and both must vanish.
      if (order.price > creditLimit) throw new OverCreditLimit(order.price);
      return { order: id, run: run.id };
    });
    return c.json(taken, 202);
  });

  app.get('/orders/:id', async (c) => {
    const run = client.get(fulfil, `order-${c.req.param('id')}`);
    return c.json({ run: run.id, status: await run.status() });
  });

  app.onError((error, c) => {
    const status = error instanceof OverCreditLimit ? 409 : 500;
    return c.json({ error: error.message }, status);
  });
  return app;
}

class OverCreditLimit extends Error {
  constructor(price: number) {
    super(`${price} is over the credit limit of ${creditLimit}`);
  }
}

/** Starts the order service on 127.0.0.1. Port 0 is any that is free. */
export function startOrderService(options: OrderServiceOptions, port = 0): Promise<OrderService> {
  const app = makeOrderApp(options);
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (address) => {
      const close = (): Promise<void> => new Promise((closed) => {
        server.close(() => closed());
        // Clients keep their connections open for the next request.
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
      resolve({ url: `http://127.0.0.1:${address.port}`, close });
    });
    server.once('error', reject);
  });
}
