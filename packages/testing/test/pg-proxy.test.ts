// The proxy between a real server and a real client: what it counts, and that faults strike where they say.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MessageSplitter } from '../dist/pg-messages.js';
import { startPgProxy, type PgProxy, type ProxiedStatement } from '../dist/pg-proxy.js';
import { freshDatabase } from './database.js';
import { byteRelay, packet, raw, received, run } from './raw-client.js';

const address = await freshDatabase();
const target = { host: new URL(address).hostname, port: Number(new URL(address).port) };
let proxy: PgProxy;
let direct: Client;
let client: Client;
let cleanUp: (() => unknown)[];

/** A client that expects to lose its connection: a loss rejects the query in flight and nothing else. */
async function open(config: ClientConfig): Promise<Client> {
  const opened = new Client(config);
  opened.on('error', () => undefined);
  cleanUp.push(() => opened.end().catch(() => undefined));
  await opened.connect();
  return opened;
}

const death = /Connection terminated unexpectedly|ECONNRESET/;
const through = 'through the proxy';
const throughProxy = (): Promise<Client> =>
  open({ connectionString: proxy.url(address), application_name: through });
const textStarts = (start: string) => ({ text }: ProxiedStatement): boolean => text.startsWith(start);
const insert = (id: number) => ({ name: 'add', text: 'insert into things values ($1)', values: [id] });

async function stored(): Promise<number[]> {
  const { rows } = await direct.query<{ id: number }>('select id from things order by id');
  return rows.map((row) => row.id);
}

