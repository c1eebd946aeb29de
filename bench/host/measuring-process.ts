// The bench's end of a child process.
import { fork, type ChildProcess } from 'node:child_process';
import { systemEnv } from '@perdure/core/engine';
import type { Answer, Order } from './child.js';
import type { Roles } from './roles.js';

type Result<R extends keyof Roles> = Awaited<ReturnType<Roles[R]>>;

const longestWorkMs = 10 * 60_000;
const longestGoodbyeMs = 5_000;

/** A process that measures. What is measured runs in one of these; the bench itself only waits. */
export class MeasuringProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor() {
    this.#child = fork(new URL('./child.js', import.meta.url));
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  /** Asks for one thing. Throws what the child threw, and when it takes too long or ends. */
  ask<R extends keyof Roles>(role: R, request: Parameters<Roles[R]>[0]): Promise<Result<R>> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        timer.cancel();
        this.#child.off('message', heard);
        this.#child.off('exit', died);
      };
      const heard = (answer: Answer): void => {
        done();
        if (answer.ok) resolve(answer.value as Result<R>);
        else reject(new Error(`${role}: ${answer.error}`));
      };
      const died = (): void => {
        done();
        reject(new Error(`the process that did '${role}' ended`));
      };
      const timer = systemEnv.after(longestWorkMs, () => {
        done();
        reject(new Error(`'${role}' did not end within ${longestWorkMs} ms`));
      });
      this.#child.on('message', heard);
      this.#child.once('exit', died);
      this.#child.send({ role, request } satisfies Order);
    });
  }

  /** Lets go of it: it ends by itself when it has nothing left to do. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = systemEnv.after(longestGoodbyeMs, () => this.#child.kill('SIGKILL'));
    await this.#exited;
    timer.cancel();
  }
}
