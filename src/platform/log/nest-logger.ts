import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

type Method = 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'fatal';

/** Nest's own messages about a start are only useful for debugging. */
const QUIET = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication', 'GraphQLModule']);

/** Nest's logger on ours, so that Nest's messages are censored too. The last string argument is the part that logs. */
export function nestLogger(logger: Logger): LoggerService {
  const say =
    (method: Method) =>
    (message: unknown, ...rest: unknown[]): void => {
      const part = typeof rest.at(-1) === 'string' ? (rest.pop() as string) : undefined;
      const quiet = method === 'info' && part !== undefined && QUIET.has(part) ? 'debug' : method;
      const fields = typeof message === 'object' && message !== null && !(message instanceof Error) ? message : {};
      const error = message instanceof Error ? message : rest.find((item) => item instanceof Error);
      const text = textOf(message);
      logger[quiet]({ ...fields, ...(part === undefined ? {} : { part }), ...(error === undefined ? {} : { error }) }, text);
    };
  return { log: say('info'), error: say('error'), warn: say('warn'), debug: say('debug'), verbose: say('trace'), fatal: say('fatal') };
}

function textOf(message: unknown): string {
  if (typeof message === 'string') return message;
  const said = typeof message === 'object' && message !== null && 'message' in message ? message.message : '';
  return typeof said === 'string' ? said : '';
}
