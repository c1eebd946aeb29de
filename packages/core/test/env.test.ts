import { systemEnv } from '@perdure/core/engine';
import { expect, test } from 'vitest';

test('ids are ULIDs that never go back', () => {
  const ids = Array.from({ length: 100 }, () => systemEnv.newId());
  expect(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))).toBe(true);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(100);
});
