// The surroundings of a process whose clock is wrong: it stands off by up to an hour, runs too fast or too
// slow, and jumps now and then. Its timers are right: no machine's are as wrong as its clock may be.
import { systemEnv, type Env } from '@perdure/core/engine';
import { Dice } from './dice.js';

const farthestMs = 3_600_000;
const jumpEveryMs = 700;

/** An Env with a wrong clock, by a seed. */
export function skewedEnv(seed: number): Env {
  const dice = new Dice(seed);
  const drift = dice.between(0.5, 2);
  let offset = dice.between(-farthestMs, farthestMs);
  let jumpAt = systemEnv.monotonic() + jumpEveryMs;
  const wallTime = (): number => {
    const now = systemEnv.monotonic();
    if (now >= jumpAt) {
      offset = dice.between(-farthestMs, farthestMs);
      jumpAt = now + jumpEveryMs;
    }
    return Math.round(systemEnv.wallTime() + offset + now * (drift - 1));
  };
  return { ...systemEnv, wallTime };
}
