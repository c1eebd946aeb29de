// What may befall a database as a whole, while a business works on it: a standby that takes over, with and
// without the last commits; a backup that is put back to a point in time; a disk that is full; a pooler that
// hides all that.
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemEnv } from '@perdure/core/engine';
import { Bouncer } from './restore-bouncer.js';
import { ServerRoom, type RealServer } from './restore-server.js';
import { Switch } from './restore-switch.js';
import { RestoreWorld, type WorldReport } from './restore-world.js';

const run = promisify(execFile);

/** How much of it. */
export interface ScenarioOptions {
  /** How often it befalls the database. */
  readonly rounds: number;
  /** Orders that are acknowledged between two acts of a round. */
  readonly orders: number;
  /** Default 2. */
  readonly workers?: number | undefined;
}

/** A scenario's report. */
export interface ScenarioReport extends WorldReport {
  readonly rounds: number;
  /** Why the workers found their database to be another one, each time. */
  readonly restored: readonly string[];
}

interface Stage {
  readonly room: ServerRoom;
  readonly way: Switch;
  /** The server that leads. */
  server: RealServer;
}

type Act = (stage: Stage, world: RestoreWorld, round: number) => Promise<void>;

interface Plan {
  readonly settings?: Readonly<Record<string, string>>;
  readonly pooler?: boolean;
  readonly act: Act;
  /** Where the first server lives; default in the room. */
  place?(room: ServerRoom): Promise<string>;
  after?(room: ServerRoom): Promise<void>;
}

async function play(plan: Plan, { rounds, orders, workers = 2 }: ScenarioOptions): Promise<ScenarioReport> {
  const room = await ServerRoom.open();
  const way = await Switch.open();
  const place = await plan.place?.(room);
  const server = await (await room.create('first', place)).start(plan.settings);
  way.to(server.port);
  const stage: Stage = { room, way, server };
  const bouncer = plan.pooler === true ? await Bouncer.start(room, server.url) : null;
  const url = bouncer?.url ?? way.url(server.url);
  const world = new RestoreWorld({
    url, direct: () => stage.server.url, workers, pooler: plan.pooler });
  try {
    await world.begin();
    for (let round = 1; round <= rounds; round++) {
      await world.sold(orders);
      await plan.act(stage, world, round);
    }
    await world.sold(orders);
    const report = await world.end();
    return { ...report, rounds, restored: world.staff.flatMap(({ restored }) => restored) };
  } finally {
    await world.close();
    await bouncer?.stop();
    await way.close();
    await stage.server.stop('SIGKILL');
    await plan.after?.(room);
    await room.close();
  }
}

/** A standby takes over from a server that crashes. `sync`: every commit that was answered is on it. */
export async function failover(how: 'sync' | 'async', options: ScenarioOptions): Promise<ScenarioReport> {
  const lacking = how === 'async';
  const report = await play({
    act: async (stage, world, round) => {
      const standby = await stage.server.follower(`standby-${round}`);
      await standby.start();
      if (lacking) await leaveBehind(standby, world, options.orders);
      else await follow(stage.server, world, options.orders);
      await stage.server.stop('SIGQUIT');
      await standby.sql('select pg_promote(true, 30)');
      await standby.leads();
      await standby.sql("alter system set synchronous_standby_names = ''");
      await standby.sql('select pg_reload_conf()');
      stage.server = standby;
      stage.way.to(standby.port);
      await world.recovered();
    },
  }, options);
  if (lacking === report.lost > 0) return report;
  return { ...report, violations: [...report.violations, `${report.lost} acknowledged orders were lost`] };
}

/** What is to be taken back: little, so that there are runs that were claimed before and go on after it. */
function tailOf(orders: number): number {
  return Math.ceil(orders / 6);
}

/** From here on the leader answers a COMMIT when its standby has it. */
async function follow(leader: RealServer, world: RestoreWorld, orders: number): Promise<void> {
  await streaming(leader, 1);
  await leader.sql("alter system set synchronous_standby_names = '*'");
  await leader.sql('select pg_reload_conf()');
  await world.sold(orders);
}

/** The standby hears nothing any more, and the business goes on. */
async function leaveBehind(standby: RealServer, world: RestoreWorld, orders: number): Promise<void> {
  await world.sold(orders);
  await standby.sql("alter system set primary_conninfo = ''");
  await standby.sql('select pg_reload_conf()');
  await until(async () => (await standby.sql('select from pg_stat_wal_receiver')).length === 0);
  await world.sold(tailOf(orders));
}

async function streaming(leader: RealServer, standbys: number): Promise<void> {
  await until(async () => {
    const rows = await leader.sql("select from pg_stat_replication where state = 'streaming'");
    return rows.length >= standbys;
  });
}

