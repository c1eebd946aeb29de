// What the tour offers afterwards, to a person at a terminal.
import { fulfilSteps } from '../order-service/fulfil.js';
import { killedWorker } from './scenes.js';
import { screen } from './screen.js';
import type { Stage } from './stage.js';

const ctrlC = '\u0003';

/** Whether a person sits before us, who can press keys. */
export function hasPerson(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Serves keys until `q`. Rejects with what a scene throws. */
export async function serveKeys(stage: Stage, again: () => Promise<void>): Promise<void> {
  const { stdin } = process;
  const scenes: Record<string, () => Promise<void>> = { r: again, k: () => murderByChance(stage) };
  const keys = 'keys:  r  run again   k  kill a worker at a moment of chance   q  quit';
  try {
    stdin.setRawMode(true);
    stdin.resume();
    screen.title(keys);
    await new Promise<void>((resolve, reject) => {
      let playing = false;
      stdin.on('data', (pressed: Buffer) => {
        const key = pressed.toString();
        // A raw terminal sends no SIGINT.
        if (key === ctrlC || key === 'q') return resolve();
        const scene = scenes[key];
        if (scene === undefined || playing) return undefined;
        playing = true;
        return void scene().then(() => {
          playing = false;
          screen.title(keys);
        }).catch(reject);
      });
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}

async function murderByChance(stage: Stage): Promise<void> {
  screen.title('Another order, whose worker is killed at a moment of chance');
  const stepMs = 300;
  const step = fulfilSteps[Math.floor(Math.random() * fulfilSteps.length)] ?? fulfilSteps[0];
  await killedWorker(stage, { step, afterMs: Math.random() * stepMs, stepMs });
}
