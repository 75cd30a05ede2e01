/** A value that is neither a list nor a map; null is one of its own. */
export type Scalar = string | number | boolean;

/**
 * What a scalar without quotes means to `kubectl`, which reads YAML 1.1 as the Go library `go.yaml.in/yaml/v2` does: `yes`, `on` and `y` are booleans, a
 * leading zero makes a number octal, digits may have underscores between them. There are neither sexagesimal numbers nor timestamps; both are strings.
 */

const WORDS = new Map<string, Scalar | null>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
const NO_NUMBER = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;

const NUMERIC = /^[-+.\d]/;
/** A number that begins with its point has underscores between digits alone; others have them anywhere. */
const FRACTION = /^\.\d+(_\d+)*([eE][-+]?\d+(_\d+)*)?$/;
const FLOAT = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/;
const INTEGER = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/;
const OCTAL = /^0[oO]?(?=[0-7])/;

/** JavaScript's own forms: `0b1`, `0o7`, `0xf`. A leading zero alone is an octal number here, and a decimal one there. */
const magnitude = (digits: string): bigint => BigInt(digits.replace(OCTAL, '0o'));

const MAX = 2n ** 64n - 1n;
const MIN = -(2n ** 63n);

/** The integer, or null if the text is none or has more than 64 bits: then it is read as a float. */
function integerOf(text: string): bigint | null {
  const match = INTEGER.exec(text);
  if (!match) return null;
  const value = magnitude(match[2] as string) * (match[1] === '-' ? -1n : 1n);
  // A sign keeps the value to 63 bits, as a signed number has them.
  return value > (match[1] === '' ? MAX : MAX >> 1n) || value < MIN ? null : value;
}

/** The value of a scalar without quotes; or why there is none that can be kept. */
export function plainValue(text: string): { value: Scalar | null } | { refused: string } {
  const word = WORDS.get(text);
  if (word !== undefined) return { value: word };
  if (NO_NUMBER.test(text)) return { refused: `${text} is not a finite number: quote it if it is a text` };
  if (!NUMERIC.test(text)) return { value: text };
  if (text.startsWith('.') && !FRACTION.test(text)) return { value: text };
  const digits = text.replaceAll('_', '');
  const integer = integerOf(digits);
  if (integer === null && !FLOAT.test(digits)) return { value: text };
  const value = integer === null ? Number(digits) : Number(integer);
  if (!Number.isFinite(value)) return { value: text };
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return { refused: `${text} is too large to be stored exactly: quote it if it is a text` };
  return { value: value === 0 ? 0 : value };
}
