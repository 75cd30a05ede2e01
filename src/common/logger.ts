import pino from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import type { Config } from '../config.ts';

const CENSORED = '[redacted]';

/** Fields that hold a secret wherever they stand. Names are compared without case, `-` and `_`. */
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

/** The same for the fields of a child logger, which only paths reach. */
const SECRET_PATHS = [
  'authorization',
  'token',
  'kubeconfig',
  'secret',
  'password',
  'privateKey',
  'masterKey',
  'operatorKey',
  'dataKeySealed',
  'credential',
];

/** What looks like a secret inside any text: our keys, private keys in PEM, JSON web tokens, bearer headers, passwords in URLs. */
const SECRET_TEXTS: [RegExp, string][] = [
  [/\bslp_[A-Za-z0-9_-]+/g, `slp_${CENSORED}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, CENSORED],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?/g, CENSORED],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${CENSORED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*):[^\s/?#@"]+@/gi, `$1:${CENSORED}@`],
];
const DEPTH = 8;

/** The text without what looks like a secret. */
export function censorText(text: string): string {
  let censored = text;
  for (const [pattern, replacement] of SECRET_TEXTS) censored = censored.replace(pattern, replacement);
  return censored;
}

const isSecretField = (name: string): boolean => SECRET_FIELDS.has(name.toLowerCase().replace(/[-_]/g, ''));

/** A copy of anything that is to be logged, without secrets: by the field's name and by what a text looks like. */
export function censor(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return censorText(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth >= DEPTH) return '[deep]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return censorError(value, depth);
  if (Array.isArray(value)) return value.map((item) => censor(item, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function') return censor((value as { toJSON(): unknown }).toJSON(), depth + 1);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, isSecretField(name) && item != null ? CENSORED : censor(item, depth + 1)]),
  );
}

/** Of an error: type, message, stack, code and cause; other fields may carry anything, such as a statement's parameters. */
function censorError(error: Error, depth: number): object {
  const { code } = error as Error & { code?: unknown };
  return {
    type: error.name,
    message: censorText(error.message),
    stack: censorText(error.stack ?? ''),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: censor(error.cause, depth + 1) }),
  };
}

/** Options for every logger of the product, nestjs-pino's included. */
export function loggerOptions(config: Pick<Config, 'logLevel'>): LoggerOptions {
  return {
    level: config.logLevel,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
    errorKey: 'error',
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => censor(fields) as Record<string, unknown>,
      bindings: (fields) => censor(fields) as Record<string, unknown>,
    },
    serializers: { err: censor, error: censor },
    redact: { paths: SECRET_PATHS, censor: CENSORED },
    hooks: {
      // A child's own fields pass by the formatters; the finished line is looked at once more. None of the patterns reaches over a quote.
      streamWrite: censorText,
      logMethod(args, method) {
        const [first, ...rest] = args as unknown[];
        // An error alone would lend the line its message, which no serializer sees.
        const whole = first instanceof Error && rest.length === 0 ? [{ error: first }, first.message] : [first, ...rest];
        method.apply(this, whole.map((arg) => (typeof arg === 'string' ? censorText(arg) : arg)) as Parameters<typeof method>);
      },
    },
  };
}

/** The process's logger: lines of JSON on stdout. */
export const createLogger = (config: Pick<Config, 'logLevel'>, destination?: DestinationStream): Logger =>
  destination ? pino(loggerOptions(config), destination) : pino(loggerOptions(config));
