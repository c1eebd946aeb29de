// The token of a callback: what the outside needs to find the one promise that it keeps.
//
//   T1. It holds the run's id, its generation, and a key of 128 random bits that nobody can guess; the key is
//       the name of the box in which the answer comes.
import { WorkflowError } from './errors.js';
import { isName } from './names.js';

/** What a token says. */
export interface CallbackAddress {
  readonly runId: string;
  readonly generation: number;
  readonly key: string;
}

/** Makes a token: `<base64url of the run id>.<generation>.<key>`. */
export function makeToken({ runId, generation, key }: CallbackAddress): string {
  return `${Buffer.from(runId).toString('base64url')}.${generation}.${key}`;
}

const form = /^([\w-]{1,1020})\.([1-9]\d{0,8})\.([0-9a-f]{32})$/;

/**
 * Reads a token. Throws INVALID_TOKEN for anything that `makeToken` did not make. Whether the key is one of
 * the run's only the run can say: an answer to another key is waited for by nobody.
 */
export function parseToken(token: unknown): CallbackAddress {
  const [, id, generation, key] = form.exec(String(token)) ?? [];
  if (id === undefined || generation === undefined || key === undefined) throw noToken();
  const address = { runId: Buffer.from(id, 'base64url').toString(), generation: Number(generation), key };
  // Bits that say nothing and bytes that are no text would come back otherwise.
  if (makeToken(address) !== token || !isName(address.runId)) throw noToken();
  return address;
}

function noToken(): WorkflowError {
  return new WorkflowError('INVALID_TOKEN', 'This is no token of a callback. Pass the `token` of ' +
    'ctx.callback() as it is.');
}

/** The id of the message that answers a callback: there is one at most. */
export function callbackMessageId(key: string): string {
  return `callback:${key}`;
}
