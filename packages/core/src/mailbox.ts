// What comes for one run: which waits are open for it, and what is known of its inbox in the database.
//
//   L5. A message answers the wait that was open first for its box. What nobody waits for stays in the
//       database, and is read again when somebody does.
//   L6. A message that answered a wait which was withdrawn meanwhile is given back at once: the wait that is
//       open for that box has it, or the next one, before anything else. At replay whoever has it is known by
//       the record: its entry names the message.
import type { Call } from './call.js';
import type { Encoded } from './codec.js';
import { childBox, type MailWant, type Message } from './mail.js';
import type { Box, CallRequest } from './requests.js';
import type { Entry, Lease } from './store.js';

/** What a wait is answered with. */
export interface Letter {
  readonly id: string | null;
  readonly payload: Encoded;
  readonly error: string | null;
  readonly outcome: Message['outcome'];
  readonly from?: Message['from'];
  /** It answered a wait before: its payload is what the wait's schema made of it. */
  readonly read: boolean;
}

/** The mail of one run in memory. */
export class Mailbox {
  readonly #generation: number;
  // Made when they are needed: most runs wait for no mail.
  #waits: Map<string, Call[]> | null = null;
  #taken: Set<string> | null = null;
  #returned: Map<string, Letter[]> | null = null;
  /** What calls have taken whose answers were not shown, by place. */
  #held: Map<string, Letter> | null = null;
  /** Places whose letters were given back before their answers were passed over. */
  #given: Set<string> | null = null;

  constructor(generation: number) {
    this.#generation = generation;
  }

  /** Whether a call waits for mail. */
  get waits(): boolean {
    return this.#waits !== null && this.#waits.size > 0;
  }

  /** The box of a call that waits for mail, or null. */
  boxOf({ place, request }: { readonly place: string; readonly request: CallRequest }): Box | null {
    if ('box' in request) return request.box;
    if (request.kind !== 'child' && request.kind !== 'result') return null;
    return { kind: 'child', name: childBox(this.#generation, place) };
  }

  /** A call begins to wait; what was given back for it, if there is something. */
  wait(call: Call): Letter | null {
    const box = this.boxOf(call);
    if (box === null) return null;
    const key = keyOf(box);
    const returned = this.#returned?.get(key)?.shift();
    if (returned !== undefined) return returned;
    this.#waits ??= new Map();
    const waits = this.#waits.get(key);
    if (waits === undefined) this.#waits.set(key, [call]);
    else waits.push(call);
    return null;
  }

  /** A call waits no more. */
  forget(call: Call): void {
    const box = this.boxOf(call);
    if (box === null || this.#waits === null) return;
    const key = keyOf(box);
    const waits = this.#waits.get(key)?.filter((waiting) => waiting !== call) ?? [];
    if (waits.length === 0) this.#waits.delete(key);
    else this.#waits.set(key, waits);
  }

  /** What to look for in the database. */
  want(lease: Lease): MailWant {
    const boxes: Array<{ kind: Box['kind']; name: string | null }> = [];
    let children = false;
    for (const [call] of this.#waits?.values() ?? []) {
      const box = call === undefined ? null : this.boxOf(call);
      if (box === null) continue;
      // One look for all children: ten thousand of them are one box.
      if (box.kind === 'child') children = true;
      else boxes.push(box);
    }
    if (children) boxes.push({ kind: 'child', name: null });
    return { lease, boxes };
  }

  /** The call that a message answers, which waits no more; null if the message stays where it is. */
  match(message: Message): Call | null {
    const call = this.isTaken(message) ? undefined : this.#waits?.get(keyOf(message))?.[0];
    if (call === undefined) return null;
    this.take(message);
    this.forget(call);
    return call;
  }

  /** Whether this message was taken already: its entry may not be durable yet. */
  isTaken({ id }: Pick<Message, 'id'>): boolean {
    return this.#taken?.has(id) === true;
  }

  /** Takes a message that answers no call. */
  take({ id }: Message): void {
    this.#taken ??= new Set();
    this.#taken.add(id);
  }

  /** A call has this letter now: its answer is on its way. */
  took(call: Call, letter: Letter): void {
    if (this.boxOf(call)?.kind === 'child') return;
    this.#held ??= new Map();
    this.#held.set(call.place, letter);
  }

  /** A call is not waited for any more: what it has taken is given back (L6). Whether there was something. */
  withdraw(call: Call): boolean {
    this.forget(call);
    const letter = this.#held?.get(call.place);
    if (letter === undefined) return false;
    this.#held?.delete(call.place);
    this.#given ??= new Set();
    this.#given.add(call.place);
    this.#return(call, letter);
    return true;
  }

  /** The answer of a withdrawn call was passed over: at replay, that is where its message is given back. */
  passedOver({ place, message: id, value: payload, error }: Entry, call: Call): void {
    // A wait whose time was up took nothing.
    if (this.#given?.delete(place) === true || id === null) return;
    this.#return(call, { id, payload, error, outcome: null, read: true });
  }

  /** The signals that were given back and that nobody has taken since. */
  get returnedSignals(): readonly string[] {
    const returned = [...this.#returned ?? []].filter(([key]) => key.startsWith('signal '));
    return returned.flatMap(([, letters]) => letters.flatMap(({ id }) => id ?? []));
  }

  #return(call: Call, letter: Letter): void {
    const box = this.boxOf(call);
    if (box === null || box.kind === 'child') return;
    this.#returned ??= new Map();
    this.#returned.set(keyOf(box), [...this.#returned.get(keyOf(box)) ?? [], letter]);
  }

  /** The open waits for which something was given back, which wait no more. */
  givenOn(): Array<readonly [Call, Letter]> {
    const given: Array<readonly [Call, Letter]> = [];
    for (const [key, letters] of this.#returned ?? []) {
      for (let call = this.#waits?.get(key)?.[0]; call !== undefined; call = this.#waits?.get(key)?.[0]) {
        const letter = letters.shift();
        if (letter === undefined) break;
        this.forget(call);
        given.push([call, letter]);
      }
    }
    return given;
  }

  /** A wait is answered by its entry: if that took what was given back, it is gone. */
  answered({ message }: Entry, call: Call): void {
    this.#held?.delete(call.place);
    const box = this.#returned === null || message === null ? null : this.boxOf(call);
    if (box === null) return;
    const letters = this.#returned?.get(keyOf(box));
    const at = letters?.findIndex(({ id }) => id === message) ?? -1;
    if (at >= 0) letters?.splice(at, 1);
  }
}

function keyOf({ kind, name }: Box): string {
  return `${kind} ${name}`;
}
