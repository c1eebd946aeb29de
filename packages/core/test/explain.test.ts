// The sentence of an explanation, from facts alone. That the facts of real runs give the sentences that they
// should is in packages/client/test/explaining.test.ts.
import fc from 'fast-check';
import {
  encode, encodeError, explain, type ExplainedChild, type RecordedCall, type RunDetail, type ExplainedRun,
  type RunListed, type WorkerListed,
} from '@perdure/core/engine';
import { describe, expect, test } from 'vitest';

const noon = Date.parse('2030-01-01T12:00:00Z') * 1_000;
const seconds = (count: number): number => noon + count * 1_000_000;

const line = { dueAt: seconds(60), leased: false, fresh: false, quarantined: false, strikes: 0 };

const run: RunDetail = {
  id: 'order-1', workflow: 'order', status: 'waiting', generation: 1, queue: 'default', version: null,
  priority: 0, input: { codec: 'json', text: null }, headers: {}, parentId: null, timeoutMs: null,
  createdAt: seconds(-100), startedAt: seconds(-90), settledAt: null, parkedAt: null, line, calls: [],
  inbox: [], output: { codec: 'json', text: null }, error: null, reason: null, now: noon,
};

const call: RecordedCall = {
  place: '1', kind: 'signal', name: 'approved', attempt: 0, error: null, progress: null, dueAt: Infinity,
  deadlineAt: null,
};

const worker: WorkerListed = {
  id: 'w', host: 'h', pid: 1, concurrency: 2,
  serves: ['order', 'pay'].map((workflow) => ({ queue: 'default', workflow, version: null })),
  startedAt: seconds(-1_000), seenAt: seconds(-3), now: noon,
};

type Change = Partial<Omit<RunDetail, 'line'>> & { line?: Partial<typeof line> };

function factsOf(change: Change, more: Partial<ExplainedRun> = {}): ExplainedRun {
  const detail = { ...run, ...change, line: { ...line, ...change.line } };
  const around = { workers: [worker], live: null };
  return { id: detail.id, run: detail, last: [], child: null, around, ...more };
}

/** What is said of the run after its name. */
function said(change: Change, more?: Partial<ExplainedRun>): string {
  const sentence = explain(factsOf(change, more));
  expect(sentence).toMatch(/^Run 'order-1' of workflow 'order' .*\.$/);
  return sentence.replace(/^Run 'order-1' of workflow 'order' /, '');
}

const listed: RunListed = {
  id: 'x', workflow: 'order', queue: 'default', version: null, generation: 1, reason: null, status: 'running',
  createdAt: noon, settledAt: null, attributes: {},
};

describe('a due run', () => {
  const due: Change = { status: 'pending', line: { dueAt: seconds(-4) } };

  test('says how many slots are taken, where that is known', () => {
    const around = (count: number): Partial<ExplainedRun> => (
      { around: { workers: [worker], live: Array.from({ length: count }, () => listed) } });
    expect(said(due)).toBe('is due since 2030-01-01T11:59:56.000Z (4 s ago); it waits for a free one: the ' +
      '1 worker that serves it has 2 slots.');
    expect(said(due, around(2))).toContain('it waits for a free one: the 1 worker that serves it has 2 ' +
      'slots, with 2 runs running.');
    expect(said(due, around(1))).toContain('a worker takes it at its next look: ');
    const late = { ...due, line: { dueAt: seconds(-240) } };
    expect(said(late, around(1))).toContain('should have taken it in 4 min: an open transaction may hold ' +
      'its row');
    // Only those count that the same workers run.
    const others = [listed, { ...listed, workflow: 'other' }, { ...listed, status: 'waiting' as const }];
    expect(said(due, { around: { workers: [worker], live: others } })).toContain(', with 1 run running');
  });

  test('says that nobody serves it: when one was seen last, and what those serve that are there', () => {
    const silent = { ...worker, seenAt: seconds(-240) };
    const other = { ...worker, serves: [
      { queue: 'slow', workflow: 'order', version: null },
      { queue: 'default', workflow: 'hello', version: null },
      { queue: 'default', workflow: 'hello', version: '7' },
    ] };
    const is = 'is due since 2030-01-01T11:59:56.000Z (4 s ago); no worker that serves workflow ' +
      '\'order\', in queue \'default\' is online';
    const among = (...workers: WorkerListed[]): string => said(due, { around: { workers, live: null } });
    expect(among()).toBe(`${is} (none is known; nor is any other).`);
    expect(among(silent)).toBe(`${is} (one was last seen at 2030-01-01T11:56:00.000Z (4 min ago); nor is ` +
      `any ` +
      'other).');
    expect(among(silent, other)).toBe(`${is} (one was last seen at 2030-01-01T11:56:00.000Z (4 min ago); ` +
      `the 1 ` +
      'that is online serves \'hello\' version \'7\', \'order\' in queue \'slow\').');
    expect(among(other, other)).toContain('(none is known; the 2 that are online serve \'hello\' version');
  });

  test('of a version is served where that version is, and nowhere else', () => {
    const version = '1';
    const old: WorkerListed = { ...worker, serves: [{ queue: 'default', workflow: 'order', version }] };
    const among = (...workers: WorkerListed[]): string => (
      explain(factsOf({ ...due, version }, { around: { workers, live: null } })));
    expect(among(worker)).toContain("workflow 'order' (version '1') is due");
    expect(among(worker)).toContain("serves workflow 'order', version '1', in queue 'default' is online " +
      "(none " +
      "is known; the 1 that is online serves 'order' without a version, 'pay').");
    expect(among(worker, old)).toContain('it waits for a free one');
  });

  test('of a priority says so', () => {
    expect(explain(factsOf({ ...due, priority: -2 }))).toContain("'order' (priority -2) is due since ");
  });
});

