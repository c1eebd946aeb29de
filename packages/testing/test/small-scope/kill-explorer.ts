// Runs a scenario once for every point at which its worker can be killed, and for every pair of them, and
// compares each with the run in which nobody was killed.
//
//   X1. It ends as it does without a kill, and leaves the same rows: what is in the database is exactly once.
//   X2. Every body ran at least once, and at most once more for each kill.
//   X3. A check of the data finds nothing.
//   X4. A schedule that breaks something is named by the numbers of its kills, and runs again by them.
import type { KillPoint } from './kill-world.js';
import { leftRows } from './left-rows.js';
import { Scene } from './scene.js';
import type { WitnessedWorkflow } from './witness.js';

/** A small workflow, and what is done to it from outside. */
export interface Scenario {
  readonly name: string;
  /** Its workflows. */
  serve(scene: Scene): Promise<readonly WitnessedWorkflow[]> | readonly WitnessedWorkflow[];
  /** What a client does; its result, or error, is the scenario's. */
  drive(scene: Scene, workflows: readonly WitnessedWorkflow[]): Promise<unknown>;
}

/** How one run of a scenario went. */
export interface Outcome {
  readonly points: readonly KillPoint[];
  readonly killed: number;
  readonly result: string;
  readonly rows: readonly string[];
  readonly bodies: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
}

/** What an exploration found. */
export interface Exploration {
  /** Points of the run without a kill. */
  readonly points: readonly KillPoint[];
  readonly singles: number;
  readonly pairs: number;
  readonly violations: readonly string[];
}

const enough = 3;

/** Runs a scenario with kills at these points. */
export async function runWithKills(scenario: Scenario, kills: readonly number[]): Promise<Outcome> {
  const scene = new Scene(kills);
  const { world, bodies, violations } = scene;
  await using _ = world;
  const workflows = await scenario.serve(scene);
  await scene.kills.begin(() => world.work(workflows));
  const result = await scenario.drive(scene, workflows).then(
    (value) => ({ value }), (error: unknown) => ({ error: messageOf(error) }));
  // Who hears of an end, and what closes with it, is told after the result.
  await world.untilIdle();
  for await (const finding of scene.client.check()) violations.push(`X3: ${JSON.stringify(finding)}`);
  const { points, killed } = scene.kills;
  return { points, killed, result: JSON.stringify(result), rows: leftRows(world.store), bodies, violations };
}

/** Explores every point, and every pair of points. */
export async function exploreKills(scenario: Scenario): Promise<Exploration> {
  const plain = await runWithKills(scenario, []);
  const violations = [...unfinished(plain), ...brokenBy([], plain, plain)];
  if (violations.length > 0) return { points: plain.points, singles: 0, pairs: 0, violations };
  let singles = 0;
  let pairs = 0;
  for (let first = 0; first < plain.points.length && violations.length < enough; first++) {
    const once = await runWithKills(scenario, [first]);
    violations.push(...brokenBy([first], once, plain));
    singles++;
    for (let second = first + 1; second < once.points.length && violations.length < enough; second++) {
      violations.push(...brokenBy([first, second], await runWithKills(scenario, [first, second]), plain));
      pairs++;
    }
  }
  return { points: plain.points, singles, pairs, violations };
}

/** What all others are compared with has to have come to its end. */
function* unfinished({ rows, result }: Outcome): Iterable<string> {
  for (const row of rows) {
    if (row.startsWith('in line: ')) yield `X1: nobody was killed, and it did not end: ${row}, ${result}`;
  }
}

function* brokenBy(kills: readonly number[], outcome: Outcome, plain: Outcome): Iterable<string> {
  const told = kills.map((kill) => {
    const point = outcome.points[kill];
    return `${kill} (${point?.when} ${point?.what})`;
  });
  const where = `killed at ${JSON.stringify(kills)}: ${told.join(', ')}`;
  if (outcome.killed !== kills.length) yield `${where}: ${outcome.killed} kills took place`;
  if (outcome.result !== plain.result) yield `X1: ${where}: ${outcome.result}, not ${plain.result}`;
  const rows = difference(plain.rows, outcome.rows);
  if (rows !== '') yield `X1: ${where}: ${rows}`;
  for (const [body, times] of outcome.bodies) {
    if (!plain.bodies.has(body)) yield `X2: ${where}: ${body} is no body of the run without kills`;
    if (times > 1 + kills.length) yield `X2: ${where}: ${body} began ${times} times`;
  }
  for (const body of plain.bodies.keys()) {
    if (!outcome.bodies.has(body)) yield `X2: ${where}: ${body} never began`;
  }
  for (const violation of outcome.violations) yield `${where}: ${violation}`;
}

function difference(expected: readonly string[], found: readonly string[]): string {
  const missing = without(expected, found);
  const added = without(found, expected);
  return missing.length + added.length === 0 ? '' : `missing ${JSON.stringify(missing)}, ` +
    `too many ${JSON.stringify(added)}`;
}

/** What of a list another does not have; of equal lines each counts. */
function without(list: readonly string[], taken: readonly string[]): readonly string[] {
  const rest = [...taken];
  return list.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} / ${cause.message}` : message;
}
