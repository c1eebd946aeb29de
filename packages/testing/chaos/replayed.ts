// Replay equality: the code, run again on what each run has recorded, does what it did and ends as it ended.
import type { Connection } from 'perdure';
import { readHistory, replay } from '../dist/replay/replay.js';
import { makeBusiness, type BusinessWorld } from './business.js';

// No step begins in a replay: a world without anything in it is all that it may need.
const workflows = Object.values(makeBusiness({} as BusinessWorld));

/** Replays these runs; says which did otherwise, one line each. */
export async function replayAll(connection: Connection, runIds: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const runId of runIds) {
    try {
      await replay(await readHistory(connection, runId), { workflows });
    } catch (error) {
      wrong.push(`replay of ${runId}: ${String(error)}`);
    }
  }
  return wrong;
}
