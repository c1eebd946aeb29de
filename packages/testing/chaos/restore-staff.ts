// The worker processes of a restore scenario.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { WorkerSaid } from './restore-worker.js';

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** One worker process. */
export class StaffMember {
  /** Why it found its database restored, each time. */
  readonly restored: string[] = [];
  /** Runs that it gave back then. */
  givenBack = 0;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  #errors = '';

  /** `did` hears of the steps that it performed. */
  constructor(args: readonly string[], did: (id: string, step: string) => void) {
    const program = fileURLToPath(new URL('../dist-chaos/restore-worker.js', import.meta.url));
    const child = fork(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2_000);
    });
    this.#ready = new Promise((resolve, reject) => {
      child.on('message', (said: WorkerSaid) => {
        if (said.kind === 'ready') resolve();
        else if (said.kind === 'did') did(said.id, said.step);
        else this.#hear(said);
      });
      child.once('exit', (code) => reject(new Error(`A worker ended with ${code}. ${this.#errors}`)));
    });
    this.#ready.catch(() => undefined);
  }

  #hear({ why, runs }: { why: string; runs: number }): void {
    this.restored.push(why);
    this.givenBack += runs;
  }

  /** Resolves when it works. */
  async ready(): Promise<this> {
    await this.#ready;
    return this;
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** What was wrong with it: an end by itself, or one that was no good end. */
  async dismiss(): Promise<string[]> {
    if (!alive.has(this.#child)) return [`A worker ended by itself. ${this.#errors}`];
    const gone = once(this.#child, 'exit') as Promise<[number | null]>;
    this.#child.kill('SIGTERM');
    const [code] = await gone;
    return code === 0 ? [] : [`A worker that was asked to stop ended with ${code}. ${this.#errors}`];
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
