// The life of one worker process, as far as a test can end it.
import type { Logger } from '@perdure/core';

/** A process that may die. */
export class Life {
  /** Rejects when it is over. */
  readonly death: Promise<never>;
  #over = false;
  #die: (reason: Error) => void = () => undefined;

  constructor() {
    this.death = new Promise((_, reject) => {
      this.#die = reject;
    });
    this.death.catch(() => undefined);
  }

  get over(): boolean {
    return this.#over;
  }

  end(): void {
    this.#over = true;
    this.#die(new Error('Its process has died.'));
  }
}

/** What a process that has died waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** The dead say nothing. */
export function loggerOf(life: Life, { debug, info, warn, error }: Logger): Logger {
  const living = (say: Logger['info']): Logger['info'] => (message, facts) => {
    if (!life.over) say(message, facts);
  };
  return { debug: living(debug), info: living(info), warn: living(warn), error: living(error) };
}
