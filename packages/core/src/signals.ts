// The signals that a workflow declares: asked by who waits for one, and by who sends one.
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { WorkflowError } from './errors.js';
import { check, type Checked } from './schema.js';
import type { WorkflowDefinition } from './workflow.js';

/**
 * The schema of a signal; null where the workflow declares no signals at all. Throws SIGNAL_UNKNOWN for one
 * that is not among those it declares.
 */
export function signalSchema({ name, signals }: WorkflowDefinition, signal: string): StandardSchemaV1 | null {
  const schema = signals?.get(signal) ?? null;
  if (signals === null || schema !== null) return schema;
  const known = [...signals.keys()].map((one) => `'${one}'`).join(', ');
  throw new WorkflowError('SIGNAL_UNKNOWN', `Workflow '${name}' declares no signal '${signal}', only ` +
    `${known === '' ? 'none' : known}.`);
}

/** What the schema of a signal says of a payload; a failure is SIGNAL_INVALID. Throws SIGNAL_UNKNOWN. */
export function checkSignal(definition: WorkflowDefinition, signal: string, payload: unknown): Checked {
  const what = `The payload of signal '${signal}'`;
  return check(signalSchema(definition, signal), payload, { code: 'SIGNAL_INVALID', what });
}
