// Runs whose state is to be explained, on a virtual clock that stands at midnight when they begin, so that
// sentences are known to the letter.
import { workflow, type Ctx, type Duration, type RetryPolicy } from '@perdure/core';
import { expect } from 'vitest';
import { behaviourWorld, startAt, type BehaviourEnv } from '../../testing/test/behaviour-world.js';

/** What steps fail with here. */
export class CardError extends Error {
  override readonly name = 'CardError';
}

/** A workflow function. */
export type Code = (ctx: Ctx) => Promise<unknown>;
/** The world that it runs in. */
export type Env = BehaviourEnv;

export const minute = 60;
export const hour = 3_600;
export const day = 86_400;

/** Midnight and so many seconds, as a sentence says it. */
export function iso(seconds: number): string {
  return new Date(startAt.getTime() + seconds * 1_000).toISOString();
}

/** A world in which bodies that hold on keep nobody waiting. */
export function world(): Env {
  return behaviourWorld('normal', { patience: 10 });
}

/** What is said of the run 'r' after its name. */
export async function said(env: Env): Promise<string> {
  const sentence = await env.client.get({ id: 'r', workflow: 'order' }).explain();
  expect(sentence).toMatch(/^Run 'r' of workflow 'order' .*\.$/);
  return sentence.slice("Run 'r' of workflow 'order' ".length, -1);
}

/** Runs some code as the run 'r' until nothing moves any more, and gives what is said of it. */
export async function ran(env: Env, code: Code, options: { timeout?: Duration } = {}): Promise<string> {
  const order = workflow({ name: 'order', ...options as object, retry: fixed }, code);
  await env.serve(order);
  await env.start(order, undefined, { id: 'r' });
  await env.advance(0);
  return said(env);
}

/** Attempts 40 seconds apart. */
export const fixed: RetryPolicy = {
  initialInterval: '40 s', maximumInterval: '1 day', backoffCoefficient: 1, jitter: false,
};
/** Attempts an hour apart. */
export const hourly: RetryPolicy = { ...fixed, initialInterval: '1 hour' };

/** The body of a step that fails. */
export function declined(): never {
  throw new CardError('declined');
}

/** No worker takes a run any more; and none tells a run what came for it. */
export function deaf(env: Env, { also }: { also?: 'mail' } = {}): void {
  env.store.claim = async () => ({ runs: [], moved: 0, at: 0, nextDueAt: null });
  if (also === 'mail') env.store.carry = () => new Promise(() => undefined);
}
