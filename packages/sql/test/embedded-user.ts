// A process that uses the embedded server of a directory until its stdin ends, or it is killed.
import { startEmbedded } from '@perdure/sql';

const server = await startEmbedded({ directory: process.argv[2] });
process.stdout.write(`${server.url}\n`);
process.stdin.resume();
process.stdin.on('end', () => void server.stop());