/** A base backup is put back to a point in the middle of the business, on the same address. */
export async function restore(
  way: 'direct' | 'pooler', options: ScenarioOptions,
): Promise<ScenarioReport> {
  const report = await play({
    settings: { archive_mode: 'on', archive_command: 'cp "%p" "../archive/%f"' },
    pooler: way === 'pooler',
    place: async (room) => {
      const place = await room.makeFolder(join(room.place, 'home'));
      await room.makeFolder(join(place, 'first'));
      await room.makeFolder(join(place, 'first', 'archive'));
      return place;
    },
    act: async (stage, world, round) => {
      const archive = join(stage.room.place, 'home', 'first', 'archive');
      const backup = await stage.server.backUp(join(stage.room.place, 'home', 'first', `base-${round}`));
      await world.sold(options.orders);
      const frozen = world.staff.at(-1);
      const point = `middle ${round}`;
      await stage.server.sql(`select pg_create_restore_point('${point}')`);
      await world.sold(tailOf(options.orders));
      // Nothing it does until it is thawed: it finds out last of all.
      frozen?.freeze();
      await world.sold(tailOf(options.orders));
      await archived(stage.server);
      await stage.server.stop('SIGQUIT');
      const next = await stage.room.adopt(backup);
      await next.takePort(stage.server.port);
      await next.recoverTo(point, archive);
      await next.start({ archive_mode: 'on', archive_command: 'cp "%p" "../archive/%f"' });
      await next.leads();
      stage.server = next;
      frozen?.thaw();
      await world.recovered();
    },
  }, options);
  if (report.lost > 0) return report;
  return { ...report, violations: [...report.violations, 'the restore took nothing back'] };
}

/** What is written until now is in the archive. */
async function archived(server: RealServer): Promise<void> {
  const [row] = await server.sql<{ file: string }>('select pg_walfile_name(pg_switch_wal()) as file');
  await until(async () => {
    const [last] = await server.sql<{ done: boolean }>(
      `select last_archived_wal >= '${row?.file}' as done from pg_stat_archiver`);
    return last?.done === true;
  });
}

const diskMb = 160;

/** Why a disk cannot be filled here, or null: it takes a small file system, which root can mount. */
export async function noSmallDisk(): Promise<string | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux';
  const room = await ServerRoom.open();
  const at = await room.makeFolder(join(room.place, 'try'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'perdure-try', at]);
    await run('umount', [at]);
    return null;
  } catch (error) {
    return `no tmpfs can be mounted: ${String((error as { stderr?: string }).stderr ?? error).trim()}`;
  } finally {
    await room.close();
  }
}

/** The disk of the server is full for a while. */
export async function diskFull(options: ScenarioOptions): Promise<ScenarioReport> {
  let at = '';
  const report = await play({
    settings: { min_wal_size: '32MB', max_wal_size: '48MB', shared_buffers: '16MB' },
    place: async (room) => {
      at = await room.makeFolder(join(room.place, 'small'));
      const { uid = 0, gid = 0 } = room.account ?? {};
      const owner = `size=${diskMb}m,uid=${uid},gid=${gid},mode=700`;
      await run('mount', ['-t', 'tmpfs', '-o', owner, 'perdure', at]);
      return at;
    },
    act: async ({ server }, world) => {
      const ballast = join(at, 'ballast');
      await fill(ballast);
      await refused(server);
      await systemEnv.sleep(1_000);
      await rm(ballast);
      // Without room for its log a server ends. Whoever frees the disk starts it again.
      if (!server.alive) await server.start();
      await until(() => server.sql('select 1').then(() => true, () => false));
      await world.recovered();
    },
    after: async () => {
      await run('umount', ['-l', at]);
    },
  }, options);
  if (report.lost === 0) return report;
  return { ...report, violations: [...report.violations, `${report.lost} acknowledged orders were lost`] };
}

async function fill(path: string): Promise<void> {
  const full = await writeFile(path, Buffer.alloc(diskMb * 1_048_576)).then(() => false, (error: unknown) => (
    (error as { code?: string }).code === 'ENOSPC'));
  if (!full) throw new Error('The disk was not filled.');
}

/** Waits until the server has refused something for want of room, or has ended. */
async function refused(server: RealServer): Promise<void> {
  await until(async () => {
    if (!server.alive) return true;
    return server.sql(`create table ballast as select repeat(md5(n::text), 100) as t
      from generate_series(1, 20000) n`).then(() => server.sql('drop table ballast').then(() => false),
      (error: unknown) => (error as { code?: string }).code === '53100' || !server.alive);
  });
}

const waitLimitMs = 60_000;

async function until(fact: () => Promise<boolean>): Promise<void> {
  const end = systemEnv.monotonic() + waitLimitMs;
  while (!await fact()) {
    if (systemEnv.monotonic() > end) throw new Error('A server did not come to what was waited for.');
    await systemEnv.sleep(20);
  }
}
