import { isRecord } from '../../platform/json.ts';
import type { Budgets } from '../core/budgets.ts';
import { overBudget, unreadableAnswer } from './errors.ts';

const [quote, backslash, comma, openBracket, closeBracket, openBrace, closeBrace] = [34, 92, 44, 91, 93, 123, 125];

/** A structural byte near the root: `depth` is that of the container that it opens, separates or, after a closing byte, that remains. */
export interface Mark {
  kind: 'OPEN_LIST' | 'OPEN_OBJECT' | 'COMMA' | 'CLOSE';
  depth: number;
  index: number;
}

/** Marks are reported down to this depth. */
const markedDepth = 2;

/**
 * Counts nesting and values of a JSON text as its bytes arrive, so that a text that is expensive to parse (30 MB of `{},` take seconds and fill the memory)
 * is refused before it is parsed. It does not check that the text is JSON.
 */
export class JsonScan {
  private depth = 0;
  private values = 0;
  private inString = false;
  private escaped = false;

  constructor(
    private readonly budgets: Pick<Budgets, 'depth' | 'values'>,
    private readonly onMark?: (mark: Mark) => void,
  ) {}

  /** @throws KubernetesError as soon as a bound is exceeded */
  feed(chunk: Buffer): void {
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index] as number;
      if (this.inString) this.readString(byte);
      else if (byte === quote) this.inString = true;
      else if (byte === comma || byte === openBracket || byte === openBrace) this.count(byte, index);
      else if (byte === closeBracket || byte === closeBrace) {
        this.depth -= 1;
        if (this.depth < markedDepth) this.onMark?.({ kind: 'CLOSE', depth: this.depth, index });
      }
    }
  }

  /** Values are counted from zero again, because what has come so far is parsed by itself. */
  restart(): void {
    this.values = 0;
  }

  private readString(byte: number): void {
    if (this.escaped) this.escaped = false;
    else if (byte === backslash) this.escaped = true;
    else if (byte === quote) this.inString = false;
  }

  private count(byte: number, index: number): void {
    this.values += 1;
    if (this.values > this.budgets.values)
      throw overBudget(`The cluster sends JSON with more than ${this.budgets.values} values in one object.`);
    if (byte !== comma) {
      this.depth += 1;
      if (this.depth > this.budgets.depth)
        throw overBudget(`The cluster sends JSON that is nested deeper than ${this.budgets.depth} levels.`);
    }
    if (this.depth > markedDepth) return;
    const kind = byte === comma ? 'COMMA' : byte === openBracket ? 'OPEN_LIST' : 'OPEN_OBJECT';
    this.onMark?.({ kind, depth: this.depth, index });
  }
}

/** Parses a text that was scanned before. Throws without the parser's words, because they quote the text. */
export function parseScanned(text: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.toString('utf8'));
  } catch {
    throw unreadableAnswer('it is not a JSON object');
  }
  if (!isRecord(value)) throw unreadableAnswer('it is not a JSON object');
  return value;
}
