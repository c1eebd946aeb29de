// L8 for W3: what a run costs at least on an idle system, a start born leased and its settlement, one after
// the other.
import { systemEnv } from '@perdure/core/engine';
import { EngineSql } from './engine-sql.js';
import { stepWrite } from './step-write.js';

/** How many pairs, and the pauses before each. */
export interface IdlePairRequest {
  readonly url: string;
  readonly pairs: number;
  readonly shortestPauseMs: number;
  readonly longestPauseMs: number;
}

/** Milliseconds of each pair. */
export async function idlePairs(request: IdlePairRequest): Promise<readonly number[]> {
  const { url, pairs, shortestPauseMs, longestPauseMs } = request;
  const sql = await EngineSql.open(url);
  const found: number[] = [];
  for (let n = 0; n < pairs; n++) {
    await systemEnv.sleep(shortestPauseMs + systemEnv.random() * (longestPauseMs - shortestPauseMs));
    const began = systemEnv.monotonic();
    const claimed = await sql.startLeased(n);
    const [committer] = sql.committers;
    if (committer !== undefined) await sql.commit(committer, [stepWrite(claimed, 1, 1)]);
    found.push(systemEnv.monotonic() - began);
  }
  await sql.close();
  return found;
}
