import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startEmbedded, type EmbeddedServer } from '@perdure/sql';
import pg from 'pg';
import { afterAll, afterEach, expect, test, vi } from 'vitest';

// Every start here makes a cluster or recovers one, and a busy disk takes its time over that.
vi.setConfig({ testTimeout: 90_000 });

const isRoot = process.getuid?.() === 0;
const root = await mkdtemp(join(tmpdir(), 'perdure-embedded-'));
await chmod(root, 0o755);
const open = new Set<EmbeddedServer>();
const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([...open].map((server) => server.stop()));
  open.clear();
  children.clear();
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function start(directory: string, version?: number): Promise<EmbeddedServer> {
  const server = await startEmbedded({ directory, version });
  open.add(server);
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Another process that uses the server of `directory`. */
async function startUser(directory: string): Promise<{ child: ChildProcess; url: string }> {
  const program = fileURLToPath(new URL('../../dist-test/sql/test/embedded-user.js', import.meta.url));
  const child = spawn(process.execPath, [program, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, url };
}

async function keeperOf(directory: string): Promise<number> {
  return (JSON.parse(await readFile(join(directory, 'keeper.json'), 'utf8')) as { pid: number }).pid;
}

async function isGone(file: string): Promise<boolean> {
  return stat(file).then(() => false, () => true);
}

const first = join(root, 'first');

test('starts, answers over loopback to its password only, and stops', async () => {
  const server = await start(first);
  const [row] = await query(server.url, `select current_setting('listen_addresses') as listen,
    current_setting('unix_socket_directories') as sockets, current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as commit, current_setting('server_version') as version`);
  const { version } = server;
  expect(row).toEqual({ listen: '127.0.0.1', sockets: '', fsync: 'on', commit: 'on', version });
  const stranger = new URL(server.url);
  stranger.password = 'wrong';
  await expect(query(stranger.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  expect((await stat(join(first, 'data'))).mode & 0o777).toBe(0o700);
  await server.stop();
  await expect(query(server.url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(await isGone(join(first, 'data', 'postmaster.pid'))).toBe(true);
});

test('a restart keeps the data, the password and the port', async () => {
  const before = await start(first);
  await query(before.url, 'create table kept as select 42 as n');
  await before.stop();
  const after = await start(first);
  expect(after.url).toBe(before.url);
  expect(await query(after.url, 'select n from kept')).toEqual([{ n: 42 }]);
});

test('a second owner in the same process shares the server, and the last one to leave ends it', async () => {
  const [one, two] = await Promise.all([start(first), start(first)]);
  expect(two.url).toBe(one.url);
  await one.stop();
  await one.stop();
  expect(await query(two.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  await two.stop();
  await expect(query(two.url, 'select 1')).rejects.toThrow();
});

test('a second process shares the server, and it outlives the first', async () => {
  const mine = await start(first);
  const { child, url } = await startUser(first);
  expect(url).toBe(mine.url);
  await mine.stop();
  expect(await query(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  child.stdin?.end();
  await once(child, 'exit');
  expect(await isGone(join(first, 'data', 'postmaster.pid'))).toBe(true);
});

test('processes that start an empty directory together end up on one server', async () => {
  const directory = join(root, 'together');
  const users = await Promise.all([startUser(directory), startUser(directory), startUser(directory)]);
  expect(new Set(users.map((user) => user.url)).size).toBe(1);
});

test('kill -9 of the only user ends the server, and the next start has what was committed', async () => {
  const { child, url } = await startUser(first);
  await query(url, 'create table survived as select 7 as n');
  child.kill('SIGKILL');
  const pidFile = join(first, 'data', 'postmaster.pid');
  await vi.waitFor(async () => expect(await isGone(pidFile)).toBe(true), 20_000);
  const next = await start(first);
  expect(await query(next.url, 'select n from survived')).toEqual([{ n: 7 }]);
});

test('a start right after kill -9 of the only user does not trip over the shutdown', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { child } = await startUser(first);
    child.kill('SIGKILL');
    const next = await start(first);
    expect(await query(next.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    await next.stop();
  }
});

test('a server whose keeper was killed with its user is replaced', async () => {
  const { child, url } = await startUser(first);
  const [before] = await query(url, 'select pg_postmaster_start_time()::text as at');
  process.kill(await keeperOf(first), 'SIGKILL');
  child.kill('SIGKILL');
  const next = await start(first);
  const [after] = await query(next.url, 'select pg_postmaster_start_time()::text as at');
  expect(after).not.toEqual(before);
  expect(next.url).toBe(url);
});

test('a pid file whose number another program got since is no obstacle', async () => {
  const stale = [process.pid, join(first, 'data'), 0, 1, '', '127.0.0.1', '', 'ready   '].join('\n');
  await writeFile(join(first, 'data', 'postmaster.pid'), stale);
  const server = await start(first);
  expect(await query(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
});

test('a half-initialised directory is set aside and made anew', async () => {
  const directory = join(root, 'half');
  await mkdir(join(directory, 'data', 'base'), { recursive: true });
  await writeFile(join(directory, 'data', 'PG_VERSION'), '18\n');
  await mkdir(join(directory, 'data.0123.new'));
  const server = await start(directory);
  expect(await query(server.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  const names = await readdir(directory);
  expect(names.filter((name) => name.startsWith('data.incomplete.'))).toHaveLength(1);
  expect(names).not.toContain('data.0123.new');
});

test.each([14, 16])('version %i runs, and its data is refused to another version', async (major) => {
  const directory = join(root, `pg${major}`);
  const server = await start(directory, major);
  const [row] = await query(server.url, "select current_setting('server_version') as version");
  expect(row).toEqual({ version: server.version });
  expect(server.version).toMatch(new RegExp(`^${major}\\.`));
  await expect(startEmbedded({ directory })).rejects.toMatchObject({ code: 'EMBEDDED_WRONG_VERSION' });
  await server.stop();
  await expect(startEmbedded({ directory })).rejects.toMatchObject({ code: 'EMBEDDED_WRONG_VERSION' });
});

test('settings reach the server', async () => {
  const directory = join(root, 'settings');
  const server = await startEmbedded({ directory, settings: { fsync: 'off', max_connections: '11' } });
  open.add(server);
  const [fsync] = await query(server.url, 'show fsync');
  const [connections] = await query(server.url, 'show max_connections');
  expect({ ...fsync, ...connections }).toEqual({ fsync: 'off', max_connections: '11' });
});

test('without binaries it says so, with three ways out', async () => {
  const refused = startEmbedded({ directory: join(root, 'none'), version: 99 });
  await expect(refused).rejects.toMatchObject({ code: 'EMBEDDED_UNAVAILABLE' });
  await expect(refused).rejects.toThrow('no binaries of PostgreSQL 99');
  await expect(refused).rejects.toThrow(/\n {2}1\. [^]*\n {2}2\. [^]*\n {2}3\. /);
});

test('a server that cannot start says what PostgreSQL said', async () => {
  const refused = startEmbedded({ directory: join(root, 'bad'), settings: { shared_buffers: 'plenty' } });
  await expect(refused).rejects.toThrow(/invalid value for parameter "shared_buffers"/);
});

test.skipIf(!isRoot)('as root, under a 0700 directory: binaries and data lie behind a pointer', async () => {
  const project = join(root, 'closed');
  await mkdir(project, { mode: 0o700 });
  const directory = join(project, '.perdure', 'pg18');
  const pointed = async (): Promise<string> => (await readFile(join(directory, 'place'), 'utf8')).trim();
  const before = await start(directory);
  await query(before.url, 'create table kept as select 1 as n');
  await before.stop();
  const place = await pointed();
  try {
    expect(place.startsWith(project)).toBe(false);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    expect(await isGone(join(directory, 'data'))).toBe(true);
    const after = await start(directory);
    expect(await query(after.url, 'select n from kept')).toEqual([{ n: 1 }]);
    await after.stop();
    await rename(place, `${place}-moved`);
    const anew = await start(directory);
    expect(await query(anew.url, "select to_regclass('kept') as found")).toEqual([{ found: null }]);
    await anew.stop();
  } finally {
    await rm(`${place}-moved`, { recursive: true, force: true });
    await rm(await pointed(), { recursive: true, force: true });
  }
});

test.skipIf(!isRoot)('as root, the server runs as an account that is not root', async () => {
  const server = await start(first);
  expect((await stat(join(first, 'data'))).uid).not.toBe(0);
  const [row] = await query(server.url, "select pg_read_file('/proc/self/status') as status");
  expect(/^Uid:\s+(\d+)/m.exec(String(row?.['status']))?.[1]).not.toBe('0');
});
