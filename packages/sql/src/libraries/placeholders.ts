// `$1 … $n` as `?`, for libraries that number parameters by themselves, and for databases without numbers.

/** A name in quotation marks, or the number of a parameter. */
const nameOrNumber = /"(?:[^"]|"")*"|\$(\d+)/g;

/** The text of each statement that was asked for; there is a fixed number of them. */
const texts = new Map<string, { readonly text: string; readonly order: readonly number[] }>();

/**
 * The same statement with a `?` for each value, and the values in that order: one that is named twice is
 * sent twice. The engine's statements have no `?` of their own, and no `$1` inside a literal; a schema may
 * have both in its name, where they stay what they are.
 */
export function questionMarks(text: string, values: readonly unknown[]): [string, unknown[]] {
  let known = texts.get(text);
  if (known === undefined) {
    const order: number[] = [];
    const marked = text.replace(nameOrNumber, (found, number: string | undefined) => {
      if (number === undefined) return found.replaceAll('?', '\\?');
      order.push(Number(number) - 1);
      return '?';
    });
    texts.set(text, known = { text: marked, order });
  }
  return [known.text, known.order.map((index) => values[index])];
}
