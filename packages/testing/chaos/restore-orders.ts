// The business of the restore scenarios: orders whose runs pass a chain of values from step to step, so that
// a run which went on from what the database has lost shows a link that fits nothing.
import { workflow, type SqlRunner, type Workflow } from '@perdure/core';
import { systemEnv } from '@perdure/core/engine';

/** The tables of the business. `note` takes room, for disks that run full. */
export const orderTables = `
create table orders (id text primary key, link text, note text not null);
create table book (at bigint generated always as identity, id text not null, link text not null);`;

/** What an order is made of. */
export interface Order {
  readonly id: string;
  readonly links: number;
}

const longestStepMs = 120;

/** The workflow; `did` hears of each step body as it ends, outside of any database. */
export function orderFlow(did: (id: string, step: string) => void): Workflow<Order, Order, string> {
  return workflow('restored order', async (ctx, { id, links }: Order): Promise<string> => {
    let link = id;
    for (let at = 1; at <= links; at++) {
      const before = link;
      link = await ctx.step(`link ${at}`, async () => {
        await systemEnv.sleep(10 + systemEnv.random() * longestStepMs);
        did(id, `link ${at}`);
        return `${before}>${systemEnv.newToken().slice(0, 8)}`;
      });
    }
    const linked = link;
    await ctx.transaction('book', async (tx) => {
      await (tx as SqlRunner).query('insert into book (id, link) values ($1, $2)', [id, linked]);
    });
    await ctx.sleep(200);
    await ctx.transaction('close', async (tx) => {
      await (tx as SqlRunner).query('update orders set link = $2 where id = $1', [id, linked]);
    });
    return linked;
  });
}

/** What must hold when everything has settled, as statements that find what does not. */
export const orderRules: Readonly<Record<string, string>> = {
  'an order without a run, or a run without an order': `
    select o.id as order, r.id as run
      from orders o full outer join perdure.runs r on r.id = o.id where o.id is null or r.id is null`,
  'a run that did not complete': `
    select id, status, reason, left(error, 300) as error from perdure.runs where status <> 'completed'`,
  'an order that was not booked exactly once': `
    select o.id, count(b.id) as times from orders o left join book b on b.id = o.id
     group by o.id having count(b.id) <> 1`,
  'a booking without an order': `
    select b.id from book b left join orders o on o.id = b.id where o.id is null`,
  'an order, its booking and its run that disagree': `
    select r.id, o.link, b.link as booked, r.output
      from perdure.runs r join orders o on o.id = r.id join book b on b.id = r.id
     where o.link is distinct from b.link or r.output::json #>> '{}' is distinct from o.link`,
  'a link that does not follow from the one before it': `
    select run_id, name, value, before from (
      select run_id, name, value::json #>> '{}' as value, coalesce(lag(value::json #>> '{}') over
             (partition by run_id, generation order by position), run_id) as before
        from perdure.journal where kind = 'step') j
     where value not like before || '>%'`,
};
