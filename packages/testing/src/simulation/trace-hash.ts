// A fingerprint of what happened in a simulation, event by event: two traces that differ anywhere differ in
// it.

/** The fingerprint of a trace so far. */
export class TraceHash {
  // Few texts come again and again, in all simulations of a process.
  static readonly #words = new Map<string, number>();
  #high = 0x811c9dc5;
  #low = 0x9e3779b9;

  add(actor: string, label: string, at: number): void {
    this.#mix(TraceHash.#wordOf(actor));
    this.#mix(TraceHash.#wordOf(label));
    this.#mix(Math.floor(at * 1_000) | 0);
  }

  get text(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193) ^ (this.#low >>> 15);
    this.#low = Math.imul(this.#low ^ word ^ (this.#high >>> 13), 0x85ebca6b) + 0x27d4eb2f | 0;
  }

  static #wordOf(text: string): number {
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    let word = 0x811c9dc5;
    for (let index = 0; index < text.length; index++) {
      word = Math.imul(word ^ text.charCodeAt(index), 0x01000193);
    }
    this.#words.set(text, word);
    return word;
  }
}
