// Joins of one run that are not answered: what waits for branches, and is no call itself.
//
//   B8. A join is unwound as a step is: what is open in its branches ends, and it is waited for. Was its end
//       decided by code that was thrown at, that code has said what is to follow. Otherwise a failure becomes
//       what the run is unwound for, and after a value the next calls are refused: a branch that had won
//       before, while the losers cleaned up, does not hide a cancel.
import type { Branch } from './branch.js';
import type { Doom } from './call.js';
import type { CallIdentity } from './journal.js';

/** One join; `group` holds its branches. */
export interface OpenJoin {
  readonly call: CallIdentity;
  readonly branch: Branch;
  readonly group: Branch;
  /** Set when its branch is unwound. */
  doom: Doom | null;
}

/** The joins of one run. */
export class OpenJoins {
  readonly #joins = new Set<OpenJoin>();

  /** What they are called. */
  get calls(): readonly CallIdentity[] {
    return [...this.#joins].map(({ call }) => call);
  }

  /** One that begins; `doom` if what begins now is refused. */
  begin(branch: Branch, call: CallIdentity, doom: Doom | null): OpenJoin {
    const join: OpenJoin = { call, branch, group: branch.under(call.place), doom };
    this.#joins.add(join);
    return join;
  }

  /** It has ended: the doom that has not been told to any code that decided its end, or null. */
  end(join: OpenJoin): Doom | null {
    const { branch, group, doom } = join;
    this.#joins.delete(join);
    if (!group.told) return doom;
    branch.told = true;
    return null;
  }

  /** The joins that unwinding `scope` ends; asked before it is unwound. */
  openIn(scope: Branch): readonly OpenJoin[] {
    return [...this.#joins].filter(({ branch }) => branch.isOpenIn(scope));
  }
}
