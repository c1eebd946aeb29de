// One process of the business, as its parent sees it: it starts it, hears what it says, freezes and kills it.
// None outlives the parent.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemEnv } from '@perdure/core/engine';
import type { Said } from './said.js';

/** How a process is set up. */
export interface ProcessSetup {
  readonly program: 'business-worker' | 'business-client';
  /** Added to the environment. */
  readonly settings: Readonly<Record<string, string>>;
  /** Megabytes of memory that its JavaScript may take. */
  readonly memory?: number | undefined;
  hear(said: Said, from: ChaosProcess): void;
}

/** How much of what a process wrote to standard error is kept, to be shown when it ends by itself. */
const longestLines = 3_000;

/** What says that a run has left its worker. */
const leaving: ReadonlySet<Said['name']> = new Set(['settled', 'rested', 'parked', 'lost']);

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** One process of the business. */
export class ChaosProcess {
  readonly pid: number;
  readonly program: ProcessSetup['program'];
  /** Resolves when it is gone and everything it said was heard. */
  readonly gone: Promise<void>;
  /** Resolves when it is ready, or gone. */
  readonly ready: Promise<void>;
  /** Runs that it has claimed and not let go. */
  readonly held: Set<string> = new Set();
  /** Somebody ends it: its end is no surprise. */
  doomed = false;
  frozen = false;
  /** It has said that it is ready, and is not gone. */
  atWork = false;
  /** What it wrote to standard error last. */
  lines = '';
  readonly #child: ChildProcess;

  constructor({ program, settings, memory, hear }: ProcessSetup) {
    const file = fileURLToPath(new URL(`../dist-chaos/${program}.js`, import.meta.url));
    const execArgv = memory === undefined ? [] : [`--max-old-space-size=${memory}`];
    const env = { ...process.env, ...settings };
    const child = fork(file, { env, execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    this.program = program;
    this.pid = child.pid ?? 0;
    alive.add(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lines = (this.lines + text).slice(-longestLines);
    });
    const left = once(child, 'exit').then(() => {
      this.atWork = false;
      alive.delete(child);
    });
    // What it said before it died may still be on its way.
    this.gone = Promise.all([left, once(child, 'disconnect')]).then(() => undefined);
    this.ready = new Promise((resolve) => {
      void this.gone.then(resolve);
      child.on('message', (said: Said) => {
        if (said.name === 'ready') {
          this.atWork = true;
          resolve();
        }
        this.#note(said);
        hear(said, this);
      });
    });
  }

  #note(said: Said): void {
    if (said.name === 'claimed') this.held.add(said.runId);
    else if ('runId' in said && leaving.has(said.name)) this.held.delete(said.runId);
  }

  /** How it ended: an exit code or a signal. */
  get end(): number | string | null {
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  /** SIGKILL. Resolves when it is gone, with the runs that it held. */
  async kill(): Promise<ReadonlySet<string>> {
    this.doomed = true;
    this.#child.kill('SIGKILL');
    await this.gone;
    return this.held;
  }

  freeze(): void {
    this.frozen = this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    if (this.frozen) this.#child.kill('SIGCONT');
    this.frozen = false;
  }

  /** SIGTERM: it ends in order, within `ms`, or is killed. Resolves when it is gone. */
  async stop(ms: number): Promise<void> {
    this.doomed = true;
    this.thaw();
    this.#child.kill('SIGTERM');
    const tooLate = systemEnv.after(ms, () => this.#child.kill('SIGKILL'));
    await this.gone;
    tooLate.cancel();
  }

  /** A client dies at its next COMMIT. */
  dieAt(when: 'before' | 'after'): void {
    this.doomed = true;
    if (this.#child.connected) this.#child.send({ dieAt: when });
  }
}
