import { bytesText } from '../core/budgets.ts';
import type { Budgets } from '../core/budgets.ts';
import { Bytes } from './bytes.ts';
import { overBudget } from './errors.ts';
import { JsonScan } from './json.ts';

const newline = 10;

/**
 * Splits a stream of bytes into lines of JSON, none longer or more expensive to parse than the budgets allow. An incomplete last line is dropped.
 *
 * @param spend called before the next chunk is read, with what the lines cost besides their bytes; waits while the cluster is over its rate
 */
export async function* readLines(
  body: AsyncIterable<Buffer>,
  budgets: Budgets,
  spend: (cost: number) => Promise<void>,
): AsyncGenerator<string> {
  const line = new Bytes();
  const keep = (part: Buffer): void => {
    if (line.length + part.length > budgets.watchLineBytes)
      throw overBudget(
        `A watch event is longer than ${bytesText(budgets.watchLineBytes)}.`,
        'Reduce the size of the object, or check what the API server sends.',
      );
    line.add(part);
  };
  for await (const chunk of body) {
    let start = 0;
    let cost = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      keep(chunk.subarray(start, end));
      new JsonScan(budgets).feed(line.view());
      const text = line.view().toString('utf8');
      line.clear();
      start = end + 1;
      cost += budgets.lineOverheadBytes;
      yield text;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
    await spend(cost);
  }
}
