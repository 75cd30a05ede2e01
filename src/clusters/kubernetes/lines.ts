import { unreadableAnswer } from './failures.ts';

const newline = 10;

/** Splits a stream of bytes into lines of UTF-8. Throws for a line longer than `maxBytes`. An incomplete last line is dropped. */
export async function* readLines(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  const keep = (part: Buffer): void => {
    size += part.length;
    if (size > maxBytes) throw unreadableAnswer(`a line is longer than ${maxBytes} bytes`);
    parts.push(part);
  };
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      keep(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      start = end + 1;
      yield line;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
}
