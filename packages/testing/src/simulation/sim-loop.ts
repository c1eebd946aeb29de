// The one event loop of a simulation: everything that happens in any process, or on the way to the database,
// is an event of it.
//
//   S1. One event at a time. Before the next one every promise reaction of the last has run.
//   S2. Which of the events that are ready at the same moment goes first is asked of a chooser. Events of one
//       lane keep their order: turns and timers of a process are in a lane, what travels is in none.
//   S3. Every event that is taken goes into the trace.
import { systemEnv, type Timer } from '@perdure/core/engine';
import { Heap } from '../heap.js';
import type { Gate } from './gate.js';
import { TraceHash } from './trace-hash.js';

/** Something that is to happen. */
export interface NewEvent {
  /** When, in milliseconds of true time; now if that has passed. */
  readonly at: number;
  /** To whom it happens. */
  readonly actor: string;
  readonly label: string;
  /** Events of one lane that are ready keep their order. */
  readonly lane?: string | null;
  /** It happens only when this is open. */
  readonly gate?: Gate | null;
  readonly run: () => void;
}

/** Something that is to happen, as a chooser sees it. */
export interface SimEvent extends Required<Omit<NewEvent, 'run' | 'at'>> {
  at: number;
  order: number;
  /** Null once it was called off. */
  run: (() => void) | null;
}

/** Chooses which of several ready events goes first: an index. There are two at least. */
export type Chooser = (ready: readonly SimEvent[]) => number;

/** Why a loop came to rest: nothing left to do, its time over, told to stop, or too many events. */
export type LoopEnd = 'quiet' | 'time' | 'stopped' | 'events';

/** How far a loop runs. */
export interface RunLimits {
  /** True time at which it comes to rest. */
  readonly until: number;
  /** How many events it takes at most. */
  readonly maxEvents: number;
}

/** The event loop of one simulation. */
export class SimLoop {
  readonly trace: TraceHash = new TraceHash();
  readonly #choose: Chooser;
  readonly #later = new Heap<SimEvent>((one, other) => (
    one.at < other.at || (one.at === other.at && one.order < other.order)));
  /** Those whose moment has come, in the order in which they came. */
  #ready: SimEvent[] = [];
  #now: number;
  #order = 0;
  #taken = 0;
  #stopped = false;
  /** Sees every event that is taken. */
  watch: ((event: SimEvent) => void) | null = null;

  constructor(choose: Chooser, startAtMs: number = Date.UTC(2030, 0, 1)) {
    this.#choose = choose;
    this.#now = startAtMs;
  }

  /** True time, in milliseconds since 1970: that of the database. */
  get now(): number {
    return this.#now;
  }

  /** How many events were taken. */
  get taken(): number {
    return this.#taken;
  }

  add({ at, actor, label, lane = null, gate = null, run }: NewEvent): Timer {
    const event: SimEvent = { at, actor, label, lane, gate, run, order: this.#order++ };
    this.#put(event);
    return { cancel: () => void (event.run = null) };
  }

  /** Lets an event in that waited at a gate; it happens now. */
  #admit(event: SimEvent): void {
    // The same event: who set it can still call it off.
    event.at = this.#now;
    event.order = this.#order++;
    this.#put(event);
  }

  #put(event: SimEvent): void {
    if (event.at <= this.#now) this.#ready.push(event);
    else this.#later.add(event);
  }

  /**
   * Time is later all at once, as on machines that were asleep: what was to happen until then happens now.
   * While the loop is at rest.
   */
  leap(to: number): void {
    this.#now = Math.max(this.#now, to);
  }

  /** The loop comes to rest after the event that is under way. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs until a limit. Rejects with what an event throws. */
  run({ until, maxEvents }: RunLimits): Promise<LoopEnd> {
    this.#stopped = false;
    const last = this.#taken + maxEvents;
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        const end = this.#endOf(until, last);
        if (end !== null) {
          resolve(end);
          return;
        }
        try {
          this.#take();
        } catch (error) {
          reject(error);
          return;
        }
        systemEnv.nextTurn(turn);
      };
      // What was begun before has run then (S1).
      systemEnv.nextTurn(turn);
    });
  }

  /** Why not to go on; null while there is something to do. */
  #endOf(until: number, last: number): LoopEnd | null {
    if (this.#stopped) return 'stopped';
    if (this.#taken >= last) return 'events';
    if (this.#ready.length > 0) return null;
    for (;;) {
      const { first } = this.#later;
      if (first === undefined || first.at > until) {
        this.#now = Math.max(this.#now, until);
        return first === undefined ? 'quiet' : 'time';
      }
      if (first.run !== null) break;
      this.#later.take();
    }
    this.#now = Math.max(this.#now, this.#later.first?.at ?? this.#now);
    while (this.#later.first !== undefined && this.#later.first.at <= this.#now) {
      const event = this.#later.take();
      if (event !== undefined) this.#ready.push(event);
    }
    return null;
  }

  #take(): void {
    const open = this.#firstOfEachLane();
    const event = open.length < 2 ? open[0] : open[this.#choose(open)];
    if (event === undefined) return;
    if (this.#ready.length === 1) this.#ready = [];
    else this.#ready.splice(this.#ready.indexOf(event), 1);
    this.#taken++;
    this.trace.add(event.actor, event.label, this.#now);
    this.watch?.(event);
    event.run?.();
  }

  /** Those that may be taken (S2). What was called off, or finds its gate shut, is out of the way. */
  #firstOfEachLane(): readonly SimEvent[] {
    const [only] = this.#ready;
    if (this.#ready.length === 1 && only !== undefined && only.run !== null && only.gate?.isOpen !== false) {
      return this.#ready;
    }
    const lanes = new Set<string>();
    const open: SimEvent[] = [];
    const away = new Set<SimEvent>();
    for (const event of this.#ready) {
      if (event.run === null || event.gate?.isOpen === false) {
        away.add(event);
      } else if (event.lane === null || !lanes.has(event.lane)) {
        if (event.lane !== null) lanes.add(event.lane);
        open.push(event);
      }
    }
    if (away.size > 0) this.#ready = this.#ready.filter((event) => !away.has(event));
    for (const event of away) if (event.run !== null) event.gate?.hold(() => this.#admit(event));
    return open;
  }
}
