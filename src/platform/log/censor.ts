/** What stands for a secret. */
export const CENSORED = '[redacted]';
const CUT = '[cut]';

/** Characters of one text that are looked at. The rest is cut off first, so that the work is bounded whoever sends the text. */
export const LONGEST_TEXT = 8_192;
/** Characters that one value has in all, with the names of its fields. */
const LONGEST_VALUE = 32_768;
/** Characters of a finished line; escapes make it longer than its fields. */
const LONGEST_LINE = 65_536;
/** What a value counts for besides its text. */
const COST = 8;
const DEPTH = 8;

/**
 * Fields that contain a secret at any depth. Names are compared without case, `-` and `_`. They are listed here and not registered by whoever has them: a
 * process must censor what it is sent, whichever features it has loaded.
 */
const SECRET_FIELDS = new Set(
  [
    'authorization',
    'cookie',
    'setcookie',
    'token',
    'bearer',
    'kubeconfig',
    'secret',
    'password',
    'passphrase',
    'privatekey',
    'clientkeydata',
    'clientkey',
  ].concat([
    'masterkey',
    'operatorkey',
    'datakey',
    'datakeysealed',
    'sealed',
    'apikey',
    'clientcertificatedata',
    'keydata',
    'credential',
    'credentials',
  ]),
);

type Pattern = readonly [RegExp, string];

/**
 * Patterns of secrets in text: our keys, private keys in PEM, JSON web tokens, bearer headers, passwords in URLs. Each needs time in proportion to the text: it
 * begins at a fixed text, and what it then repeats ends before the next such text, or always matches.
 */
const SECRETS: readonly Pattern[] = [
  [/\bslp_[\w-]+/g, `slp_${CENSORED}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, CENSORED],
  [/\beyJ[\w+/=-]{8,}[\w.+/=-]*/g, CENSORED],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${CENSORED}`],
  [/(:\/\/[^\s:/?#@"]*):[^\s/?#@"]+@/g, `$1:${CENSORED}@`],
];

/** Secrets that are recognized by what follows, at the end of a text that was cut there. The patterns above have been replaced before. */
const SECRETS_CUT: readonly Pattern[] = [
  [/\beyJ[\w+/=-]{0,7}$/, CENSORED],
  [/\b(bearer|basic)\s+[\w.~+/=-]{0,7}$/i, `$1 ${CENSORED}`],
  [/(:\/\/[^\s:/?#@"]*):[^\s/?#@"]*$/, `$1:${CENSORED}`],
];

const replaced = (text: string, patterns: readonly Pattern[]): string =>
  patterns.reduce((censored, [pattern, replacement]) => censored.replace(pattern, replacement), text);

/** The text with possible secrets removed, and cut to a bounded length before it is searched. */
export function censorText(text: string): string {
  if (text.length <= LONGEST_TEXT) return replaced(text, SECRETS);
  const kept = replaced(replaced(text.slice(0, LONGEST_TEXT), SECRETS), SECRETS_CUT);
  return `${kept}... (${text.length - LONGEST_TEXT} more characters)`;
}

/** A finished line of JSON without secrets. One that is too long is built anew from its fields, the message first. */
export function censorLine(line: string): string {
  if (line.length <= LONGEST_LINE) return replaced(line, SECRETS);
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  return `${JSON.stringify(censor({ level, time, message, ...fields }))}\n`;
}

const isSecretField = (name: string): boolean => SECRET_FIELDS.has(name.toLowerCase().replace(/[-_]/g, ''));

/** A copy of a value to be logged, without secrets, which are found by field name and by pattern, and of a bounded size. */
export const censor = (value: unknown): unknown => new Censor().value(value, 0);

/** Copies one value. */
class Censor {
  /** Characters that the copy may still have. Shared parts count each time, so that a small value cannot become a large copy. */
  private left = LONGEST_VALUE;

  value(value: unknown, depth: number): unknown {
    if (this.left <= 0) return CUT;
    this.left -= COST;
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    if (depth >= DEPTH) return '[deep]';
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Error) return this.error(value, depth);
    if (Array.isArray(value)) return this.list(value, depth);
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.value((value as { toJSON(): unknown }).toJSON(), depth + 1);
    return this.fields(value, depth);
  }

  private text(text: string): string {
    const censored = censorText(text);
    this.left -= censored.length;
    return censored;
  }

  private list(items: unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (const item of items) {
      if (this.left <= 0) return [...copy, CUT];
      copy.push(this.value(item, depth + 1));
    }
    return copy;
  }

  private fields(value: object, depth: number): object {
    const copy: [string, unknown][] = [];
    for (const [name, item] of Object.entries(value)) {
      if (this.left <= 0) {
        copy.push([CUT, CUT]);
        break;
      }
      copy.push([this.text(name), isSecretField(name) && item != null ? CENSORED : this.value(item, depth + 1)]);
    }
    return Object.fromEntries(copy);
  }

  /** An error's type, message, stack, code and cause. Other fields are dropped: they may contain, for example, a statement's parameters. */
  private error(error: Error, depth: number): object {
    const { code } = error as Error & { code?: unknown };
    return {
      type: this.text(error.name),
      message: this.text(error.message),
      stack: this.text(error.stack ?? ''),
      ...(typeof code === 'string' || typeof code === 'number' ? { code: this.value(code, depth + 1) } : {}),
      ...(error.cause === undefined ? {} : { cause: this.value(error.cause, depth + 1) }),
    };
  }
}
