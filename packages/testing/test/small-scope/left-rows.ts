// What stands in a memory store, without what may differ between two runs of the same scenario: instants,
// epochs, positions, and ids that nobody chose.
import { decodeError, type MemoryStore } from '@perdure/core/engine';

/** Every row that a user could see, as lines in an order of their own. */
export function leftRows(store: MemoryStore): readonly string[] {
  const tables = store['tables'];
  const { runs, ready, mail } = tables;
  const lines: string[] = [];
  for (const { id, workflow, generation, status, input, output, error } of runs.values()) {
    const run = `${masked(id)} ${workflow}(${input.text})`;
    const message = error === null ? null : decodeError(error).message;
    lines.push(`${run}: ${status} in generation ${generation}, ${output.text}, ${message}`);
    for (const { place, kind, name, value, error: why, attempt } of tables.journal(id, generation).values()) {
      const answer = masked(why === null ? value.text ?? '' : decodeError(why).message);
      lines.push(`${run} ${place}: ${kind} ${name}, ${answer}, attempt ${attempt}`);
    }
    for (const { stream, seq, value } of tables.chunks(id, generation).values()) {
      lines.push(`${run} ${stream} ${seq}: ${value.text}`);
    }
    for (const [name, value] of tables.attributes(id)) lines.push(`${run} ${name} = ${String(value)}`);
    for (const { kind, name } of mail.inbox.get(id)?.values() ?? []) lines.push(`${run} has ${kind} ${name}`);
  }
  for (const id of ready.keys()) lines.push(`in line: ${id}`);
  const { untold, unknown, endings, ungiven, subscriptions, events } = mail;
  lines.push(`untold ${untold.size}, unknown ${unknown.size}, endings ${endings.size}, ` +
    `ungiven ${ungiven.size}, subscriptions ${subscriptions.size}, events ${events.size}`);
  return lines.sort();
}

/** A text in which every id and token that differs each time is a star. */
export function masked(text: string): string {
  return text.replace(/[0-9A-Z]{26}|[0-9a-f]{32}/g, '*');
}
