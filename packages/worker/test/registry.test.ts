// What a worker says of itself in the database: when, how often, and that nothing of it harms the worker.
import { hostname } from 'node:os';
import { createClient } from '@perdure/client';
import { workflow, type Logger } from '@perdure/core';
import { systemEnv, type Env, type WorkerFacts } from '@perdure/core/engine';
import { memoryConnection } from '@perdure/testing';
import { createWorker } from '@perdure/worker';
import { expect, test } from 'vitest';
import { behaviourWorld } from '../../testing/test/behaviour-world.js';
import { Gate, silent, until } from '../../testing/test/engine.js';
import { Registry } from '../dist/registry.js';

const hello = workflow({ name: 'hello', version: '2', queue: 'greetings', timeout: '1 hour' }, async () => 1);
const served = [{ queue: 'greetings', workflow: 'hello', version: '2', stamp: '2' }];

/** A clock that the test moves: a pause ends when the test says so, and takes as long as it asked for. */
class HandTime {
  nowMs = 0;
  readonly pauses: number[] = [];
  #end: (() => void) | null = null;
  #ended = new AbortController();
  readonly env: Env = {
    ...systemEnv,
    monotonic: () => this.nowMs,
    idle: (ms, abortSignal) => new Promise((resolve) => {
      this.pauses.push(ms);
      abortSignal?.addEventListener('abort', () => resolve(), { once: true, signal: this.#ended.signal });
      this.#end = () => {
        this.#ended.abort();
        this.#ended = new AbortController();
        resolve();
      };
    }),
  };

  /** Waits for the next pause. */
  async paused(): Promise<void> {
    await until(() => this.#end !== null);
  }

  /** Ends the pause, after so many milliseconds. */
  pass(ms: number): void {
    this.nowMs += ms;
    const end = this.#end;
    this.#end = null;
    end?.();
  }
}

interface Said {
  readonly said: string[];
  readonly facts: WorkerFacts[];
  /** What the next verbs throw. */
  failing: Error | null;
  known: boolean;
}

function registryOn(time: HandTime, log: Logger = silent): { registry: Registry; said: Said } {
  const said: Said = { said: [], facts: [], failing: null, known: false };
  const say = (verb: string): void => {
    said.said.push(verb);
    if (said.failing !== null) throw said.failing;
  };
  const registry = new Registry({
    env: time.env, log, workflows: [hello], served, concurrency: 7,
    store: {
      registerWorker: async (facts) => {
        said.facts.push(facts);
        say('register');
        said.known = true;
      },
      seeWorker: async () => {
        say('see');
        return said.known;
      },
      forgetWorker: async () => say('forget'),
    },
  });
  return { registry, said };
}

test('a worker says what it is and what it serves, is seen each 15 seconds, and is forgotten', async () => {
  const time = new HandTime();
  const { registry, said } = registryOn(time);
  registry.start();
  await time.paused();
  for (let beat = 0; beat < 3; beat++) {
    time.pass(15_000);
    await time.paused();
  }
  expect(time.pauses).toEqual([15_000, 15_000, 15_000, 15_000]);
  await registry.stop();
  expect(said.said).toEqual(['register', 'see', 'see', 'see', 'forget']);
  expect(said.facts).toEqual([{
    id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/), host: hostname(), pid: process.pid, concurrency: 7,
    serves: [{ queue: 'greetings', workflow: 'hello', version: '2' }],
    definitions: [{ workflow: 'hello', queue: 'greetings', timeoutMs: 3_600_000 }],
  }]);
});

test('a pause that ends early is no reason to speak', async () => {
  const time = new HandTime();
  const { registry, said } = registryOn(time);
  registry.start();
  for (let step = 0; step < 14; step++) {
    await time.paused();
    time.pass(1_000);
  }
  await time.paused();
  expect(said.said).toEqual(['register']);
  time.pass(1_000);
  await time.paused();
  expect(said.said).toEqual(['register', 'see']);
  await registry.stop();
});

test('a worker that was forgotten makes itself known again, under the same id', async () => {
  const time = new HandTime();
  const { registry, said } = registryOn(time);
  registry.start();
  await time.paused();
  said.known = false;
  time.pass(15_000);
  await time.paused();
  expect(said.said).toEqual(['register', 'see', 'register']);
  expect(said.facts[1]).toEqual(said.facts[0]);
  await registry.stop();
});

test('what fails is tried again, ever more rarely, and told of once', async () => {
  const time = new HandTime();
  let warnings = 0;
  const { registry, said } = registryOn(time, { ...silent, warn: () => void warnings++ });
  said.failing = new Error('no such table');
  registry.start();
  for (const ms of [1_000, 2_000, 4_000, 8_000, 15_000]) {
    await time.paused();
    time.pass(ms);
  }
  await time.paused();
  expect(time.pauses).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  expect(warnings).toBe(1);
  said.failing = null;
  time.pass(15_000);
  await time.paused();
  expect(said.said.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 'register'));
  // As soon as it has gone well, as often as ever.
  expect(time.pauses.at(-1)).toBe(15_000);
  said.failing = new Error('away');
  time.pass(15_000);
  await time.paused();
  expect(time.pauses.at(-1)).toBe(1_000);
  await registry.stop();
});

test('a registration whose answer was lost is taken back at the end', async () => {
  const time = new HandTime();
  const { registry, said } = registryOn(time);
  said.failing = new Error('the answer was lost');
  registry.start();
  await time.paused();
  said.failing = null;
  await registry.stop();
  expect(said.said).toEqual(['register', 'forget']);
  const idle = registryOn(time);
  await idle.registry.stop();
  expect(idle.said.said).toEqual([]);
});

test('a worker whose registry never answers runs its runs, and stops', async () => {
  const connection = memoryConnection();
  const never = (): Promise<never> => new Promise(() => undefined);
  Object.assign(connection.store, { registerWorker: never, seeWorker: never, forgetWorker: never });
  const gate = new Gate();
  const quick = workflow('quick', async (ctx) => {
    await ctx.step('wait', () => gate.passed);
    return 'done';
  });
  await using worker = createWorker({ connection, workflows: [quick], logger: silent });
  await worker.start();
  const run = await createClient({ connection }).start(quick);
  gate.open();
  expect(await run.result()).toBe('done');
  await worker.stop();
});

test('nor does one harm a worker whose every word to it fails', async () => {
  const connection = memoryConnection();
  const fail = (): never => {
    throw new Error('permission denied for table workers');
  };
  Object.assign(connection.store, { registerWorker: fail, seeWorker: fail, forgetWorker: fail });
  await using worker = createWorker({ connection, workflows: [hello], logger: silent });
  await worker.start();
  expect(await createClient({ connection }).execute(hello)).toBe(1);
  expect(worker.health().ok).toBe(true);
});

test('time that a test moves costs a word a moment at most, however much of it passes', async () => {
  await using env = behaviourWorld('normal');
  let seen = 0;
  const { seeWorker } = env.store;
  env.store.seeWorker = (id) => {
    seen++;
    return seeWorker.call(env.store, id);
  };
  const year = workflow('year', async (ctx) => {
    for (let month = 0; month < 12; month++) await ctx.sleep('30 days');
  });
  await env.serve(year);
  await env.execute(year);
  expect(seen).toBeGreaterThanOrEqual(12);
  expect(seen).toBeLessThanOrEqual(13);
  const [worker] = await env.store.readWorkers();
  expect(worker?.seenAt).toBe(env.now.getTime() * 1_000);
});
