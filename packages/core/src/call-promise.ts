// The promise that every call on the context returns.
//
//   R6. It never becomes an unhandled rejection: what it carries is a journaled fact, whether anybody looks
//       or not.
//   R5. It knows whether anybody ever subscribed to it, so that a call nobody awaits can be named.

/** A promise that remembers whether it was subscribed to. What is derived from it is an ordinary promise. */
export class CallPromise<T> extends Promise<T> {
  subscribed = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.subscribed = true;
    return super.then(fulfilled, rejected);
  }

  /** Marks a failure that nobody may be looking at as handled (R6). */
  markHandled(): void {
    void super.then(undefined, () => undefined);
  }
}

/** A call promise with the two functions that settle it. */
export interface OpenPromise<T> {
  readonly promise: CallPromise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes a call promise that is settled from outside. */
export function openPromise<T>(): OpenPromise<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new CallPromise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return {
    promise,
    resolve,
    reject: (error) => {
      if (!promise.subscribed) promise.markHandled();
      reject(error);
    },
  };
}
