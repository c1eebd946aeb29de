// Chance with a seed: the same seed makes the same choices, on every machine. What is forked by a label has a
// stream of its own, so that one more choice here changes none there.

/** Chooses by a seed. */
export class Chance {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number | string) {
    this.#seed = String(seed);
    [this.#a, this.#b, this.#c, this.#d] = words(this.#seed);
    for (let warm = 0; warm < 12; warm++) this.#word();
  }

  /** Another stream, known by its label: forked twice by one label it is the same. */
  fork(label: string): Chance {
    return new Chance(`${this.#seed}/${label}`);
  }

  /** From 0 up to 1. */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with this probability. */
  odds(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of them, which there must be. */
  pick<Item>(from: readonly Item[]): Item {
    const item = from[this.below(from.length)];
    if (from.length === 0) throw new RangeError('There is nothing to pick from.');
    return item as Item;
  }

  /** The same items in an order of chance. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    return items.map((item) => ({ item, rank: this.next() }))
      .sort((one, other) => one.rank - other.rank).map(({ item }) => item);
  }

  /** So many hexadecimal digits. */
  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.#word().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  // sfc32: small, fast, 128 bits of state.
  #word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }
}

/** Four words that differ wherever the texts do (cyrb128). */
function words(text: string): [number, number, number, number] {
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    a = b ^ Math.imul(a ^ code, 597399067);
    b = c ^ Math.imul(b ^ code, 2869860233);
    c = d ^ Math.imul(c ^ code, 951274213);
    d = a ^ Math.imul(d ^ code, 2716044179);
  }
  return [a | 0, b | 0, c | 0, d | 0];
}
