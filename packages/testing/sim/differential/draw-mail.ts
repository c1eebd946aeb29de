// Draws of what reaches runs: messages, events, children, and the carrier.
import { nothing, type MessageKind } from '@perdure/core/engine';
import { hourMs, newRun, textOf } from './draw-runs.js';
import type { Draw, Drawing } from './drawing.js';

const eventNames = ['paid', 'new\nline'];

const messages = (drawing: Drawing): unknown[] => {
  const { chance } = drawing;
  return Array.from({ length: chance.pick([1, 1, 2, 3]) }, () => message(drawing));
};

function message(drawing: Drawing): unknown {
  const { chance } = drawing;
  const runId = drawing.runOf('running', 'waiting', 'pending', 'parked');
  if (chance.odds(0.12)) {
    return { runId, id: 'cancel', kind: 'cancel', name: 'cancel', payload: nothing, error: null };
  }
  const kind: MessageKind = chance.odds(0.85) ? 'signal' : 'callback';
  const id = chance.odds(0.6) ? `m${drawing.next('message')}` : chance.pick(['m1', 'm2', 'fixed']);
  return {
    runId, id, kind, name: chance.pick(['go', 'stop']), payload: textOf(drawing, id),
    error: kind === 'callback' && chance.odds(0.5) ? '{"message":"no"}' : null,
  };
}

const events = (drawing: Drawing): unknown[] => {
  const { chance } = drawing;
  return Array.from({ length: chance.pick([1, 1, 2]) }, () => {
    const id = chance.odds(0.6) ? `e${drawing.next('event')}` : chance.pick(['e1', 'fixed']);
    const [name, key] = [chance.pick(eventNames), chance.pick(['', '', 'k'])];
    return { id, name, key, payload: textOf(drawing, id) };
  });
};

/** Sends messages. */
export const sendMessages: Draw = (drawing) => drawing.op('sendMessages', messages(drawing));

/** Sends messages in a caller's transaction. */
export const sendInside: Draw = (drawing) => drawing.op('tx.sendMessages', messages(drawing));

/** Records events. */
export const emitEvents: Draw = (drawing) => drawing.op('emitEvents', events(drawing));

/** Records events in a caller's transaction. */
export const emitInside: Draw = (drawing) => drawing.op('tx.emitEvents', events(drawing));

/** Sends in the name of a run. */
export const sendFrom: Draw = (drawing) => {
  const [owner] = drawing.owners(1);
  return owner === undefined ? null : drawing.op('sendFrom', owner.lease, messages(drawing));
};

/** Waits for events. */
export const subscribe: Draw = (drawing) => {
  const { chance } = drawing;
  const wishes = drawing.owners(chance.pick([1, 1, 2])).map(({ lease }) => ({
    lease, place: chance.pick(['p1', 'p2', 'p3']), name: chance.pick(eventNames), key: chance.pick(['', 'k']),
    lookBackMs: chance.pick([0, hourMs]),
  }));
  return wishes.length === 0 ? null : drawing.op('subscribe', wishes);
};

/** Starts and watches children. */
export const tieChildren: Draw = (drawing) => {
  const { chance } = drawing;
  const children = drawing.owners(chance.pick([1, 1, 2])).map(({ lease, generation }) => {
    const childId = chance.odds(0.8) ? chance.pick(['c1', 'c2']) : drawing.anyRun();
    const isStart = chance.odds(0.7);
    const { restart: _none, ...run } = newRun(drawing, childId);
    return {
      lease, place: isStart ? `child ${childId} ${generation}` : `watch ${childId} ${generation}`, childId,
      run: isStart ? run : null, parentClose: chance.pick(['default', 'cancel', 'terminate', 'abandon']),
      watch: !isStart || chance.odds(0.7),
    };
  });
  return children.length === 0 ? null : drawing.op('tieChildren', children);
};

/** Carries. */
export const carry: Draw = (drawing) => (
  drawing.op('carry', { limit: drawing.chance.pick([1, 2, 100]), terminated: '{"message":"by parent"}' }));
