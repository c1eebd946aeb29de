// Generated workflows: a small tree of what a workflow can say. It is interpreted twice, as a workflow on the
// engine (interpret.ts) and without one (reference.ts).

/** One thing that a workflow does. Ids are unique in a seed: they name steps, and what is told of them. */
export type Node =
  | { readonly op: 'step'; readonly id: string; readonly ms: number; readonly failures: number;
      readonly attempts: number }
  | { readonly op: 'transaction'; readonly id: string; readonly failures: number; readonly attempts: number;
      /** A message to its own run, or a run of its own, that commits with it. */
      readonly also: 'nothing' | 'signal' | 'start' }
  | { readonly op: 'sleep'; readonly id: string; readonly ms: number }
  | { readonly op: 'wait'; readonly id: string; readonly signal: string; readonly timeoutMs: number | null }
  | { readonly op: 'event'; readonly id: string; readonly key: string; readonly timeoutMs: number }
  | Child<'execute'> | Child<'spawn'>
  | { readonly op: 'facts'; readonly id: string }
  | { readonly op: 'patched'; readonly id: string }
  | { readonly op: 'publish'; readonly id: string; readonly chunks: number }
  | { readonly op: 'set'; readonly id: string; readonly attribute: string }
  | { readonly op: 'rollback'; readonly id: string }
  | { readonly op: 'map'; readonly id: string; readonly items: number; readonly concurrency: number;
      readonly failures: number; readonly attempts: number }
  | Joined<'sequence'> | Joined<'all'> | Joined<'race'> | Joined<'together'>
  | { readonly op: 'attempt'; readonly id: string; readonly node: Node };

interface Joined<Op> {
  readonly op: Op;
  readonly id: string;
  readonly nodes: readonly Node[];
}

interface Child<Op> {
  readonly op: Op;
  readonly id: string;
  /** Which program. */
  readonly child: number;
  /** How long after its start a spawned child is cancelled; null: its result is waited for. */
  readonly cancelAfterMs: number | null;
}

/** One generated workflow. */
export interface Program {
  readonly name: string;
  readonly body: Node;
  /** How often it continues as new before it returns. */
  readonly again: number;
}

/** What a run of a program is given. */
export interface ProgramInput {
  /** How often it is still to continue as new. */
  readonly again: number;
}

/** What came of a node, or of a run. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  /** `error`: what tells it from others: a code of the engine, or the message of a planned failure. */
  | { readonly ok: false; readonly error: string };

/** All nodes of a tree. */
export function* nodesOf(node: Node): Iterable<Node> {
  yield node;
  if ('nodes' in node) for (const each of node.nodes) yield* nodesOf(each);
  if (node.op === 'attempt') yield* nodesOf(node.node);
}

/** The same tree without one of its nodes; null where that is the tree. */
export function without(tree: Node, id: string): Node | null {
  if (tree.id === id) return null;
  if (tree.op === 'attempt') {
    const node = without(tree.node, id);
    return node === null ? null : { ...tree, node };
  }
  if (!('nodes' in tree)) return tree;
  const nodes = tree.nodes.map((node) => without(node, id)).filter((node) => node !== null);
  return nodes.length === 0 ? null : { ...tree, nodes };
}
