// The address of a database, before anybody connects to it. It holds a password, so no error repeats it.
import { WorkflowError } from '@perdure/core';
import pg from 'pg';

/** Throws NO_DATABASE for a text that the driver cannot read as an address. */
export function checkAddress(address: string): void {
  try {
    // Reads the address, the files that it names included, and opens nothing.
    void new pg.Client({ connectionString: address });
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isFile = code === 'ENOENT' || code === 'EACCES';
    const why = isFile ? 'a file that it names cannot be read' : 'it is no URL';
    throw new WorkflowError('NO_DATABASE', `The address of the database cannot be used: ${why}. Give one ` +
      "such as 'postgres://user:secret@localhost/app'; in the password, write what is no letter and no " +
      'digit as % with two digits.');
  }
}
