// The memory store says what PostgreSQL says: drawn schedules are played on both, by two sessions at a time.
import { MemoryStore } from '@perdure/core/engine';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { differential } from '../../testing/sim/differential/differential.js';
import { memorySide } from '../../testing/sim/differential/memory-side.js';
import { postgresSide } from '../../testing/sim/differential/postgres-side.js';
import { excuses, rules } from '../../testing/sim/differential/rules.js';
import { freshDatabase } from '../../testing/test/database.js';

const url = await freshDatabase();
const real = await postgresSide(url, 'differential');
afterAll(() => real.close());

const longest = 600_000;

/** Seeds from this one on. */
const seedsFrom = (first: number, count: number): number[] => (
  Array.from({ length: count }, (_, at) => first + at));

/** What is told of the first seed on which PostgreSQL differs from such a model. */
async function differs(model: typeof MemoryStore, mostPlays: number): Promise<string> {
  const sides = [memorySide((now) => new model({ now })), real] as const;
  const { found } = await differential(sides, seedsFrom(0, 60), { mostPlays });
  return found[0]?.text ?? 'nothing differs';
}

describe('the memory store beside PostgreSQL', () => {
  // Always the same ones, and those that found the last differences: a suite that changes with nobody's doing
  // is no help to who is told of it. Fresh seeds are those of the command.
  test('they answer alike', async () => {
    const seeds = [...seedsFrom(0, 40), 774, 1_242, 40_762, 60_431, 61_183];
    const { found, compared } = await differential([memorySide(), real], seeds);
    expect(found.map(({ text }) => text).join('\n')).toBe('');
    expect(compared.get('commit')).toBeGreaterThan(0);
  }, longest);

  test('a seed draws the same schedule every time', async () => {
    const [one, other] = [memorySide(), memorySide()];
    const first = await differential([one, memorySide()], seedsFrom(0, 20));
    const second = await differential([other, memorySide()], seedsFrom(0, 20));
    expect(first.found).toEqual([]);
    expect([...second.compared]).toEqual([...first.compared]);
  });
});

describe('what one of them breaks is found', () => {
  test('a model that lets anybody write', async () => {
    const text = await differs(class extends MemoryStore {
      protected override owns() {
        return true;
      }
    }, 20);
    expect(text).toMatch(/The stores differ under seed \d+, in the answer to/);
    expect(text).toMatch(/Again: node .*--seed=\d+$/);
  }, longest);

  test('a trigger that keeps what was taken in the inbox', async () => {
    const hands = new pg.Client({ connectionString: url });
    await hands.connect();
    try {
      await hands.query(`create function public.keep() returns trigger language plpgsql as
          'begin if pg_trigger_depth() = 1 and current_query() like ''%ok.mine%'' then return null; end if;
           return old; end';
        create trigger keep before delete on differential.inbox for each row execute function public.keep()`);
      expect(await differs(MemoryStore, 0)).toMatch(/The stores differ under seed/);
    } finally {
      await hands.query('drop function public.keep cascade');
      await hands.end();
    }
  }, longest);

  test('every rule and excuse has a name of its own, and a reason', () => {
    const all = [...rules, ...excuses];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { reason } of all) expect(reason.length).toBeGreaterThan(20);
  });
});
