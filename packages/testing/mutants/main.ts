// `pnpm mutants`: the engine with one mistake after the other; each must be noticed by the checks that it
// names. Ends with 1 if one is not, if one does not apply or compile any more, or if a check fails without
// any.
//   pnpm mutants [--list] [--part=1/3] [name …]
import { systemEnv } from '@perdure/core/engine';
import { startEmbedded } from '@perdure/sql';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { campaign, type Outcome, type Report } from './campaign.js';
import { compilerErrors } from './compiler-errors.js';
import type { Mutant } from './mutant.js';
import { mutants } from './mutants.js';

const { values, positionals } = parseArgs({
  options: { list: { type: 'boolean' }, part: { type: 'string' } }, allowPositionals: true,
});

const width = Math.max(...mutants.map(({ name }) => name.length));

/** The mutants that are asked for: by name, or each n-th. */
function chosen(): readonly Mutant[] {
  const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown.length > 0) throw new Error(`There is no mutant ${unknown.join(', ')}; see --list.`);
  if (positionals.length > 0) return mutants.filter(({ name }) => positionals.includes(name));
  if (values.part === undefined) return mutants;
  const [, part = '', of = ''] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(values.part) ?? [];
  if (part === '') throw new Error('--part takes something like 1/3.');
  return mutants.filter((_, at) => at % Number(of) === Number(part) - 1);
}

function line({ mutant, verdict, ms }: Outcome): string {
  const seconds = `${(ms / 1_000).toFixed(1)} s`.padStart(7);
  const start = `${mutant.name.padEnd(width)} ${seconds}  `;
  if (verdict.kind === 'killed') return `${start}${verdict.how.padEnd(6)}  ${verdict.by}`;
  if (verdict.kind === 'void') return `${start}VOID    ${verdict.why}`;
  return `${start}SURVIVED  ${verdict.tests.join('; ')}`;
}

function sum({ outcomes, troubles }: Report): boolean {
  for (const trouble of troubles) console.log(`TROUBLE ${trouble}`);
  const killed = outcomes.flatMap(({ verdict }) => (verdict.kind === 'killed' ? [verdict.how] : []));
  const silent = killed.filter((how) => how !== 'failed').length;
  const left = outcomes.length - killed.length;
  console.log(`${outcomes.length} mutants: ${killed.length} killed, of which ${silent} hung or took their ` +
    `process with them; ${left} not killed`);
  return left === 0 && troubles.length === 0;
}

async function run(those: readonly Mutant[]): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-mutants-'));
  // As root the server runs as another account, which must be able to pass.
  await chmod(folder, 0o755);
  try {
    const server = await startEmbedded({ directory: join(folder, 'server') });
    try {
      const told = (outcome: Outcome): void => console.log(line(outcome));
      return sum(await campaign(those, { folder, url: server.url, told }));
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const those = chosen();
if (values.list === true) {
  for (const { name, file, breaks } of those) console.log(`${name.padEnd(width)}  ${file}: ${breaks}`);
} else {
  const began = systemEnv.monotonic();
  const wrong = compilerErrors(those);
  for (const error of wrong) console.log(`DOES NOT COMPILE ${error}`);
  if (wrong.length > 0 || !await run(those)) process.exitCode = 1;
  console.log(`${((systemEnv.monotonic() - began) / 1_000).toFixed(1)} s`);
}
