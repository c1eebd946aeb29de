// The plans of the constant statements, as the engine's sessions make them: every row of a table is found
// through an index, by what is asked for, whatever the statistics say.
import type { TurnWrite } from '@perdure/core/engine';
import { connect } from '@perdure/sql';
import pg from 'pg';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { freshDatabase } from '../../testing/test/database.js';
import { carryStatements } from '../dist/postgres/carry-statements.js';
import { checkStatements } from '../dist/postgres/check-statements.js';
import { claimStatements } from '../dist/postgres/claim-statements.js';
import { closingStatements } from '../dist/postgres/closing-statements.js';
import { CommitColumns } from '../dist/postgres/commit-columns.js';
import { CommitStatements } from '../dist/postgres/commit-statement.js';
import { detailStatements } from '../dist/postgres/detail-statements.js';
import { emitStatement, readMailStatement, sendStatement } from '../dist/postgres/mail-statements.js';
import { operationStatements } from '../dist/postgres/operation-statements.js';
import { queryStatements } from '../dist/postgres/query-statements.js';
import { readStatements } from '../dist/postgres/read-statements.js';
import { claimSettings, commitSettings, plannerSettings } from '../dist/postgres/session-settings.js';
import { startStatements } from '../dist/postgres/start-statements.js';
import type { Statement } from '../dist/postgres/statement.js';
import { tieStatements } from '../dist/postgres/tie-statements.js';

const url = await freshDatabase();
const rows = 100_000;
const s = 'perdure';

/** Commit statements of all pieces, in the forms that these have. */
function commits(): readonly Statement[] {
  const nothing = { codec: 'json', text: null };
  const entry = (message: string | null) => ({
    place: '1', position: 1, kind: 'signal' as const, name: 'n', value: nothing, error: null, attempt: 1,
    tookMs: 1, message,
  });
  const call = {
    place: '2', kind: 'sleep' as const, name: 'n', attempt: 0, error: null, progress: null, delayMs: 1,
    atMs: null, deadlineMs: null,
  };
  const write = (runId: string, more: Partial<TurnWrite>): TurnWrite => ({
    lease: { runId, part: 1, generation: 1, epoch: 1 }, entries: [], calls: [], closed: [], end: null,
    more: null, ...more,
  });
  const shown: Partial<TurnWrite> = {
    more: {
      attributes: [{ name: 'a', value: 1 }], chunks: [{ stream: 's', seq: 0, source: '', value: nothing }],
    },
  };
  const settle: TurnWrite['end'] = {
    kind: 'settle', status: 'completed', output: nothing, error: null, tied: true,
  };
  const contents: readonly Partial<TurnWrite>[] = [
    { entries: [entry(null)] }, { entries: [entry('m')] }, { closed: ['1'] }, { calls: [call] }, shown,
    { end: settle }, { end: { kind: 'rest', wakeInMs: 1, wakeAt: null } },
    { end: { kind: 'continue', input: nothing } },
  ];
  const batches = [
    ...contents.flatMap((more) => [[write('a', more)], [write('a', more), write('b', more)]]),
    [...contents, ...contents].map((more, index) => write(String(index), more)),
  ].map((batch) => new CommitColumns(batch));
  const statements = new CommitStatements(s);
  const again = batches.slice(0, 1).map((batch) => statements.for(batch, 'again'));
  return [...again, ...batches.map((batch) => statements.for(batch, 'first'))];
}

const onSessions: readonly [settings: string, statements: readonly Statement[]][] = [
  [plannerSettings, [
    ...Object.values(startStatements(s, 'own')), ...Object.values(readStatements(s)),
    sendStatement(s, 'own'), sendStatement(s, 'run'), emitStatement(s, 'own'), readMailStatement(s),
    ...Object.values(tieStatements(s)), ...Object.values(queryStatements(s).query), queryStatements(s).chunks,
    ...Object.values(operationStatements(s)), ...Object.values(detailStatements(s)),
    closingStatements(s).terminate, ...checkStatements(s).checks.map(({ statement }) => statement),
    checkStatements(s).window,
  ]],
  [claimSettings, [
    ...Object.values(claimStatements(s)), ...Object.values(carryStatements(s)),
    ...Object.values(closingStatements(s)),
  ]],
  [commitSettings, commits()],
];

/** A node of a plan that reads a table. */
interface Scan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Plans'?: readonly Scan[];
}