/** Whether a promise has settled, as far as everything that already happened can tell. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const seen = { settled: false };
  promise.then(() => (seen.settled = true), () => (seen.settled = true));
  return seen;
}

beforeEach(async () => {
  cleanUp = [];
  proxy = await startPgProxy({ target });
  direct = await open({ connectionString: address });
  await direct.query('drop table if exists things; create table things (id int primary key)');
  client = await throughProxy();
  proxy.resetCounts();
});

afterEach(async () => {
  await proxy.close();
  for (const end of cleanUp) await end();
});

describe('counts', () => {
  test('round trips, connections and tags', async () => {
    await client.query('select 1; select 2');
    await client.query(insert(1));
    await client.query(insert(2));
    await throughProxy();
    expect(proxy.counts).toMatchObject({ connections: 1, queries: 3 });
    expect([...proxy.counts.byTag]).toEqual([['SELECT', 2], ['INSERT', 2]]);
    proxy.resetCounts();
    expect(proxy.counts).toEqual({ connections: 0, queries: 0, commits: 0, byTag: new Map() });
  });

  test.each<[what: string, texts: string[], commits: number]>([
    ['an autocommitted write', ['insert into things values (1)'], 1],
    ['reading', ['select 1', 'show work_mem', 'begin; select 1; rollback'], 0],
    ['a write inside a CTE', ['with e as (insert into things values (1) returning id) select * from e'], 1],
    ['a row lock', ['select * from things for update', 'select * from things for key share'], 2],
    ['a transaction', ['begin', 'insert into things values (1)', 'delete from things', 'commit'], 1],
    ['a rolled back one', ['begin', 'insert into things values (1)', 'rollback'], 0],
    ['several in one text', ['begin; delete from things; commit; insert into things values (1)'], 2],
    ['one that failed', ['insert into things values (1); select 1/0'], 0],
    ['COMMIT of one that failed', ['begin', 'select 1/0', 'commit'], 0],
    ['a notification', ["notify ch, 'x'", "select pg_notify('ch', 'y')"], 2],
    ['nothing', [''], 0],
  ])('commits: %s', async (_, texts, commits) => {
    for (const text of texts) await client.query(text).catch(() => undefined);
    expect(proxy.counts.commits).toBe(commits);
    expect(proxy.counts.queries).toBe(texts.length);
  });

  test('several statements before one Sync are one round trip and one commit', async () => {
    await raw(client, (wire) => {
      run(wire, 'select 1');
      for (const id of ['1', '2', '3']) run(wire, `with e as (${insert(0).text} returning id) table e`, [id]);
      wire.sync();
    });
    expect(proxy.counts).toMatchObject({ queries: 1, commits: 1 });
    expect(proxy.counts.byTag.get('SELECT')).toBe(4);
  });
});

describe('cutAfter', () => {
  test('COMMIT is done and its reply is lost', async () => {
    const cut = proxy.cutAfter((statement) => statement.text === 'commit');
    await client.query('begin');
    await client.query(insert(1));
    const before = received(client);
    await expect(client.query('commit')).rejects.toThrow(death);
    await cut.happened;
    expect(cut.count).toBe(1);
    expect(received(client)).toBe(before);
    expect(await stored()).toEqual([1]);
    expect(proxy.counts.commits).toBe(1);
  });

  test('finds a prepared statement that was not sent again, by text, name and parameters', async () => {
    await client.query(insert(1));
    const seen: ProxiedStatement[] = [];
    proxy.cutAfter((statement) => {
      seen.push({ ...statement });
      return statement.values[0] === '3';
    });
    await client.query(insert(2));
    await expect(client.query(insert(3))).rejects.toThrow(death);
    expect(seen.map(({ name, values }) => [name, ...values])).toEqual([['add', '2'], ['add', '3']]);
    expect(seen[0]).toMatchObject({ text: 'insert into things values ($1)', connection: 1 });
    expect(await stored()).toEqual([1, 2, 3]);
  });

  test('not one byte of a long reply arrives', async () => {
    const cut = proxy.cutAfter(textStarts('select'));
    const before = received(client);
    await expect(client.query('select generate_series(1, 100000), $1', ['x'])).rejects.toThrow(death);
    await cut.happened;
    expect(received(client)).toBe(before);
  });

  test('spares an error: the next success is cut', async () => {
    const cut = proxy.cutAfter(textStarts('insert'));
    await direct.query('insert into things values (1)');
    await expect(client.query(insert(1))).rejects.toThrow('duplicate key');
    expect(cut.count).toBe(0);
    await expect(client.query(insert(2))).rejects.toThrow(death);
  });

  test('spares the error of a server that ends the session', async () => {
    const cut = proxy.cutAfter(textStarts('select'));
    const leave = client.query('select pg_terminate_backend(pg_backend_pid())');
    await expect(leave).rejects.toMatchObject({ code: '57P01' });
    expect(cut.count).toBe(0);
  });

  test('strikes as often as ordered, also when more connections meet it at once', async () => {
    const clients = [client, await throughProxy(), await throughProxy(), await throughProxy()];
    const gates = clients.map((_, id) => proxy.hold(({ values }) => values[0] === String(id), 'reply'));
    const cut = proxy.cutAfter(textStarts('insert'), 2);
    const outcomes = Promise.allSettled(clients.map((each, id) => each.query(insert(id))));
    for (const gate of gates) await gate.reached;
    for (const gate of gates) gate.release();
    expect((await outcomes).map(({ status }) => status).sort()).toEqual(
      ['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    await cut.happened;
    expect(cut.count).toBe(2);
    expect(await stored()).toEqual([0, 1, 2, 3]);
  });

  test('replies before it in the pipeline are delivered', async () => {
    const cut = proxy.cutAfter((statement) => statement.text === 'select 2');
    const texts: string[] = [];
    await new Promise<void>((resolve) => {
      client.on('end', resolve);
      void raw(client, (wire) => {
        for (const text of ['select 1', 'select 2', 'select 3']) {
          run(wire, text);
          wire.sync();
        }
      }).then((types) => texts.push(...types));
    });
    await cut.happened;
    expect(texts).toEqual(['DataRow', 'CommandComplete']);
  });

  test('a reply asked for with Flush ends with its last statement', async () => {
    const cut = proxy.cutAfter(textStarts('select generate_series'));
    void raw(client, (wire) => {
      run(wire, 'insert into things values (1)');
      wire.parse({ text: 'select generate_series(1, 3)' });
      wire.flush();
      wire.bind({});
      wire.execute({});
      run(wire, 'delete from things');
      wire.flush();
    });
    await cut.happened;
    expect(proxy.counts.byTag.get('DELETE')).toBe(1);
    expect(await stored()).toEqual([]);
  });

  test('COPY FROM STDIN is asked for its data and cut after it', async () => {
    const cut = proxy.cutAfter(textStarts('copy'));
    void raw(client, (wire) => wire.query('copy things from stdin'), {
      CopyInResponse: (wire) => {
        wire.sendCopyFromChunk(Buffer.from('7\n8\n'));
        wire.endCopyFrom();
      },
    });
    await cut.happened;
    expect(await stored()).toEqual([7, 8]);
  });
});

test('cutBefore: the request never reaches the server', async () => {
  const cut = proxy.cutBefore(textStarts('insert'), 2);
  await expect(client.query(insert(1))).rejects.toThrow(death);
  expect(cut.count).toBe(1);
  const second = await throughProxy();
  await second.query('begin');
  await expect(second.query('insert into things values (2)')).rejects.toThrow(death);
  await cut.happened;
  const third = await throughProxy();
  await third.query(insert(3));
  expect(await stored()).toEqual([3]);
});

describe('hold', () => {
  test('a request waits outside the server; others pass', async () => {
    const gate = proxy.hold((statement) => statement.values[0] === '1', 'request');
    const held = client.query(insert(1));
    const state = watch(held);
    await gate.reached;
    const other = await throughProxy();
    await other.query(insert(2));
    expect(await stored()).toEqual([2]);
    expect(state.settled).toBe(false);
    gate.release();
    await held;
    expect(await stored()).toEqual([1, 2]);
    await client.query('delete from things');
    await client.query(insert(1));
  });

  test('a held request has not even begun: its time is that of its release', async () => {
    const gate = proxy.hold(textStarts('select now'), 'request');
    const held = client.query<{ began: string }>('select now()::text as began, $1', ['x']);
    await gate.reached;
    const { rows } = await direct.query<{ now: string }>('select clock_timestamp()::text as now');
    gate.release();
    const began = (await held).rows[0]?.began;
    expect((await direct.query('select $1::timestamptz > $2 as later', [began, rows[0]?.now])).rows[0])
      .toEqual({ later: true });
  });

  test('a reply waits outside the client: the server has committed', async () => {
    const gate = proxy.hold(textStarts('insert'), 'reply');
    const before = received(client);
    const held = client.query(insert(1));
    const state = watch(held);
    await gate.reached;
    expect(await stored()).toEqual([1]);
    expect(received(client)).toBe(before);
    expect(state.settled).toBe(false);
    gate.release();
    expect((await held).rowCount).toBe(1);
  });

  test('a reply that is an error is held too', async () => {
    const gate = proxy.hold(textStarts('select'), 'reply');
    const held = client.query('select 1/0');
    const state = watch(held);
    await gate.reached;
    expect(state.settled).toBe(false);
    gate.release();
    await expect(held).rejects.toThrow('division by zero');
  });

  test('and so is one that was asked for with Flush', async () => {
    const gate = proxy.hold(textStarts('select'), 'reply');
    const held = raw(client, (wire) => {
      run(wire, 'select 1/0');
      run(wire, 'select 1');
      wire.flush();
    });
    await gate.reached;
    gate.release();
    expect(await held).toEqual([]);
  });

  test('a held request outlives its client', async () => {
    const gate = proxy.hold(textStarts('insert'), 'request');
    const done = proxy.hold(textStarts('insert'), 'reply');
    const held = client.query(insert(1));
    await gate.reached;
    await Promise.all([client.end(), expect(held).rejects.toThrow()]);
    expect(await stored()).toEqual([]);
    gate.release();
    await done.reached;
    expect(await stored()).toEqual([1]);
    done.release();
  });

  test('a hold and a cut on one statement: held first, then cut', async () => {
    const gate = proxy.hold(textStarts('insert'), 'reply');
    const cut = proxy.cutAfter(textStarts('insert'));
    const held = expect(client.query(insert(1))).rejects.toThrow(death);
    await gate.reached;
    expect(cut.count).toBe(0);
    gate.release();
    await Promise.all([held, cut.happened]);
  });
});

describe('weather', () => {
  const sides = ['request', 'reply'] as const;
  test.each(sides)('a black hole swallows a %s, keeps the sockets, cuts when it closes', async (where) => {
    const gate = proxy.hold(textStarts('insert'), where);
    const swallowed = client.query(insert(1));
    const state = watch(swallowed);
    await gate.reached;
    proxy.blackhole(true);
    gate.release();
    expect(await stored()).toEqual(where === 'request' ? [] : [1]);
    expect(state.settled).toBe(false);
    proxy.blackhole(false);
    await expect(swallowed).rejects.toThrow(death);
    const next = await throughProxy();
    await next.query(insert(2));
  });

  test('an idle connection outlives a black hole', async () => {
    proxy.blackhole(true);
    proxy.blackhole(false);
    await client.query(insert(1));
  });

  test('refuse: connections are cut, the port is closed, then open again', async () => {
    const ended = new Promise<void>((resolve) => client.on('end', resolve));
    const { port } = proxy;
    await proxy.refuse(true);
    await ended;
    await expect(throughProxy()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.refuse(true);
    await proxy.refuse(false);
    expect(proxy.port).toBe(port);
    await (await throughProxy()).query(insert(1));
  });

  test('a server that is away ends the connection', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const astray = await startPgProxy({ target: { host: '127.0.0.1', port } });
    await expect(open({ connectionString: astray.url(address) })).rejects.toThrow(death);
    await astray.close();
  });
});

describe('protocol', () => {
  test('a message may arrive in any number of pieces', () => {
    const messages = [Buffer.from('Q\0\0\0\x0bselect\0', 'latin1'), Buffer.from('S\0\0\0\x04', 'latin1')];
    const whole = Buffer.concat(messages);
    for (let cut = 0; cut <= whole.length; cut++) {
      const splitter = new MessageSplitter('typed');
      const parts = [whole.subarray(0, cut), whole.subarray(cut)];
      const seen = parts.flatMap((part) => [...splitter.push(part)]);
      expect(seen.map((message) => message.type)).toEqual(['Q', 'S']);
      expect(Buffer.concat(seen.map((message) => message.bytes))).toEqual(whole);
    }
  });

  test('a whole session, one byte at a time in both directions', async () => {
    const slowServer = await byteRelay(target);
    const between = await startPgProxy({ target: { host: '127.0.0.1', port: slowServer.port } });
    const slowProxy = await byteRelay({ host: '127.0.0.1', port: between.port });
    cleanUp.push(slowServer.close, slowProxy.close);
    const cut = between.cutAfter((statement) => statement.values[0] === '2');
    const slow = await open({ connectionString: at(slowProxy.port) });
    await slow.query(insert(1));
    await expect(slow.query(insert(2))).rejects.toThrow(death);
    await cut.happened;
    expect(await stored()).toEqual([1, 2]);
    expect(between.counts).toMatchObject({ connections: 1, queries: 2, commits: 2 });
    await between.close();
  });

  test('a reply of many megabytes, and a request too', async () => {
    const text = 'x'.repeat(5_000_000);
    const { rows } = await client.query<{ text: string }>('select $1::text as text', [text]);
    expect(rows).toEqual([{ text }]);
    const many = await client.query('select g from generate_series(1, 100000) g');
    expect(many.rowCount).toBe(100_000);
  });

  test('an error inside a pipeline skips to its Sync and leaves the next trip in step', async () => {
    await raw(client, (wire) => {
      run(wire, 'select 1/0');
      run(wire, 'insert into things values (1)');
      wire.sync();
    });
    const cut = proxy.cutAfter(textStarts('insert'));
    await expect(client.query('select nonsense')).rejects.toThrow('nonsense');
    await expect(client.query(insert(2))).rejects.toThrow(death);
    expect([cut.count, ...(await stored())]).toEqual([1, 2]);
  });

  test.each(['N', 'S'])('TLS: a server that answers %s', async (answer) => {
    const welcome = 'R\0\0\0\x08\0\0\0\0';
    const server = createServer((socket) => socket.once('data', () => {
      socket.write(answer);
      socket.once('data', () => socket.write(welcome)).on('error', () => undefined);
    }));
    cleanUp.push(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const between = await startPgProxy({ target: { host: '127.0.0.1', port } });
    const socket = connect(between.port, '127.0.0.1').setEncoding('latin1');
    socket.write(packet(80877103));
    if (answer === 'N') {
      expect(await once(socket, 'data')).toEqual(['N']);
      socket.write(packet(196608));
      expect(await once(socket, 'data')).toEqual([welcome]);
      await between.close();
    } else {
      await once(socket.resume(), 'close');
      await expect(between.close()).rejects.toThrow('speaks no TLS');
    }
    expect(between.counts.connections).toBe(answer === 'N' ? 1 : 0);
  });

  test('a cancel request passes', async () => {
    const gate = proxy.hold(textStarts('select pg_sleep'), 'request');
    const sleeping = expect(client.query('select pg_sleep(600)')).rejects.toMatchObject({ code: '57014' });
    await gate.reached;
    gate.release();
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const busy = `select 1 from pg_stat_activity where pid = ${processID} and wait_event = 'PgSleep'`;
    while ((await direct.query(busy)).rowCount === 0);
    const key = Buffer.alloc(8);
    key.writeInt32BE(processID, 0);
    key.writeInt32BE(secretKey, 4);
    connect(proxy.port, '127.0.0.1').end(packet(80877102, key)).resume();
    await sleeping;
    expect(proxy.counts.connections).toBe(0);
  });
});

describe('close', () => {
  test('leaves no socket, also with statements held and bytes swallowed', async () => {
    const gate = proxy.hold(textStarts('insert'), 'request');
    const held = expect(client.query(insert(1))).rejects.toThrow(death);
    await gate.reached;
    const other = await throughProxy();
    proxy.blackhole(true);
    const lost = expect(other.query('select 1')).rejects.toThrow(death);
    await proxy.close();
    await Promise.all([held, lost]);
    const sessions = `select 1 from pg_stat_activity
      where datname = current_database() and application_name = '${through}'`;
    while ((await direct.query(sessions)).rowCount !== 0);
    expect(await stored()).toEqual([]);
  });

  test('tells what a matcher threw', async () => {
    proxy.cutAfter(() => {
      throw new Error('a mistake of the test');
    });
    await expect(client.query('select 1')).rejects.toThrow(death);
    await expect(proxy.close()).rejects.toThrow('a mistake of the test');
    proxy = await startPgProxy({ target: { host: '127.0.0.1', port: 1 } });
  });
});

/** The database under test, at another port. */
function at(port: number): string {
  const url = new URL(address);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
