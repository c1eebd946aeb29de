// Runs whose last owner vanished are tried one at a time a process, so that a run that kills its process
// never takes its neighbours along.
//
//   Q1. One suspect at a time. It leaves by recording progress, by resting or settling, or by outliving its
//       probation.
//   Q2. Only claims that end by lease expiry in quarantine count towards POISONED. The probation doubles with
//       each strike, so that a run that takes long to kill is alone in the end as well.
import { poisoned, type Env, type LiveRun, type Timer } from '@perdure/core/engine';
import { poisonStrikes, probationMs } from './defaults.js';

/** The quarantine of one worker. */
export class Quarantine {
  readonly #env: Env;
  readonly #left: () => void;
  readonly #probationMs: number;
  #suspect: LiveRun | null = null;
  #timer: Timer | null = null;

  /** `left` is called whenever the place is free again. */
  constructor(env: Env, left: () => void, firstProbationMs: number = probationMs) {
    this.#env = env;
    this.#left = left;
    this.#probationMs = firstProbationMs;
  }

  get free(): boolean {
    return this.#suspect === null;
  }

  /** A claimed run begins: takes the place if it is a suspect. */
  admit(run: LiveRun): void {
    const { strikes, soloStrikes } = run.claimed;
    if (strikes === 0) return;
    if (soloStrikes >= poisonStrikes) {
      run.park(poisoned(soloStrikes));
      return;
    }
    this.#suspect = run;
    this.#timer = this.#env.after(this.#probationMs * 2 ** (strikes - 1), () => {
      run.renew('leave');
      this.release(run);
    });
  }

  /** The run recorded something, or is over: frees the place if it was the suspect and is none any more. */
  review(run: LiveRun, over: boolean): void {
    if (over || !run.suspect) this.release(run);
  }

  release(run: LiveRun): void {
    if (this.#suspect !== run) return;
    this.#suspect = null;
    this.#timer?.cancel();
    this.#left();
  }
}
