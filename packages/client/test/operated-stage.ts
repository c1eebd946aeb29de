// A client, and workers that end with their test, in memory and on PostgreSQL: for what operators do to runs.
import { createClient, type Client, type RunHandle } from '@perdure/client';
import { type, workflow, type Connection, type Workflow } from '@perdure/core';
import { memoryConnection } from '@perdure/testing';
import { createWorker, type Worker } from '@perdure/worker';
import { afterEach, expect } from 'vitest';
import { failure, freshEngine, silent, until } from '../../testing/test/engine.js';

let names = 0;
/** A name or id that no other test uses. */
export const fresh = (): string => `operated-${++names}`;

/** One database. */
export interface Stage {
  readonly connection: Connection;
  readonly client: Client;
  /** Starts a worker; it is stopped when the test has ended. */
  work(...workflows: Workflow[]): Promise<Worker>;
  /** A run that has failed. */
  failed(flow: Workflow<string, string, string>, id?: string): Promise<RunHandle<string>>;
  /** A run that a mistake of its code has parked, and its worker; the code can be put right. */
  parked(): Promise<Parked>;
}

/** What `parked` gives. */
export interface Parked {
  readonly facts: { broken: boolean };
  readonly flow: Workflow<void, void, string, { go: string }>;
  readonly run: RunHandle<string, { go: string }>;
  readonly worker: Worker;
}

/** A stage on each store. Call it at the top level of a test file. */
export async function stages(): Promise<ReadonlyArray<readonly [name: string, stage: Stage]>> {
  const undo: Array<() => Promise<void>> = [];
  afterEach(async () => {
    await Promise.all(undo.splice(0).map((end) => end()));
  });
  const engine = await freshEngine();
  const stageOn = (connection: Connection): Stage => new Standing(connection, undo);
  return [['memory', stageOn(memoryConnection())], ['postgres', stageOn(engine.connection)]];
}

class Standing implements Stage {
  readonly connection: Connection;
  readonly client: Client;
  readonly #undo: Array<() => Promise<void>>;

  constructor(connection: Connection, undo: Array<() => Promise<void>>) {
    this.connection = connection;
    this.client = createClient({ connection });
    this.#undo = undo;
  }

  readonly work = async (...workflows: Workflow[]): Promise<Worker> => {
    const worker = await createWorker({ connection: this.connection, workflows, logger: silent }).start();
    this.#undo.push(() => worker.stop({ timeout: 0 }));
    return worker;
  };

  readonly failed: Stage['failed'] = async (flow, id) => {
    const run = await this.client.start(flow, 'a', { id });
    expect(await failure(run.result())).toMatchObject({ code: 'RUN_FAILED' });
    return run;
  };

  readonly parked = async (): Promise<Parked> => {
    const facts = { broken: true };
    const flow = workflow({ name: fresh(), signals: { go: type<string>() } }, async (ctx) => {
      const first = await ctx.step('first', () => 1);
      if (facts.broken) void ctx.step('forgotten', () => 2);
      return facts.broken ? 'broken' : `${first} ${await ctx.waitFor('go')}`;
    });
    const worker = await this.work(flow);
    const run = await this.client.start(flow);
    await until(async () => await run.status() === 'parked');
    return { facts, flow, run, worker };
  };
}

/** A workflow of three steps, the second of which fails until it is told not to. */
export function shaky(name: string = fresh()): {
  flow: Workflow<string, string, string>; facts: { broken: boolean; calls: string[] };
} {
  const facts = { broken: true, calls: [] as string[] };
  const done = <T>(step: string, value: T): T => {
    facts.calls.push(step);
    return value;
  };
  const flow = workflow({ name, retry: 1, input: type<string>() }, async (ctx, input) => {
    const first = await ctx.step('first', () => done('first', `${input}-1`));
    const second = await ctx.step('second', () => {
      facts.calls.push('second');
      if (facts.broken) throw new Error('it is broken');
      return `${first}-2`;
    });
    return ctx.step('third', () => done('third', `${second}-3`));
  });
  return { flow, facts };
}

/** A workflow that waits for a signal, and returns it. */
export function waiting(name: string = fresh()): Workflow<void, void, string, { go: string }> {
  return workflow({ name, signals: { go: type<string>() } }, async (ctx) => ctx.waitFor('go'));
}

/** One that all tests of a file share. */
export const waits: Workflow<void, void, string, { go: string }> = waiting('waits');
