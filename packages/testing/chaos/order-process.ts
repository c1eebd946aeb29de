// The processes of the order service (examples/order-service), as chaos sees them: it starts them, hears what
// they say, and kills them.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a process says over IPC, as far as chaos listens. */
interface Said {
  readonly name: string;
  readonly url?: string;
  readonly runId?: string;
}

/** How much of what a process wrote to standard error is kept, to be shown when it ends by itself. */
const longestLines = 2_000;

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** One process of the order service. */
export class OrderProcess {
  readonly pid: number;
  /** Resolves when it is gone and everything it said was heard. */
  readonly gone: Promise<void>;
  /** What it said when it was ready; rejects if it ends before. */
  readonly ready: Promise<string>;
  /** Runs that it has claimed and not let go. */
  readonly held: Set<string> = new Set();
  readonly #child: ChildProcess;

  /** `program`: serve or worker. `settings` go into its environment. */
  constructor(program: 'serve' | 'worker', settings: Readonly<Record<string, string>>) {
    const file = new URL(`../../../examples/dist/order-service/${program}.js`, import.meta.url);
    const env = { ...process.env, ...settings };
    const child = fork(fileURLToPath(file), { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    let lines = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lines = (lines + text).slice(-longestLines);
    });
    this.pid = child.pid ?? 0;
    alive.add(child);
    const left = once(child, 'exit').then(() => alive.delete(child));
    // What it said before it died may still be on its way.
    this.gone = Promise.all([left, once(child, 'disconnect')]).then(() => undefined);
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (said: Said) => {
        if (said.name === 'ready') resolve(said.url ?? '');
        else this.#hear(said);
      });
      child.once('exit', (code, signal) => {
        reject(new Error(`${program} ended with ${code ?? signal} before it was ready. ${lines}`));
      });
    });
    // Whether it was killed before it was ready is of interest to nobody.
    this.ready.catch(() => undefined);
  }

  #hear({ name, runId }: Said): void {
    if (runId === undefined) return;
    if (name === 'perdure:run.claimed') this.held.add(runId);
    else if (/^perdure:run\.(rested|settled|parked|lost)$/.test(name)) this.held.delete(runId);
  }

  /** SIGKILL. Resolves when it is gone, with the runs that it held. */
  async kill(): Promise<ReadonlySet<string>> {
    this.#child.kill('SIGKILL');
    await this.gone;
    return this.held;
  }

  /** SIGTERM. Resolves when it is gone, with its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.gone;
    return this.#child.exitCode;
  }
}
