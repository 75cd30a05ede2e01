import { isatty } from 'node:tty';
import pino from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import type { Config } from '../config.ts';

const CENSORED = '[redacted]';

/** Fields that contain a secret at any depth. Names are compared without case, `-` and `_`. */
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

/** The same fields as paths, for a child logger's own fields. */
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

/** Patterns of secrets in text: our keys, private keys in PEM, JSON web tokens, bearer headers, passwords in URLs. */
const SECRET_TEXTS: [RegExp, string][] = [
  [/\bslp_[A-Za-z0-9_-]+/g, `slp_${CENSORED}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, CENSORED],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?/g, CENSORED],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${CENSORED}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*):[^\s/?#@"]+@/gi, `$1:${CENSORED}@`],
];
const DEPTH = 8;

/** The text with possible secrets removed. */
export function censorText(text: string): string {
  let censored = text;
  for (const [pattern, replacement] of SECRET_TEXTS) censored = censored.replace(pattern, replacement);
  return censored;
}

const isSecretField = (name: string): boolean => SECRET_FIELDS.has(name.toLowerCase().replace(/[-_]/g, ''));

/** A copy of a value to be logged, without secrets, which are found by field name and by pattern. */
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

/** An error's type, message, stack, code and cause. Other fields are dropped: they may contain, for example, a statement's parameters. */
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

/** Options of every logger of the product. */
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
      // A child's own fields bypass the formatters, so the finished line is censored again. No pattern matches across a quote.
      streamWrite: censorText,
      logMethod(args, method) {
        const [first, ...rest] = args as unknown[];
        // pino would use the message of a lone error as the line's message, bypassing the serializers.
        const whole = first instanceof Error && rest.length === 0 ? [{ error: first }, first.message] : [first, ...rest];
        method.apply(this, whole.map((arg) => (typeof arg === 'string' ? censorText(arg) : arg)) as Parameters<typeof method>);
      },
    },
  };
}

/** The terminal that stdout is; undefined = it is none. Once it is closed, lines are dropped: pino would try to write them for ever, and the process not end. */
function terminal(): DestinationStream | undefined {
  if (!isatty(1)) return undefined;
  const stream = pino.destination({ dest: 1, sync: true });
  // pino drops lines by itself only where stdout is a pipe and its reader is gone.
  stream.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO') error.code = 'EPIPE';
  });
  return stream;
}

/** The process's logger. It writes lines of JSON to stdout. */
export const createLogger = (config: Pick<Config, 'logLevel'>, destination = terminal()): Logger =>
  destination ? pino(loggerOptions(config), destination) : pino(loggerOptions(config));