describe('a chain of children', () => {
  const waits = { calls: [{ ...call, kind: 'child' as const, name: 'pay' }] };
  const linked = (child: Omit<ExplainedChild, 'place'>): string => (
    said(waits, { child: { place: '1', ...child } }));
  const child = factsOf({ id: 'c', workflow: 'pay', calls: [call] });

  test('is followed, and said to go on where it is not', () => {
    expect(said(waits)).toBe("waits for a child of workflow 'pay'.");
    expect(linked({ id: 'c', sure: true, run: child })).toBe("waits for child 'c' of workflow 'pay', which " +
      "waits for signal 'approved' without a limit.");
    expect(linked({ id: 'c', sure: false, run: child })).toBe("waits for a child of workflow 'pay'; its " +
      "only " +
      "unfinished one, 'c', waits for signal 'approved' without a limit.");
    expect(linked({ id: 'c', sure: true, run: 'further' })).toContain("waits for child 'c', and the chain " +
      "goes");
    expect(linked({ id: 'order-1', sure: true, run: 'again' })).toContain("'order-1', which waits for it " +
      "in turn");
    expect(linked({ id: 'c', sure: true, run: { ...child, run: null } })).toContain('which does not exist');
  });

  test('ends at a child that has settled, of which its parent was not told', () => {
    const settled = factsOf({ id: 'c', workflow: 'pay', status: 'completed', settledAt: seconds(-1) });
    expect(linked({ id: 'c', sure: true, run: settled })).toContain("'pay', which completed at " +
      '2030-01-01T11:59:59.000Z (1 s ago), and has not been told of that yet.');
  });
});

test('distances have their two largest units, and no more', () => {
  const sleep = (count: number): string => (
    said({ calls: [{ ...call, kind: 'sleep', name: 'sleep', dueAt: seconds(count) }] }));
  expect(sleep(2 * 86_400 + 3 * 3_600 + 59)).toContain('(in 2 d 3 h)');
  expect(sleep(2 * 86_400 + 59)).toContain('(in 2 d)');
  expect(sleep(3_600 + 59 * 60)).toContain('(in 1 h 59 min)');
  expect(sleep(60.4)).toContain('(in 1 min)');
  expect(sleep(0.2)).toContain('(in less than 1 s)');
  expect(said({ calls: [{ ...call, kind: 'sleep', name: 'sleep', dueAt: 9e18 }] })).toContain('no calendar');
});

test('what people wrote stands on one line, short, and ends no sentence', () => {
  const error = encodeError(new TypeError(`no\n\tcard.  ${'x'.repeat(1_000)}`));
  const sentence = said({ calls: [{ ...call, kind: 'step', name: 'charge\n card', attempt: 3, error,
    dueAt: seconds(40) }] });
  expect(sentence).toMatch(/^tries step 'charge card' again at \S+ \(in 40 s\), which failed 3 times/);
  expect(sentence).toMatch(/last time with TypeError: no card\. x+…\.$/);
  expect(sentence.length).toBeLessThan(500);
  const enough = encodeError(new Error('enough...'));
  expect(said({ status: 'cancelled', settledAt: noon, error: enough })).toMatch(/: enough\.$/);
});

// ---- any facts -------------------------------------------------------------------------------------------

