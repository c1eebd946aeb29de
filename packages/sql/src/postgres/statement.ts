// A hot statement: constant text under a constant name, so that the server parses and plans it once a
// session.

/** Text with `$1 … $n`, and the name it is prepared under. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}
