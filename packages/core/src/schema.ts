// Standard Schemas at the two ends of a workflow: its input before the code runs, its output before it
// settles.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { WorkflowError } from './errors.js';
import { isThenable } from './is-thenable.js';
import type { AttemptEnd } from './step-info.js';
import type { WorkflowDefinition } from './workflow.js';

/** What a schema says: at once, or later. */
export type Checked = AttemptEnd | Promise<AttemptEnd>;

/**
 * Parses an input as the workflow's schema says; a failure is INPUT_INVALID with every issue and its path.
 */
export function checkInput(definition: WorkflowDefinition, value: unknown): Checked {
  return check(definition.input, value, { code: 'INPUT_INVALID', what: `The input of '${definition.name}'` });
}

/** Parses what the workflow returned; a failure is OUTPUT_INVALID. */
export async function checkOutput(definition: WorkflowDefinition, value: unknown): Promise<AttemptEnd> {
  const what = `The result of '${definition.name}'`;
  return check(definition.output, value, { code: 'OUTPUT_INVALID', what });
}

/** How a failure is told. */
export interface About {
  readonly code: string;
  readonly what: string;
}

/** Parses a value; without a schema it stays as it is. */
export function check(schema: StandardSchemaV1 | null, value: unknown, about: About): Checked {
  if (schema === null) return { ok: true, value };
  try {
    const result = schema['~standard'].validate(value);
    if (!isThenable(result)) return judge(result, about);
    return Promise.resolve(result).then((later) => judge(later, about))
      .catch((error: unknown) => ({ ok: false, error }));
  } catch (error) {
    return { ok: false, error };
  }
}

function judge(result: StandardSchemaV1.Result<unknown>, { code, what }: About): AttemptEnd {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issues = result.issues.map((issue) => `${pathOf(issue)}${issue.message}`).join('; ');
  return { ok: false, error: new WorkflowError(code, `${what} does not fit its schema: ${issues}`) };
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  const keys = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return keys.length === 0 ? '' : `${keys.join('.')}: `;
}
