// The virtual clock by itself: what fires when, and when it is quiet.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { TimerQueue } from '../dist/timer-queue.js';
import { VirtualTime } from '../dist/virtual-time.js';

const realTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('timers', () => {
  test('fire by their moments, then in the order of their setting; what is cancelled does not', () => {
    fc.assert(fc.property(fc.array(fc.record({ at: fc.nat(20), cancelled: fc.boolean() })), (timers) => {
      const queue = new TimerQueue();
      const fired: number[] = [];
      const set = timers.map(({ at }, index) => queue.set(at, () => fired.push(index)));
      for (const [index, { cancelled }] of timers.entries()) if (cancelled) set[index]?.cancel();
      for (let now = 0; now <= 20; now++) {
        for (let fire = queue.take(now); fire !== null; fire = queue.take(now)) fire();
      }
      expect(queue.next).toBe(null);
      expect(fired).toEqual(timers.map((timer, index) => ({ ...timer, index }))
        .filter((timer) => !timer.cancelled)
        .sort((one, other) => one.at - other.at || one.index - other.index)
        .map((timer) => timer.index));
    }));
  });

  test('all that one of them sets going ends before the next one fires', async () => {
    const time = new VirtualTime(0);
    const seen: string[] = [];
    const chain = async (name: string): Promise<void> => {
      for (let turn = 0; turn < 5; turn++) {
        await new Promise<void>((resolve) => time.nextTurn(resolve));
        await Promise.resolve();
        seen.push(`${name}${turn}`);
      }
    };
    time.after(10, () => void chain('b'));
    time.after(5, () => void chain('a'));
    time.moveTo(10);
    await time.quiet();
    expect(seen).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1', 'b2', 'b3', 'b4']);
  });

  test('stand while the clock stands, and never fire early', async () => {
    const time = new VirtualTime(1_000);
    const fired: number[] = [];
    for (const ms of [0.2, 1, 0, -5]) time.after(ms, () => fired.push(ms));
    void time.sleep(2).then(() => fired.push(2));
    await time.quiet();
    expect(fired).toEqual([0, -5]);
    expect(time.nextTimer).toBe(1_001);
    time.moveTo(1_001);
    await time.quiet();
    expect(fired).toEqual([0, -5, 0.2, 1]);
    time.moveTo(500);
    expect(time.nowMs).toBe(1_001);
    time.moveTo(1_002);
    await time.quiet();
    expect(fired).toEqual([0, -5, 0.2, 1, 2]);
  });

  test('a sleep ends with its signal, also when that has fired', async () => {
    const time = new VirtualTime(0);
    const stop = new AbortController();
    const sleeping = time.sleep(1_000, stop.signal);
    stop.abort();
    await sleeping;
    await time.sleep(1_000, stop.signal);
    await time.idle(1_000_000, stop.signal);
    expect(time.nextTimer).toBe(null);
  });
});

describe('quiet', () => {
  test('comes after everything that was begun in the turn before it', async () => {
    const time = new VirtualTime(0);
    let done = false;
    void (async () => {
      for (let hop = 0; hop < 20; hop++) await Promise.resolve();
      time.nextTurn(() => time.afterDrain(() => {
        done = true;
      }));
    })();
    await time.quiet();
    expect(done).toBe(true);
  });

  test('loops look once after each change, and again when their look changed something', async () => {
    const time = new VirtualTime(0);
    let looks = 0;
    let toDo = 0;
    const stop = new AbortController();
    const loop = (async () => {
      while (!stop.signal.aborted) {
        await time.idle(1_000_000, stop.signal);
        await new Promise<void>((resolve) => time.nextTurn(resolve));
        looks++;
        if (toDo > 0) {
          toDo--;
          time.change();
        }
      }
    })();
    await time.quiet();
    const first = looks;
    await time.quiet();
    await realTurn();
    expect(looks).toBe(first);
    toDo = 3;
    time.change();
    await time.quiet();
    expect([looks - first, toDo]).toEqual([4, 0]);
    time.moveTo(1);
    await time.quiet();
    expect(looks - first).toBe(5);
    stop.abort();
    await loop;
  });

  test('a pause of which nobody thought ends in real time', async () => {
    const time = new VirtualTime(0);
    let ended = false;
    await time.quiet();
    const loop = (async () => {
      await time.idle(5);
      await time.idle(5);
      ended = true;
    })();
    await loop;
    expect(ended).toBe(true);
  });

  test('loops that only look keep their own pace meanwhile, and do not drive each other', async () => {
    const time = new VirtualTime(0);
    const stop = new AbortController();
    const looks = [0, 0];
    const loop = async (which: number, ms: number): Promise<void> => {
      while (!stop.signal.aborted) {
        looks[which]!++;
        await time.idle(ms, stop.signal);
      }
    };
    const loops = [loop(0, 5), loop(1, 1_000_000)];
    await time.quiet();
    const [, slow] = looks;
    while (looks[0]! < 20) await realTurn();
    expect(looks[1]).toBe(slow);
    stop.abort();
    await Promise.all(loops);
  });

  test('a movement is told, and the lack of one', async () => {
    const time = new VirtualTime(0);
    await time.quiet();
    expect(await time.moved(5)).toBe(false);
    setTimeout(() => time.nextTurn(() => undefined), 5);
    expect(await time.moved(60_000)).toBe(true);
    const { changes } = time;
    time.change();
    expect(await time.moved(60_000)).toBe(true);
    expect(time.changes).toBe(changes + 1);
  });
});