const near = fc.integer({ min: -1_000, max: 1_000 }).map(seconds);
const instant = fc.oneof(near, fc.constant(Infinity), fc.maxSafeInteger());
const name = fc.string({ minLength: 1, unit: fc.constantFrom('a', 'B', '.', ' ' +
  '', '\n', '?', "'", '😀', '\u0000') });
const errorText = fc.option(fc.oneof(
  name.map((message) => encodeError(new RangeError(message))),
  fc.constantFrom('', '{', '[]', '7', '{"message":7}')));
const kinds = ['step', 'transaction', 'sleep', 'signal', 'event', 'callback', 'token', 'child', 'start',
  'result', 'send', 'set', 'cancel', 'timeout', 'patch'] as const;
const place = fc.constantFrom('1', '2', '3/a/1', 'rollback/1', 'rollback/2', 'cancel', '1~x');
const count = fc.integer({ min: 0, max: 2_000 });

const calls = fc.array(fc.record<RecordedCall>({
  place, kind: fc.constantFrom(...kinds), name, attempt: count, error: errorText, progress: fc.constant(null),
  dueAt: instant, deadlineAt: fc.option(instant),
}), { maxLength: 6 });
const served = fc.record({ queue: fc.constantFrom('default', 'b'), workflow: fc.constantFrom('order', 'b'),
  version: fc.option(fc.constantFrom('1', '2')) });
const workers = fc.array(fc.record<WorkerListed>({
  id: name, host: name, pid: count, concurrency: count, serves: fc.array(served), startedAt: instant,
  seenAt: instant, now: instant,
}), { maxLength: 4 });
const status = fc.constantFrom('pending', 'running', 'waiting', 'parked', 'completed', 'failed', 'cancelled');
const value = fc.oneof(name.map((text) => encode(text, 'a reason')), fc.constantFrom(
  { codec: 'json', text: null }, { codec: 'unheard of', text: 'x' }, { codec: 'json', text: '{' }));

const detail = fc.record<RunDetail>({
  id: name, workflow: fc.oneof(name, fc.constant('order')), status, generation: count,
  queue: fc.constantFrom('default', 'b'), version: fc.option(fc.constantFrom('1', '2')),
  priority: fc.integer({ min: -2, max: 2 }), input: value, headers: fc.constant({}),
  parentId: fc.constant(null), timeoutMs: fc.option(count), createdAt: instant, startedAt: fc.option(instant),
  settledAt: fc.option(instant),
  parkedAt: fc.option(instant), calls, output: value, error: errorText,
  reason: fc.option(fc.oneof(name, fc.constantFrom('NONDETERMINISM', '__proto__', 'constructor'))),
  inbox: fc.array(fc.record({
    kind: fc.constantFrom('signal', 'event', 'callback', 'child', 'cancel'), name, count,
  }), { maxLength: 3 }),
  line: fc.option(fc.record({
    dueAt: instant, leased: fc.boolean(), fresh: fc.boolean(), quarantined: fc.boolean(), strikes: count,
  })),
  now: fc.constant(noon),
});

const { facts } = fc.letrec<{ facts: ExplainedRun; child: ExplainedChild }>((tie) => ({
  facts: fc.record<ExplainedRun>({
    id: name, run: fc.option(detail, { freq: 20 }),
    last: fc.array(fc.record({
      place, position: count, kind: fc.constantFrom(...kinds), name, value, error: errorText, attempt: count,
      tookMs: count, message: fc.constant(null), at: instant,
    }), { maxLength: 3 }),
    child: fc.option(tie('child'), { maxDepth: 3 }),
    around: fc.record({ workers, live: fc.option(fc.array(fc.record<RunListed>({
      id: name, workflow: fc.constantFrom('order', 'b'), queue: fc.constantFrom('default', 'b'),
      version: fc.option(fc.constantFrom('1', '2')), generation: count, reason: fc.constant(null), status,
      createdAt: instant, settledAt: fc.constant(null), attributes: fc.constant({}),
    }), { maxLength: 3 })) }),
  }),
  child: fc.record<ExplainedChild>({
    place, id: name, sure: fc.boolean(), run: fc.oneof(tie('facts'), fc.constantFrom('again', 'further')),
  }),
}));

test('any facts give one sentence', () => {
  fc.assert(fc.property(facts, (given) => {
    const sentence = explain(given);
    expect(sentence).toMatch(/^(Run|There is no run) '.*[^.\s]\.$/u);
    expect(sentence).not.toMatch(/undefined|NaN|null|Infinity|\[object|  /);
    expect(sentence).not.toMatch(/[\n\u0000]/);
  }), { numRuns: 2_000 * Number(process.env['PERDURE_FUZZ'] ?? 1) });
});
