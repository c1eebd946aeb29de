// In which order the rows of a table become objects: an instance of a class is made of data, and so comes
// after everything that its data refer to.
//
//   O1. Each group comes after all groups that its rows refer to. Rows of one group refer to each other in
//       circles, or the group is a single row.
//   O2. One look at each reference; no recursion. (The algorithm is Tarjan's.)

/** The rows that are reached from row 0, in groups (O1). `links` holds the rows that each refers to. */
export function groupRows(links: ReadonlyArray<readonly number[]>): number[][] {
  const search = new Search(links);
  search.enter(0);
  while (search.step());
  return search.groups;
}

interface Frame {
  readonly row: number;
  next: number;
}

class Search {
  readonly groups: number[][] = [];
  readonly #links: ReadonlyArray<readonly number[]>;
  /** When a row was entered; 0 if it was not. */
  readonly #entered: Int32Array;
  /** The earliest row that is known to be reached from it and to reach it; Infinity for a known group. */
  readonly #low: Float64Array;
  readonly #open: number[] = [];
  readonly #path: Frame[] = [];
  #count = 0;

  constructor(links: ReadonlyArray<readonly number[]>) {
    this.#links = links;
    this.#entered = new Int32Array(links.length);
    this.#low = new Float64Array(links.length);
  }

  enter(row: number): void {
    this.#count += 1;
    this.#entered[row] = this.#count;
    this.#low[row] = this.#count;
    this.#open.push(row);
    this.#path.push({ row, next: 0 });
  }

  /** Follows one reference, or leaves the row at the end of the path; false when the path is at its end. */
  step(): boolean {
    const frame = this.#path.at(-1);
    if (frame === undefined) return false;
    const target = this.#links[frame.row]?.[frame.next];
    if (target === undefined) {
      this.#path.pop();
      this.#leave(frame.row);
    } else {
      frame.next += 1;
      if (this.#entered[target] === 0) this.enter(target);
      else this.#lower(frame.row, target);
    }
    return true;
  }

  #leave(row: number): void {
    if (this.#low[row] === this.#entered[row]) {
      const group = this.#open.splice(this.#open.lastIndexOf(row));
      for (const member of group) this.#low[member] = Infinity;
      this.groups.push(group);
    }
    const parent = this.#path.at(-1);
    if (parent !== undefined) this.#lower(parent.row, row);
  }

  #lower(row: number, reached: number): void {
    this.#low[row] = Math.min(this.#low[row] ?? Infinity, this.#low[reached] ?? Infinity);
  }
}
