// The scenes of the tour: an order that is rolled back, and an order whose worker is killed.
import { setTimeout as delay } from 'node:timers/promises';
import { fulfilSteps, type Shipment } from '../order-service/fulfil.js';
import type { NewOrder } from '../order-service/order-service.js';
import type { WorkerEvent } from '../order-service/worker-event.js';
import { WorkerProcess } from '../order-service/worker-process.js';
import { countOrders, countUnmatched, expectCount, expectTrue, readEffects } from './counts.js';
import { Narrator, numbered } from './narrator.js';
import { screen, seconds } from './screen.js';
import type { Stage } from './stage.js';

/** The lease of the tour's workers. Short, because the tour waits for its end. */
export const leaseMs = 2_000;

const patienceMs = 30_000;

/** When the worker of an order is killed. */
export interface Murder {
  /** The step in which it happens. */
  readonly step: string;
  /** How long after the step began, in ms; null: as soon as its effect is written, and before it returns. */
  readonly afterMs: number | null;
  /** How long each step takes. */
  readonly stepMs: number;
}

/** An order whose handler throws after it started the run: neither is there afterwards. */
export async function rolledBackOrder(stage: Stage): Promise<void> {
  screen.title('An order that is refused after its run was started');
  const before = await countOrders(stage.db);
  await post(stage, { item: 'grand piano', price: 90_000 }, 409);
  screen.remark('The handler inserted the order, started its run in the same transaction, and then threw.');
  const after = await countOrders(stage.db);
  expectCount('orders left of it', after.orders - before.orders, 0);
  expectCount('runs left of it', after.runs - before.runs, 0);
}

/** An order whose worker is killed; a second worker takes over. */
export async function killedWorker(stage: Stage, murder: Murder): Promise<void> {
  const narrator = new Narrator();
  const { first, moment } = await startVictim(stage, murder, narrator);
  screen.worker(first.pid, `is up; it holds a run by a lease of ${seconds(leaseMs)}, renewed while it lives`);

  const ordered = performance.now();
  const { run } = await post(stage, { item: 'desk lamp', price: 40 }, 202);
  narrator.begin();
  if (run === undefined) throw new Error('The order service did not say which run it started.');
  screen.remark('The order and its run were committed together.');
  await moment;
  if (murder.afterMs !== null) await delay(murder.afterMs);
  else screen.worker(first.pid, `  ${numbered(murder.step)}has written its effect, has not returned`);
  await first.kill();
  narrator.killed(first.pid);
  screen.remark('Nobody is told of it. The end of its lease, and nothing else, hands the run over.');

  const second = await WorkerProcess.start({
    url: stage.url, leaseMs, stepMs: murder.stepMs, hear: (event, { pid }) => narrator.tell(event, pid),
  });
  screen.worker(second.pid, 'is up');
  const handle = stage.client.get<Shipment>({ id: run, workflow: 'fulfil' });
  const { tracking } = await handle.result({ timeout: patienceMs });
  const tookMs = performance.now() - ordered;
  await second.stop();
  screen.say(`run ${run} completed with '${tracking}', ${seconds(tookMs)} after the order was taken`);
  await countEffects(stage, run, murder);
}

async function post(stage: Stage, order: NewOrder, wanted: number): Promise<{ run?: string }> {
  const body = JSON.stringify(order);
  const response = await fetch(`${stage.service}/orders`, {
    method: 'POST', body, headers: { 'content-type': 'application/json' },
  });
  const answer = await response.text();
  screen.say(`POST /orders ${body}`);
  screen.say(`  ${response.status} ${answer}`);
  expectTrue(`the answer of the order service is ${wanted}`, response.status === wanted);
  return JSON.parse(answer) as { run?: string };
}

/** Starts the worker that will be killed; `moment` resolves when its time has come. */
async function startVictim(
  stage: Stage, { step, afterMs, stepMs }: Murder, narrator: Narrator,
): Promise<{ first: WorkerProcess; moment: Promise<void> }> {
  const wanted: WorkerEvent['name'] = afterMs === null ? 'effect' : 'perdure:step.started';
  let come = (): void => undefined;
  const moment = new Promise<void>((resolve) => {
    come = resolve;
  });
  const first = await WorkerProcess.start({
    url: stage.url, leaseMs, stepMs,
    // Held in this step, so that the kill surely hits it there.
    holdAt: afterMs === null ? step : undefined,
    hear: (event, { pid }) => {
      narrator.tell(event, pid);
      if (event.name === wanted && 'step' in event && event.step === step) come();
    },
  });
  const late = delay(patienceMs, undefined, { ref: false }).then(() => {
    throw new Error(`The worker did not come to step '${step}' within ${seconds(patienceMs)}.`);
  });
  return { first, moment: Promise.race([moment, late]) };
}

async function countEffects(stage: Stage, run: string, murder: Murder): Promise<void> {
  screen.title('What is in the tables now');
  const effects = await readEffects(stage.db, run);
  for (const { step, pids } of effects) {
    const times = ['never', 'once', 'twice'][pids.length] ?? `${pids.length} times`;
    screen.say(`${numbered(step)}ran ${times.padEnd(5)}  by ${pids.join(' and ')}`);
  }
  const counts = effects.map(({ pids }) => pids.length);
  if (murder.afterMs === null) {
    const wanted = fulfilSteps.map((step) => (step === murder.step ? 2 : 1));
    expectCount('times that each step ran', counts, wanted);
  } else {
    const again = counts.reduce((sum, count) => sum + count, 0) - fulfilSteps.length;
    expectTrue('every step ran', counts.every((count) => count >= 1));
    expectTrue(`one kill made at most one step run again, and not ${again}`, again <= 1);
    screen.right(`times that each step ran: ${JSON.stringify(counts)}; one kill repeats one step at most`);
  }
  for (const { step, keys } of effects) {
    expectTrue(`step '${step}' had one idempotency key`, keys.length === 1);
  }
  const twice = effects.find(({ pids }) => pids.length > 1);
  if (twice !== undefined) {
    screen.remark(`'${twice.step}' ran twice: its worker died after the work and before the record.`);
    screen.remark(`Both times it had the idempotency key ${twice.keys.join()}; a real service acts once.`);
  }
  const { ordersWithoutRun, runsWithoutOrder } = await countUnmatched(stage.db);
  expectCount('orders without a run', ordersWithoutRun, 0);
  expectCount('runs without an order', runsWithoutOrder, 0);
}
