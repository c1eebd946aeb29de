// `node packages/testing/dist-sim/differential/main.js [--seed=N] [--seeds=N] [--from=N] [--found=N]`: the
// memory store beside PostgreSQL.
import { systemEnv } from '@perdure/core/engine';
import { besidePostgres } from './beside-postgres.js';

function option(name: string, otherwise: number): number {
  const given = process.argv.find((arg) => arg.startsWith(`--${name}=`));
  return given === undefined ? otherwise : Number(given.slice(name.length + 3));
}

const seed = option('seed', -1);
const agreed = await besidePostgres({
  first: seed >= 0 ? seed : option('from', Math.floor(systemEnv.random() * 1e9)),
  count: seed >= 0 ? 1 : option('seeds', 500),
  mostFound: option('found', 1),
});
if (!agreed) process.exitCode = 1;
