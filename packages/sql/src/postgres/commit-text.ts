// The text of one commit statement while it is made: which columns it takes, under which numbers.
import { groups, type ColumnKey, type Group } from './commit-columns.js';

/** Gives parameters their numbers, in the order in which pieces ask for them. */
export class CommitText {
  /** The quoted name of the schema. */
  readonly s: string;
  /** Whether what is sent may have been sent before. */
  readonly again: boolean;
  readonly has: (group: Group) => boolean;
  readonly #parameters: ColumnKey[] = [];

  constructor(s: string, again: boolean, has: (group: Group) => boolean) {
    this.s = s;
    this.again = again;
    this.has = has;
  }

  /** The columns that were asked for, in the order of their numbers. */
  get parameters(): readonly ColumnKey[] {
    return this.#parameters;
  }

  /** A column, as an array. */
  array(key: ColumnKey): string {
    const known = this.#parameters.indexOf(key);
    const number = known < 0 ? this.#parameters.push(key) : known + 1;
    const [group, column] = key.split('.') as [Group, string];
    return `$${number}::${String((groups[group] as Record<string, string>)[column])}[]`;
  }

  /** A column that has one row. */
  only(key: ColumnKey): string {
    return `(${this.array(key)})[1]`;
  }

  /** The rows of columns, side by side, as a query. */
  rows(...keys: readonly ColumnKey[]): string {
    const columns = keys.map((key) => `unnest(${this.array(key)}) as ${key.slice(key.indexOf('.') + 1)}`);
    return `select ${columns.join(', ')}`;
  }

  /** All columns of groups. */
  all(...names: readonly Group[]): readonly ColumnKey[] {
    return names.flatMap((group) =>
      Object.keys(groups[group]).map((column) => `${group}.${column}` as ColumnKey));
  }

  /** The ids of all items, as an array. */
  ids(): string {
    return this.array('items.id');
  }

  /** The ids of items whose rows are locked alone, or shared. */
  locked(how: 'change' | 'share'): string {
    return this.has('change') && this.has('share') ? this.array(`${how}.id`) : this.ids();
  }
}
