// Programs as workflows of the engine. Every call is told to the recorder: when code made it, and what it was
// shown. What the code returns are the outcomes themselves, so that they can be compared with the reference.
import {
  RunCancelledError, RunTimeoutError, workflow, type Ctx, type StepInfo,
  type Workflow,
} from '@perdure/core';
import type { Client } from '@perdure/client';
import type { Env } from '@perdure/core/engine';
import type { SimTransaction } from '../dist/simulation/sim-transaction.js';
import type { Node, Outcome, Program, ProgramInput } from './program.js';
import { keyOf, type Call, type Recorder, type Spot, type View } from './recorder.js';

/** What workflows of one process need of it. */
export interface Host {
  readonly recorder: Recorder;
  readonly env: Env;
  /** The client of this process. */
  client(): Client;
  /** Something begins because of these calls: they must be durable. */
  mustBeDurable(view: View, calls: readonly Call[]): void;
}

/** The workflow that transactions start: it does nothing. */
export const tinyName = 'tiny';

type AnyCtx = Ctx<Record<string, string>>;
type AnyWorkflow = Workflow<ProgramInput, ProgramInput, unknown, Record<string, string>>;
type Of<Op extends Node['op']> = Extract<Node, { readonly op: Op }>;

/** Its worker's lease lasts so much longer while it is open. */
const transactionMs = 1_500;
const retry = { initialInterval: 10, backoffCoefficient: 2, maximumInterval: 50 };

/** The workflows of a process, in the order of the programs; the last is the tiny one. */
export function interpret(programs: readonly Program[], host: Host): AnyWorkflow[] {
  const made: AnyWorkflow[] = [];
  for (const program of programs) {
    made.push(workflow(program.name, async (ctx: Ctx, input: ProgramInput) => {
      const code = new Code(ctx as unknown as AnyCtx, host, made);
      const value = await code.node(ctx as unknown as AnyCtx, program.body);
      if (input.again > 0) return ctx.continueAsNew({ again: input.again - 1 });
      return value;
    }) as AnyWorkflow);
  }
  made.push(workflow(tinyName, async (_ctx: Ctx, input: ProgramInput) => input.again) as AnyWorkflow);
  return made;
}

/** What tells an error from others: its code, and what it was caused by; or its message. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code !== 'string') return error.message;
  return code === 'RUN_FAILED' && cause !== undefined ? `RUN_FAILED ${nameOf(cause)}` : code;
}

/** What the code of a run is shown where it, or its branch, is to end. */
export const ending = 'ENDING';

class Code {
  readonly #host: Host;
  readonly #workflows: readonly AnyWorkflow[];
  readonly #run: string;
  readonly #view: View;

  constructor({ runId, attempt }: AnyCtx, host: Host, workflows: readonly AnyWorkflow[]) {
    this.#host = host;
    this.#workflows = workflows;
    this.#run = runId;
    this.#view = host.recorder.view(runId, attempt);
  }

