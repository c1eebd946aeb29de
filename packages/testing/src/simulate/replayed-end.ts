// Whether the record of a run that has ended leads its code to the same end, with the same result.
import type { Workflow } from '@perdure/core';
import type { Recorded } from '../replay/rehearsal.js';
import { Judge } from '../replay/judgement.js';

/** What a replay came to. */
export type ReplayedEnd = 'same' | { readonly differs: string };

/** Replays a record with these workflows. */
export async function judgedRunOf(recorded: Recorded, workflows: readonly Workflow[]): Promise<ReplayedEnd> {
  const verdict = await new Judge({ workflows }).judge(recorded);
  if (verdict.kind === 'unjudged') return { differs: verdict.message };
  if (verdict.kind === 'diverges') return { differs: verdict.difference.message };
  const { detail: { status, output } } = recorded;
  if (status !== 'completed' || verdict.output?.text === output.text) return 'same';
  return {
    differs: `the run returned ${output.text ?? 'undefined'}, and its replay ` +
      `${verdict.output?.text ?? 'undefined'}. What is not recorded must not decide what it returns`,
  };
}
