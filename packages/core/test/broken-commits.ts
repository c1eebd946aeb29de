// Stores that break what commits promise.
import { MemoryStore, type TurnWrite } from '@perdure/core/engine';
import type { BrokenStore } from './broken-store.js';

export const brokenCommits: readonly BrokenStore[] = [
  {
    breaks: 'there is no fence',
    Store: class extends MemoryStore {
      protected override owns() {
        return true;
      }
    },
    noticed: [
      'fence: after a lease is lost', 'fence: a run that rested', 'fence: a lost lease closes no call',
      'fence: a batch of 1,000', 'fence: items of a batch', 'fence: at the end of a lease, claim',
      'reissue: a rest sent again does not touch', 'send: a lost lease', 'mail: a lost lease',
      'events: after a lease', 'children: after a lease',
    ],
  },
  {
    breaks: 'a lost write still records',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        const journal = this.tables.journal(write.lease.runId, write.lease.generation);
        for (const entry of write.entries) this.keep(journal, entry, now);
        return super.commitOne(write, now);
      }
    },
    noticed: [
      'fence: after a lease is lost', 'fence: a run that rested', 'entries: an item with a value',
      'entries: an item with a NUL', 'locks: a write to a run', 'fence: items of a batch',
    ],
  },
  {
    breaks: 'what does not exist is done',
    Store: class extends MemoryStore {
      protected override closedBy({ runId }: TurnWrite['lease']) {
        return !this.tables.runs.has(runId);
      }
    },
    noticed: [
      'fence: a run that does not exist', 'fence: items of a batch', 'reissue: a settlement sent again',
      'reissue: a park sent again',
    ],
  },
  {
    breaks: 'whatever is settled is ours',
    Store: class extends MemoryStore {
      protected override closedBy() {
        return true;
      }
    },
    noticed: ['reissue: a settlement by another lease', 'fence: after a lease is lost'],
  },
  {
    breaks: 'a settlement is not recognised',
    Store: class extends MemoryStore {
      protected override closedBy() {
        return false;
      }
    },
    noticed: ['reissue: a settlement sent again', 'reissue: a park sent again'],
  },
  {
    breaks: 'a rest is not recognised',
    Store: class extends MemoryStore {
      protected override restedBy() {
        return false;
      }
    },
    noticed: ['reissue: a rest sent again'],
  },
  {
    breaks: 'a rest sent again rests again',
    Store: class extends MemoryStore {
      protected override commitOne(...[write, now]: Parameters<MemoryStore['commitOne']>) {
        const row = this.tables.ready.get(write.lease.runId);
        if (row !== undefined && write.end?.kind === 'rest' && row.restedFrom === write.lease.epoch) {
          row.dueAt = this.restDue(row, write.end, now);
          row.claim = null;
        }
        return super.commitOne(write, now);
      }
    },
    noticed: ['reissue: a rest sent again'],
  },
  {
    breaks: 'an expired lease may not write, claimed or not',
    Store: class extends MemoryStore {
      protected override owns(...[row, lease]: Parameters<MemoryStore['owns']>) {
        return super.owns(row, lease) && row.dueAt > this.now();
      }
    },
    noticed: ['fence: an owner whose lease ended', 'locks: a run whose lease ended'],
  },
  {
    breaks: 'settlement and claim both win',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        const expired = row.dueAt <= now;
        super.close(row, end, now);
        if (expired) this.tables.runOf(row.id).status = 'live';
      }
    },
    noticed: ['fence: at the end of a lease, settlement'],
  },
  {
    breaks: 'a claim at the end of a lease wins, and so does the settlement',
    Store: class extends MemoryStore {
      protected override quarantine(...[row, now]: Parameters<MemoryStore['quarantine']>) {
        const { epoch } = row;
        super.quarantine(row, now);
        row.epoch = epoch;
      }
    },
    noticed: ['quarantine: its last owner'],
  },
  {
    breaks: 'a renewal does not extend',
    Store: class extends MemoryStore {
      protected override renew(...[row, end, now]: Parameters<MemoryStore['renew']>) {
        const { dueAt } = row;
        super.renew(row, end, now);
        row.dueAt = dueAt;
      }
    },
    noticed: [
      'fence: a renewal extends', 'reissue: a renewal sent again', 'fence: an owner whose lease ended',
    ],
  },
  {
    breaks: 'a renewal moves the epoch',
    Store: class extends MemoryStore {
      protected override renew(...[row, end, now]: Parameters<MemoryStore['renew']>) {
        super.renew(row, end, now);
        row.epoch = this.nextEpoch(row.epoch, now);
      }
    },
    noticed: ['fence: a wake and a renewal', 'wake: an owner hears'],
  },
  {
    breaks: 'recording gives the lease back',
    Store: class extends MemoryStore {
      protected override write(...[row, write, now]: Parameters<MemoryStore['write']>) {
        if (write.end === null) row.dueAt = now;
        return super.write(row, write, now);
      }
    },
    noticed: ['entries: recording leaves the lease'],
  },
  {
    breaks: 'the last write of an entry wins',
    Store: class extends MemoryStore {
      protected override keep(...[journal, entry, at]: Parameters<MemoryStore['keep']>) {
        journal.set(entry.place, { ...entry, at });
      }
    },
    noticed: ['entries: the first write of a place'],
  },
  {
    breaks: 'an entry is not stored as it was',
    Store: class extends MemoryStore {
      protected override keep(...[journal, entry, at]: Parameters<MemoryStore['keep']>) {
        super.keep(journal, { ...entry, attempt: 1 }, at);
      }
    },
    noticed: ['entries: what was written is read'],
  },
  {
    breaks: 'an answer that is sent again has a new instant',
    Store: class extends MemoryStore {
      protected override recordedAt() {
        return null;
      }
    },
    noticed: ['reissue: entries sent again', 'reissue: a rest sent again is answered'],
  },
  {
    breaks: 'nothing is refused',
    Store: class extends MemoryStore {
      protected override refusal() {
        return null;
      }
    },
    noticed: [
      'entries: an item with a value', 'entries: an item with a NUL', 'fence: items of a batch',
      'start: a value that the database refuses', 'mail: a value that the database refuses',
      'events: a value that the database refuses', 'children: a value that the database refuses',
      'mail: a write that is refused', 'calls: what an attempt told',
    ],
  },
  {
    breaks: 'the limit is under 1 MiB',
    Store: class extends MemoryStore {
      protected override refusal(texts: Iterable<string | null>) {
        return [...texts].some((text) => (text?.length ?? 0) > 1_000_000) ? 'too long' : super.refusal(texts);
      }
    },
    noticed: ['entries: a value of exactly 1 MiB'],
  },
  {
    breaks: 'calls are due by the millisecond',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls(write, Math.ceil((at + 1) / 1_000) * 1_000);
      }
    },
    noticed: ['calls: they are due exactly', 'rest: the run is due exactly', 'calls: a later write'],
  },
  {
    breaks: 'the delay of a timer ends at 2^31 ms',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const calls = write.calls.map((call) => (
          { ...call, delayMs: Math.min(call.delayMs ?? 0, 2 ** 31 - 1) }));
        super.keepCalls({ ...write, calls }, at);
      }
    },
    noticed: ['calls: they are due exactly', 'rest: the run is due exactly'],
  },
  {
    breaks: "a caller's instant is never in the past",
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const calls = write.calls.map((call) => (
          { ...call, atMs: call.atMs === null ? null : Math.max(call.atMs, at / 1_000) }));
        super.keepCalls({ ...write, calls }, at);
      }
    },
    noticed: ["calls: a caller's instant"],
  },
  {
    breaks: 'the first write of a call wins',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        const known = this.tables.calls(write.lease.runId, write.lease.generation);
        const calls = write.calls.filter(({ place }) => !known.has(place));
        super.keepCalls({ ...write, calls: calls.reverse() }, at);
      }
    },
    noticed: ['calls: a later write', 'calls: the last of two writes'],
  },
  {
    breaks: 'calls are closed before they are written',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls({ ...write, calls: [] }, at);
        super.keepCalls({ ...write, closed: [] }, at);
      }
    },
    noticed: ['calls: one that is written and closed'],
  },
  {
    breaks: 'no call is closed',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls({ ...write, closed: [] }, at);
      }
    },
    noticed: [
      'calls: a closed one', 'calls: one that is written and closed', 'calls: a settlement removes',
    ],
  },
  {
    breaks: 'all calls are closed',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls(write, at);
        if (write.closed.length > 0) this.tables.calls(write.lease.runId, write.lease.generation).clear();
      }
    },
    noticed: ['calls: a closed one', 'calls: a settlement removes'],
  },
  {
    breaks: 'a call is closed in every run',
    Store: class extends MemoryStore {
      protected override keepCalls(...[write, at]: Parameters<MemoryStore['keepCalls']>) {
        super.keepCalls(write, at);
        for (const id of this.tables.runs.keys()) {
          for (const place of write.closed) this.tables.calls(id, write.lease.generation).delete(place);
        }
      }
    },
    noticed: ['calls: those of one run'],
  },
  {
    breaks: 'a settlement leaves its calls',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        const calls = new Map(this.tables.calls(row.id, 1));
        super.close(row, end, now);
        for (const [place, call] of calls) this.tables.calls(row.id, 1).set(place, call);
      }
    },
    noticed: ['calls: a settlement removes'],
  },
  {
    breaks: 'what ended stays in line',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        this.tables.ready.set(row.id, { ...row, claim: null });
      }
    },
    noticed: ['claim: a settled or parked run', 'reissue: a settlement sent again'],
  },
  {
    breaks: 'outcomes are forgotten',
    Store: class extends MemoryStore {
      protected override close(...[row, end, now]: Parameters<MemoryStore['close']>) {
        super.close(row, end, now);
        Object.assign(this.tables.runOf(row.id), { error: null, output: { codec: 'json', text: 'null' } });
      }
    },
    noticed: [
      'reads: a settled run shows', 'reads: every text', 'reads: undefined', 'wake: a run that ended',
    ],
  },
  {
    breaks: 'a park has no reason',
    Store: class extends MemoryStore {
      protected override record(...given: Parameters<MemoryStore['record']>) {
        return { ...super.record(...given), reason: null };
      }
    },
    noticed: ['reissue: a park sent again', 'reads: a settled run shows'],
  },
];
