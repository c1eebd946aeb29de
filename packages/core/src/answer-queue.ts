// Answers between their recording and their delivery: numbers them, and says which of them may be shown.
//
//   R2. They are shown in order of position. One that is durable waits for those before it, which may still
//       be on their way, or in a transaction whose COMMIT is undecided.
import type { Entry, Instant } from './store.js';

/** An answer to be shown; `at` is null when it is shown ahead of its commit. */
export interface Answer {
  readonly entry: Entry;
  readonly at: Instant | null;
}

/** The answers of one run that its code has not seen. */
export class AnswerQueue {
  #answers: Answer[] = [];
  #position: number;
  /** How many are on their way through the journal. */
  unwritten = 0;

  /** `position`: the last one that is taken. */
  constructor(position: number) {
    this.#position = position;
  }

  /** Takes the next position. */
  take(): number {
    return ++this.#position;
  }

  get empty(): boolean {
    return this.#answers.length === 0;
  }

  /** An answer that may be shown. Around a transaction, which commits by itself, they come in any order. */
  hold(answer: Answer): void {
    const { position } = answer.entry;
    let at = this.#answers.length;
    while (at > 0 && (this.#answers[at - 1]?.entry.position ?? 0) > position) at--;
    this.#answers.splice(at, 0, answer);
  }

  /** Whether the next one can be shown, when everything before position `undecided` is durable. */
  isReady(undecided: number): boolean {
    const [first] = this.#answers;
    return first !== undefined && (first.at === null || first.entry.position < undecided);
  }

  /** Takes the next one out. */
  shift(): Answer | undefined {
    return this.#answers.shift();
  }
}
