// What a heavy test expects at its end: that the data it leaves is as it always is.
import type { Client, Finding } from '@perdure/client';
import { expect } from 'vitest';

/** Expects that a check of the whole database finds nothing. */
export async function expectHealthy(client: Client): Promise<void> {
  const findings: Finding[] = [];
  for await (const finding of client.check()) findings.push(finding);
  // As text, so that a report names what was found.
  expect(findings.map((finding) => JSON.stringify(finding))).toEqual([]);
}
