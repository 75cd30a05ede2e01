import { isatty } from 'node:tty';
import pino from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import type { PlatformSettings } from '../settings.ts';
import { censor, CENSORED, censorLine, censorText } from './censor.ts';

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

/** Options of every logger of the product. */
export function loggerOptions(config: Pick<PlatformSettings, 'logLevel'>): LoggerOptions {
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
      // A child's own fields bypass the formatters, so the finished line is censored too. No pattern matches across a quote.
      streamWrite: censorLine,
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
export const createLogger = (config: Pick<PlatformSettings, 'logLevel'>, destination = terminal()): Logger =>
  destination ? pino(loggerOptions(config), destination) : pino(loggerOptions(config));
