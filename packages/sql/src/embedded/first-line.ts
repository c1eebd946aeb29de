// One line off a stream, after which the stream goes on being read, so that its end is seen.
// (`readline` would answer an error of the stream with one of its own that nobody catches.)
import type { Readable } from 'node:stream';

const longestLine = 64 * 1024;

/**
 * Resolves with the first line, or undefined where the stream ends, fails or says too much before its
 * newline.
 */
export function firstLine(stream: Readable): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      if (text.length > longestLine) return;
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end !== -1) resolve(text.slice(0, end));
      else if (text.length > longestLine) resolve(undefined);
    });
    stream.on('error', () => resolve(undefined));
    stream.on('close', () => resolve(undefined));
  });
}
