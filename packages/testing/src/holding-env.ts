// The Env of a client on virtual time: as long as somebody waits for a result, the process stays.
import { systemEnv, type Env } from '@perdure/core/engine';

const marginMs = 60_000;

/** The same surroundings, whose pauses hold the process, as those of a real client do. */
export function holdingEnv(env: Env): Env {
  return {
    wallTime: () => env.wallTime(),
    monotonic: () => env.monotonic(),
    after: (ms, fire) => env.after(ms, fire),
    sleep: (ms, abortSignal) => env.sleep(ms, abortSignal),
    idle: async (ms, abortSignal) => {
      const over = new AbortController();
      // Longer than the pause: if it ended a moment before, nothing would hold the process for that moment.
      void systemEnv.sleep(ms + marginMs, over.signal);
      await env.idle(ms, abortSignal);
      over.abort();
    },
    nextTurn: (next) => env.nextTurn(next),
    afterDrain: (next) => env.afterDrain(next),
    random: () => env.random(),
    spread: () => env.spread(),
    newId: () => env.newId(),
    newToken: () => env.newToken(),
    newUuid: () => env.newUuid(),
  };
}
