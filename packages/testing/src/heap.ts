// A binary heap: the least of many, taken out again and again.

/** Items of which the first is at hand. */
export class Heap<Item> {
  readonly #items: Item[] = [];
  readonly #before: (one: Item, other: Item) => boolean;

  /** `before`: whether one comes before the other. */
  constructor(before: (one: Item, other: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The first; undefined when there is none. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    this.#items.push(item);
    let index = this.#items.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  /** Takes the first out. */
  take(): Item | undefined {
    const [first] = this.#items;
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return first;
    this.#items[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#earlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, index)) return first;
      index = child;
    }
  }

  #earlier(one: number, other: number): boolean {
    const [a, b] = [this.#items[one], this.#items[other]];
    return a !== undefined && b !== undefined && this.#before(a, b);
  }

  #swapIfEarlier(one: number, other: number): boolean {
    const [a, b] = [this.#items[one], this.#items[other]];
    if (a === undefined || b === undefined || !this.#before(a, b)) return false;
    this.#items[one] = b;
    this.#items[other] = a;
    return true;
  }
}