  /** Does what a node says; `ctx` is that of its branch. */
  async node(ctx: AnyCtx, node: Node): Promise<unknown> {
    const { recorder } = this.#host;
    const call = recorder.begin(this.#view, node.id);
    try {
      const value = await this.#do(ctx, node);
      recorder.show(this.#view, call, { ok: true, value });
      return value;
    } catch (error) {
      recorder.show(this.#view, call, { ok: false, error: this.#nameOf(error) });
      throw error;
    }
  }

  #nameOf(error: unknown): string {
    return this.#isEnding(error) ? ending : nameOf(error);
  }

  /** Whether an error ends the run, or its branch, and is not for its code to handle. */
  #isEnding(error: unknown): boolean {
    return error instanceof RunTimeoutError ||
      (error instanceof RunCancelledError && error.runId === this.#run);
  }

  #do(ctx: AnyCtx, node: Node): unknown {
    switch (node.op) {
      case 'sequence': return this.#sequence(ctx, node);
      case 'all': return ctx.all(this.#branches(node));
      case 'race': return ctx.race(this.#branches(node));
      case 'together': return this.#together(ctx, node);
      case 'attempt': return this.#attempt(ctx, node);
      case 'step': return ctx.step(node.id, this.#policy(node), (step) => this.#stepBody(node, step));
      case 'map': return this.#map(ctx, node);
      case 'transaction':
        return ctx.transaction(node.id, { ...this.#policy(node), timeout: transactionMs },
          (tx, step) => this.#transactionBody(node, tx as unknown as SimTransaction, step));
      case 'execute': case 'spawn': return this.#child(ctx, node);
      default: return this.#small(ctx, node);
    }
  }

  #small(
    ctx: AnyCtx, node: Of<'sleep' | 'wait' | 'event' | 'facts' | 'patched' | 'publish' | 'set' | 'rollback'>,
  ): unknown {
    switch (node.op) {
      case 'sleep': return ctx.sleep(node.ms);
      case 'wait':
        return node.timeoutMs === null
          ? ctx.waitFor(node.signal) : ctx.waitFor(node.signal, { timeout: node.timeoutMs });
      case 'event':
        return ctx.waitForEvent('news', { key: node.key, timeout: node.timeoutMs, lookBack: '1s' });
      case 'facts': return [ctx.now().getTime(), ctx.random(), ctx.uuid()];
      case 'patched': return ctx.patched(node.id);
      case 'set': return ctx.set({ [node.attribute]: node.id });
      case 'rollback':
        return ctx.onRollback(node.id, () => {
          this.#durably();
          this.#host.recorder.undo(this.#spot(node.id));
        });
      case 'publish':
        for (let chunk = 0; chunk < node.chunks; chunk++) ctx.publish('s', `${node.id}.${chunk}`);
        return undefined;
    }
  }

  async #sequence(ctx: AnyCtx, { nodes }: Of<'sequence'>): Promise<unknown> {
    const values: unknown[] = [];
    for (const node of nodes) values.push(await this.node(ctx, node));
    return values;
  }

  #branches({ nodes }: Of<'all' | 'race'>): Record<string, (scope: AnyCtx) => Promise<unknown>> {
    return Object.fromEntries(nodes.map((node, index) => [
      `b${index}`, (scope: AnyCtx) => this.node(scope, node),
    ]));
  }

  async #together(ctx: AnyCtx, { nodes }: Of<'together'>): Promise<unknown> {
    const ends = await Promise.allSettled(nodes.map((node) => this.node(ctx, node)));
    return ends.map((end): Outcome => {
      if (end.status === 'fulfilled') return { ok: true, value: end.value };
      if (this.#isEnding(end.reason)) throw end.reason;
      return { ok: false, error: nameOf(end.reason) };
    });
  }

  async #attempt(ctx: AnyCtx, { node }: Of<'attempt'>): Promise<unknown> {
    try {
      return await this.node(ctx, node);
    } catch (error) {
      if (this.#isEnding(error)) throw error;
      return { caught: nameOf(error) };
    }
  }

  #policy({ attempts }: { readonly attempts: number }): { retry: object } {
    return { retry: { ...retry, maximumAttempts: attempts } };
  }

  async #stepBody(node: Of<'step'>, step: StepInfo): Promise<unknown> {
    const body = this.#began(this.#spot(node.id), step);
    if (node.ms > 0) await this.#host.env.sleep(node.ms, step.abortSignal);
    return valueOf(node, step, body);
  }

  #map(ctx: AnyCtx, node: Of<'map'>): Promise<unknown> {
    const items = Array.from({ length: node.items }, (_, index) => index);
    const options = { concurrency: node.concurrency, ...this.#policy(node) };
    return ctx.map(node.id, items, options, (item, step) => {
      const body = this.#began(this.#spot(`${node.id}.${item}`), step);
      // The first item fares as the plan says, the others go well.
      return item === 0 ? valueOf(node, step, body) : `${node.id} ${body}`;
    });
  }

  async #transactionBody(node: Of<'transaction'>, tx: SimTransaction, step: StepInfo): Promise<unknown> {
    const spot = this.#spot(node.id);
    const body = this.#began(spot, step);
    const client = this.#host.client();
    if (node.also === 'signal') {
      const run = client.get(this.#workflows[0] as AnyWorkflow, this.#run);
      await client.signal(tx as never, run, 'a', `tx ${keyOf(spot)}`, { id: `tx ${keyOf(spot)}` });
    } else if (node.also === 'start') {
      const tiny = this.#workflows.at(-1) as AnyWorkflow;
      await client.start(tx as never, tiny, { again: 0 }, { id: `tx ${keyOf(spot)}` });
    }
    await tx.write(keyOf(spot));
    return valueOf(node, step, body);
  }

  async #child(ctx: AnyCtx, node: Of<'execute' | 'spawn'>): Promise<unknown> {
    const child = this.#workflows[node.child] as AnyWorkflow;
    const input = { again: 0 };
    const key = keyOf(this.#spot(node.id));
    if (node.op === 'execute') {
      this.#host.recorder.children.set(key, `child of ${key}`);
      return ctx.execute(child, input, { id: `child of ${key}` });
    }
    const started = await ctx.start(child, input);
    this.#host.recorder.children.set(key, started.id);
    if (node.cancelAfterMs !== null) {
      await ctx.sleep(node.cancelAfterMs);
      await started.cancel('of no use any more');
    }
    return started.result();
  }

  #began(spot: Spot, step: StepInfo): number {
    this.#durably();
    return this.#host.recorder.body(spot, step);
  }

  #durably(): void {
    this.#host.mustBeDurable(this.#view, this.#host.recorder.confirm(this.#view));
  }

  #spot(node: string): Spot {
    return { run: this.#run, generation: this.#view.generation, node };
  }
}

/** What a body answers at this attempt: no two bodies answer the same, as in the world. */
function valueOf(
  { id, failures }: Of<'step' | 'transaction' | 'map'>, { attempt }: StepInfo, body: number,
): string {
  if (attempt <= failures) throw new Error(`boom ${id}`);
  return `${id} ${body}`;
}
