// Draws of what owners write: turns, with every kind of end, and the sending of the same again.
import { nothing, type Message, type RunDetail, type TurnEnd } from '@perdure/core/engine';
import { hourMs, textOf } from './draw-runs.js';
import type { Draw, Drawing, Owner } from './drawing.js';
import { hours, leaseOf } from './op.js';

/** A batch of turns. */
export const commit: Draw = async (drawing) => {
  const owners = drawing.owners(drawing.chance.pick([1, 1, 1, 2, 3]));
  if (owners.length === 0) return null;
  const writes: object[] = [];
  for (const owner of owners) writes.push(await write(drawing, owner));
  // Whoever sends it again does so under the lease of the first sending.
  drawing.sent.push(drawing.op('commit', writes.map((item, at) => {
    const { id = '', lease } = owners[at] ?? {};
    const nth = (drawing.model.leases.get(id)?.length ?? 0) - 1 - (lease?.back ?? 0);
    return { ...item, lease: { ...lease, nth } };
  })));
  return drawing.op('commit', writes);
};

/** The same again: the answer was lost. */
export const resend: Draw = (drawing) => {
  const op = drawing.chance.odds(0.7) ? drawing.sent.at(-1) : drawing.chance.any(drawing.sent);
  return op === undefined ? null : { ...op, session: drawing.session };
};

/** The answer of a step, recorded in its transaction. */
export const record: Draw = (drawing) => {
  const fenced = drawing.model.transactions.get(drawing.session)?.fenced ?? [];
  const run = drawing.chance.any([...fenced]);
  if (run === undefined) return null;
  const place = drawing.chance.pick(['x1', 'x2']);
  const entry = {
    place, position: 900 + Number(place.slice(1)), kind: 'transaction', name: place,
    value: textOf(drawing, place), error: null, attempt: 1, tookMs: 1, message: null,
  };
  return drawing.op('tx.record', leaseOf(run), entry);
};

/** A transaction of a step begins. */
export const fence: Draw = (drawing) => {
  const [owner] = drawing.owners(1);
  return owner === undefined ? null : drawing.op('tx.fence', owner.lease);
};

async function write(drawing: Drawing, owner: Owner): Promise<object> {
  const { chance } = drawing;
  const detail = drawing.details.find(({ id }) => id === owner.id);
  const inbox = await drawing.inbox(owner.id);
  const ended = chance.odds(0.3) ? null : end(drawing, { detail, inbox });
  return {
    lease: owner.lease,
    entries: entries(drawing, owner, chance.odds(0.6) ? inbox : []),
    calls: chance.odds(0.3) ? [call(drawing)] : [],
    closed: chance.odds(0.2) ? [placeOfCall(drawing)] : [],
    end: ended,
    more: chance.odds(0.2) ? extras(drawing, owner) : null,
  };
}

function entries(drawing: Drawing, { id }: Owner, inbox: readonly Message[]): unknown[] {
  const { chance } = drawing;
  return Array.from({ length: chance.pick([0, 0, 1, 1, 2]) }, (_, at) => {
    const position = drawing.next('position');
    const message = inbox[at];
    if (message !== undefined) drawing.taken.set(id, [...drawing.taken.get(id) ?? [], message.id]);
    return {
      place: String(position), position, name: `call ${position}`,
      kind: message === undefined ? 'step' : 'signal',
      value: textOf(drawing, `value ${position}`), error: chance.odds(0.1) ? '{"message":"failed"}' : null,
      attempt: chance.below(3), tookMs: chance.below(5), message: message?.id ?? null,
    };
  });
}

// What stands at a place is always of one kind.
const kindAt = { p1: 'event', p2: 'signal', p3: 'sleep' } as const;

const placeOfCall = ({ chance }: Drawing): keyof typeof kindAt => chance.pick(['p1', 'p2', 'p3']);

function call(drawing: Drawing): unknown {
  const { chance } = drawing;
  const place = placeOfCall(drawing);
  return {
    place, kind: kindAt[place], name: 'waits',
    attempt: chance.below(3), error: chance.odds(0.2) ? '{"message":"again"}' : null,
    progress: chance.odds(0.2) ? { codec: 'json', text: '1' } : null,
    ...chance.odds(0.5) ? { delayMs: chance.pick([null, 0, hourMs]), atMs: null }
      : { delayMs: null, atMs: hours(chance.pick([0, 3])) },
    deadlineMs: chance.odds(0.3) ? 3 * hourMs : null,
  };
}

const tiedOf = (detail: RunDetail | undefined, { chance }: Drawing): boolean => (
  detail === undefined ? false : chance.odds(0.7));

const kindsOfEnd: readonly TurnEnd['kind'][] = [
  'settle', 'settle', 'rest', 'rest', 'renew', 'park', 'continue',
];

/** The run that ends its turn, and what lies in its inbox. */
interface Ending {
  readonly detail: RunDetail | undefined;
  readonly inbox: readonly Message[];
}

function end(drawing: Drawing, { detail, inbox }: Ending): unknown {
  const { chance } = drawing;
  const kind = chance.pick(kindsOfEnd);
  if (kind === 'settle') {
    const status = chance.pick(['completed', 'failed', 'cancelled']);
    const isGood = status === 'completed';
    return {
      kind, status, tied: tiedOf(detail, drawing), output: isGood ? textOf(drawing, 'done') : nothing,
      error: isGood ? null : '{"message":"over"}',
    };
  }
  if (kind === 'park') return { kind, reason: 'WHY', error: '{"message":"parked"}' };
  if (kind === 'rest') {
    return {
      kind, wakeInMs: chance.pick([null, 0, hourMs]),
      wakeAt: chance.odds(0.3) ? hours(chance.pick([0, 2]), 'us') : null,
    };
  }
  if (kind === 'renew') {
    return { kind, leaseMs: 3 * hourMs, quarantine: chance.pick(['keep', 'leave', 'absolve']) };
  }
  // What is given back was taken by an earlier write: it does not lie in the inbox.
  const taken = (drawing.taken.get(detail?.id ?? '') ?? [])
    .filter((taken) => !inbox.some(({ id }) => id === taken));
  const returned = chance.odds(0.5) ? { returned: chance.some(taken, 2) } : {};
  return { kind, input: textOf(drawing, 'next'), ...returned };
}

function extras(drawing: Drawing, { id, generation }: Owner): unknown {
  const { chance } = drawing;
  const values = [null, 1, '1', true, new Date(0)];
  const attributes = chance.some(['size', 'seen'], chance.below(3))
    .map((name) => ({ name, value: chance.any(values) ?? null }));
  const stream = chance.pick(['s', 'log']);
  const seq = drawing.next(`stream ${stream} ${id} ${generation}`) - 1;
  const chunk = { stream, seq, source: chance.pick(['', '1']), value: textOf(drawing, `chunk ${seq}`) };
  return { attributes, chunks: [chunk] };
}