function* scansOf(node: Scan): Iterable<Scan> {
  if (node['Relation Name'] !== undefined && node['Node Type'] !== 'ModifyTable') yield node;
  for (const inner of node.Plans ?? []) yield* scansOf(inner);
}

const hands = new pg.Client({ connectionString: url });

/** Statements that read a table otherwise than through an index, with what they read. */
async function unindexed(): Promise<string[]> {
  const found: string[] = [];
  let count = 0;
  for (const [settings, statements] of onSessions) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(settings);
    for (const { name, text } of statements) {
      const prepared = `statement_${++count}`;
      await client.query(`prepare ${prepared} as ${text}`);
      const { rows: [made] } = await client.query<{ count: number }>(`
        select cardinality(parameter_types) as count
          from pg_prepared_statements where name = $1`, [prepared]);
      const values = made!.count === 0 ? '' : `(${Array(made!.count).fill('null').join(', ')})`;
      const { rows: [plan] } = await client.query<{ 'QUERY PLAN': [{ Plan: Scan }] }>(
        `explain (format json) execute ${prepared}${values}`);
      for (const scan of scansOf(plan!['QUERY PLAN'][0].Plan)) {
        const isIndexed = /^Index/.test(scan['Node Type']) && scan['Index Cond'] !== undefined;
        if (!isIndexed) found.push(`${name}: ${scan['Node Type']} on ${scan['Relation Name']}`);
      }
    }
    await client.end();
  }
  expect(count).toBeGreaterThan(30);
  return found;
}

beforeAll(async () => {
  await (await connect(url)).close();
  await hands.connect();
});
afterAll(() => hands.end());

test('where the tables are empty', async () => {
  expect(await unindexed()).toEqual([]);
});

test('where the tables are large and nobody has counted, and where somebody has', async () => {
  const each = (columns: string, values: string): string => (
    `(${columns}) select ${values} from generate_series(1, ${rows}) i`);
  await hands.query(`set search_path = perdure; set synchronous_commit = off;
    insert into runs ${each('part, id, workflow, queue, codec, created_at',
    "i % 64, i, 'w', 'q', 'json', now()")};
    insert into ready ${each('part, id, lane, home_lane, queue, workflow, due_at, epoch',
    "i % 64, i, i % 9, 1, 'q', 'w', now(), 1")};
    insert into journal ${each(`part, run_id, generation, place, position, kind, name, codec, attempt,
      started_at, ended_at`, "i % 64, i, 1, '1', 1, 'step', 's', 'json', 1, now(), now()")};
    insert into calls ${each('part, run_id, generation, place, kind, name, due_at',
    "i % 64, i, 1, '1', 'sleep', '', now()")};
    insert into messages ${each('part, run_id, id, kind, name, codec, sent_at',
    "i % 64, i, 'm', 'signal', 'go', 'json', now()")};
    insert into inbox ${each('part, run_id, kind, name, sent_at, id, noticed',
    "i % 64, i, 'signal', 'go', now(), 'm', i % 2 = 0")};
    insert into events ${each('part, id, name, key, codec, emitted_at, noticed',
    "i % 64, i, i % 99, 'k', 'json', now(), i % 2 = 0")};
    insert into subscriptions ${each('part, run_id, generation, place, name, key, asked_at',
    "i % 64, i, 1, '1', i % 99, 'k', now()")};
    insert into children ${each(`part, parent_id, generation, place, child_id, child_part, parent_close,
      watch, noticed, created_at`, "i % 64, i / 99, 1, i, i, i % 64, 'default', true, i % 2 = 0, now()")};
    insert into endings ${each('part, run_id, ended_at', 'i % 64, i, now()')};
    insert into attributes ${each('part, run_id, name, type, text_value', "i % 64, i, 'x', 'text', i % 9")};
    insert into workers ${each('id, host, pid, concurrency, serves, started_at, seen_at',
    "i, 'h', 1, 1, '[]', now(), now()")};
    insert into definitions ${each('workflow, queue, told_at', "i, 'q', now()")};
    insert into chunks ${each('part, run_id, generation, stream, seq, source, codec, written_at',
    "i % 64, i, 1, 's', 0, '', 'json', now()")}`);
  expect(await unindexed()).toEqual([]);
  await hands.query('analyze');
  expect(await unindexed()).toEqual([]);
}, 120_000);
