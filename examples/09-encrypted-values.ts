// What a workflow is given, does and returns is stored encrypted: the database holds names, ids and times,
// and nothing else that could be read. Keys have ids, so that they can be changed while runs are on their
// way.
import { randomBytes } from 'node:crypto';
import { connect, createClient, createWorker, RunFailedError, workflow } from 'perdure';
import { aesGcm } from './aes-gcm.js';

const diagnose = workflow('diagnose', async (ctx, patient: { name: string; born: Date }) => {
  const findings = await ctx.step('examine', () => new Map([['blood pressure', 120], ['pulse', 60]]));
  if (patient.name === '') throw new RangeError('A patient without a name');
  return { patient, findings };
});

const address = process.env.DATABASE_URL ?? { embedded: true as const };
const keys = { spring: randomBytes(32), summer: randomBytes(32) };

// In spring, everything is written with the first key.
const first = aesGcm({ spring: keys.spring }, 'spring');
const spring = await connect(address, { schema: 'clinic', values: first });
let worker = await createWorker({ connection: spring, workflows: [diagnose] }).start();
const run = await createClient({ connection: spring }).start(diagnose, { name: 'Ada', born: new Date(0) });
const { patient, findings } = await run.result();
console.log(`${patient.name}, born in ${patient.born.getUTCFullYear()}: pulse ${findings.get('pulse')}`);
await worker.stop();

// In summer, with the second. What was written before is still read, with the first.
const summer = await connect(address, { schema: 'clinic', values: aesGcm(keys, 'summer') });
const client = createClient({ connection: summer });
console.log(`In summer: ${(await client.get(run).result()).patient.name}`);

// Errors are values as well: without a key, nobody learns what went wrong.
worker = await createWorker({ connection: summer, workflows: [diagnose] }).start();
const nameless = await client.start(diagnose, { name: '', born: new Date(0) });
const causeFor = async (reader: typeof client): Promise<string> => {
  const error = await reader.get(nameless).result().catch((thrown: unknown) => thrown);
  return error instanceof RunFailedError ? String(error.cause) : String(error);
};
console.log(await causeFor(client));
await worker.stop();

const stranger = await connect(address, { schema: 'clinic' });
const curious = createClient({ connection: stranger });
const gossip = (await causeFor(curious)).includes('patient');
console.log(gossip ? 'The stranger reads it' : 'The stranger cannot read it');
const secret = await curious.get(run).result().catch((error: Error & { code: string }) => error.code);
console.log(secret);

for (const each of [spring, summer, stranger]) await each.close();

// Output:
// Ada, born in 1970: pulse 60
// In summer: Ada
// RangeError: A patient without a name
// The stranger cannot read it
// VALUE_UNREADABLE
