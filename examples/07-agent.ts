// An agent: a model is asked, its tools are called, what it says is streamed to whoever looks. Each answer of
// the model and each result of a tool is recorded once; after a crash the conversation goes on where it was.
import { connect, createClient, createWorker, workflow, type StepInfo } from 'perdure';

interface Reply {
  readonly tool?: { readonly name: 'weather'; readonly city: string };
  readonly text?: string;
}

// Stands for a model: asks for the weather once, and then answers word by word.
async function model(messages: readonly string[], step: StepInfo): Promise<Reply> {
  const weather = messages.find((message) => message.startsWith('weather: '));
  if (weather === undefined) return { tool: { name: 'weather', city: 'Lisbon' } };
  const text = `Take ${weather.includes('rain') ? 'an umbrella' : 'your sunglasses'} along`;
  for (const word of text.split(' ')) step.publish('words', word);
  return { text };
}

const tools = { weather: async (city: string) => `rain in ${city}` };

const agent = workflow('agent', async (ctx, question: string) => {
  const messages = [`question: ${question}`];
  for (let turn = 1; turn <= 10; turn++) {
    const reply = await ctx.step('ask the model', { timeout: '1 minute' }, (step) => model(messages, step));
    const { tool, text } = reply;
    if (text !== undefined) return text;
    if (tool === undefined) continue;
    const result = await ctx.step(`call ${tool.name}`, () => tools[tool.name](tool.city));
    ctx.publish('progress', `${tool.name}: ${result}`);
    messages.push(`${tool.name}: ${result}`);
  }
  throw new Error('The agent found no answer in ten turns');
});

const connection = await connect(process.env.DATABASE_URL ?? { embedded: true });
const worker = await createWorker({ connection, workflows: [agent] }).start();
const client = createClient({ connection });

const run = await client.start(agent, 'What should I take along?');
for await (const { offset, chunk } of run.stream<string>('words')) console.log(`${offset} ${chunk}`);
for await (const { chunk } of run.stream<string>('progress', { from: 0 })) console.log(chunk);
console.log(await run.result());

await worker.stop();
await connection.close();

// Output:
// 0 Take
// 1 an
// 2 umbrella
// 3 along
// weather: rain in Lisbon
// Take an umbrella along
