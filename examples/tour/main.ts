// `npm start`: an order is taken, its worker is killed, and the order goes on. Everything that is shown is
// counted in the tables; a wrong count ends the tour with status 1.
import { WorkflowError } from 'perdure';
import { killWorkers } from '../order-service/worker-process.js';
import { WrongCount } from './counts.js';
import { hasPerson, serveKeys } from './keys.js';
import { killedWorker, rolledBackOrder } from './scenes.js';
import { screen, seconds } from './screen.js';
import { setStage, type Stage } from './stage.js';

const began = performance.now();

async function play(stage: Stage): Promise<void> {
  await rolledBackOrder(stage);
  screen.title('An order whose worker is killed inside its third step');
  await killedWorker(stage, { step: 'book courier', afterMs: null, stepMs: 50 });
}

async function main(): Promise<void> {
  screen.title('perdure: a workflow that was started in a transaction survives the death of its worker');
  const stage = await setStage();
  try {
    await play(stage);
    screen.title(`All counts are right. The tour took ${seconds(performance.now() - began)}.`);
    screen.remark('The code is in examples/order-service; smaller examples lie beside it.');
    if (hasPerson()) await serveKeys(stage, () => play(stage));
  } finally {
    killWorkers();
    await stage.close();
  }
}

function explain(error: unknown): string {
  if (error instanceof WrongCount) return error.message;
  if (error instanceof WorkflowError && error.code === 'EMBEDDED_UNAVAILABLE') {
    return `${error.message}\nThe tour always brings its own server; the smaller examples take DATABASE_URL.`;
  }
  if (error instanceof WorkflowError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

// Workers die with this process (see worker-process.ts), and the embedded server ends when its last user has
// gone.
for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) {
  process.once(signal, () => process.exit(128 + number));
}

// Whoever read our lines, such as `head`, has gone.
process.stdout.on('error', () => process.exit(1));

main().then(() => process.exit(0), (error: unknown) => {
  console.error(`\n${explain(error)}`);
  process.exit(1);
});
